"""The plugin surface: everything a plugin may import from the program, besides the errors of `workbench.errors`.

A plugin is a folder with `plugin.toml` (data) and code: `runtime.py` that defines `RUNTIME`, an object with the methods
of `Runtime`, or `quantizer.py` that defines `QUANTIZER`, one with the methods of `Quantizer`. The core owns clocks,
warm-up, loops, metrics and Q/DQ writing; a runtime translates, opens and runs, a quantizer makes another candidate.
Importing this module loads neither Qt, onnx nor a runtime.

NOT a runtime's duty: timing, calibration, comparing with the plan, choosing what to quantize, retrying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol

import numpy.typing as npt

from workbench.errors import RuntimeUnavailableError
from workbench.model.graph import GraphSummary
from workbench.quant.dialect import Dialect
from workbench.quant.parity import RealisedParameters
from workbench.quant.plan import QuantPlan, TensorParameters, WeightParameters
from workbench.quant.scheme import Scheme

__all__ = [
    "SPI_VERSION",
    "Arrays",
    "Availability",
    "Context",
    "Deviation",
    "Dialect",
    "GraphSummary",
    "OpenOptions",
    "Placement",
    "Prepared",
    "QuantPlan",
    "Quantizer",
    "RealisedParameters",
    "Runtime",
    "RuntimeUnavailableError",
    "Scheme",
    "Session",
    "TensorParameters",
    "WeightParameters",
    "read_back_qdq",
]

SPI_VERSION = 2
"""Version 2: `realise` gets the row's options, native tool-chains; plugins of version 1 are asked without options."""
Precision = Literal["fp32", "fp16", "int8"]
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Availability:
    """Answer of `probe()`.

    Attributes:
        ok: the runtime can be used here.
        reason: why not, or what is limited; one line.
        remedy: the exact line that mends it, or "".
        versions: library name -> version, the whole tool-chain of this runtime.
        devices: names of devices it would use, such as "CPU: AMD EPYC (avx512_vnni)".
        precisions: precisions that are real on these devices ("fp32", "fp16", "int8").
    """

    ok: bool
    reason: str = ""
    remedy: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp32", "int8")


@dataclass(frozen=True)
class Deviation:
    """Something the runtime does otherwise than the scheme asks.

    Attributes:
        node: node of the canonical graph, or None for the whole graph.
        requested, realised, reason: short texts.
        codes_change: whether integer codes differ because of it; None when it is not known.
        refuses: the scheme cannot be realised at all; nothing close to it is run instead.
    """

    node: str | None
    requested: str
    realised: str
    reason: str
    codes_change: bool | None = None
    refuses: bool = False


@dataclass(frozen=True)
class Placement:
    """Where and how one node of the canonical graph really ran, or an op that the runtime added.

    Attributes:
        node: canonical node's name; "" for an op the runtime added itself (a Q, DQ or layout copy).
        op_type: the runtime's name of the kernel or op.
        device: "CPU", "CUDA:0", ...
        precision: "int8", "fp32", "fp16", "bf16", "int32", ...: the precision it computed in.
        fused_into: name of the kernel that swallowed it, or "".
        reason: why it is not INT8, in words, or "".
        time_share: share of a profiled run spent in it, 0..1, or None when the runtime cannot tell.
    """

    node: str
    op_type: str
    device: str
    precision: str
    fused_into: str = ""
    reason: str = ""
    time_share: float | None = None


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote.

    Attributes:
        artifact: the file or folder the runtime loads, inside the context's work_dir.
        deviations: found while lowering, on top of `realise`.
        notes: facts for the sheet (opset, passes removed, ...).
        declared: tensors with other parameters than the plan's, which a deviation announces; parity is judged by them.
        declared_biases: float32 [C] biases with other values than the plan's, in the same way.
    """

    artifact: Path
    deviations: tuple[Deviation, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, TensorParameters] = field(default_factory=dict)
    declared_biases: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class OpenOptions:
    """How a session is opened.

    Attributes:
        precision: fp32 | fp16 | int8, the precision the artifact was prepared for.
        threads: intra-op threads, at least 1.
        batch: samples per run, at least 1.
        settings: the runtime row's `options` table, checked by the plugin (unknown keys raise ValueError).
        work_dir: folder for scratch files such as caches and profiles.
    """

    precision: str
    threads: int
    batch: int
    work_dir: Path
    settings: Mapping[str, Any] = field(default_factory=dict)


class Context(Protocol):
    """What the core hands to `prepare`."""

    @property
    def work_dir(self) -> Path:
        """Empty folder for the artifact."""

    @property
    def precision(self) -> str:
        """fp32 | fp16 | int8."""

    @property
    def target(self) -> str:
        """x64 | x64-no-vnni | arm64 | wasm | device; the machine the artifact is for."""

    @property
    def batch(self) -> int:
        """Samples per run, at least 1; for runtimes that compile for one batch."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The runtime row's `options` table."""

    @property
    def graph(self) -> GraphSummary:
        """The canonical graph that the plan speaks of."""

    def qdq_model(self, dialect: Dialect) -> Path:
        """Write the plan as a Q/DQ ONNX file into `work_dir` and return its path."""

    def declared_tensors(self, dialect: Dialect) -> Mapping[str, TensorParameters]:
        """Return the tensors that this dialect writes with other numbers than the plan's; {} unless it deviates."""

    def copy_model(self, model: Path) -> Path:
        """Copy an ONNX file and the external data it names into `work_dir`; return the copy's path."""

    def simulated_outputs(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run the plan in float (the simulated reference) on `feeds`."""

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell how far it is; cheap, may be called often."""

    def check_cancelled(self) -> None:
        """Raise JobCancelledError when the user asked to stop."""


class Session(Protocol):
    """A loaded model, ready to run. A context manager; nothing touches a device before `__enter__`."""

    def __enter__(self) -> Session:
        """Load; may take long (compilation)."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free everything."""

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run one batch.

        Args:
            feeds: model input name -> array of the declared dtype, C-contiguous; never written to.

        Returns:
            output name -> array the caller owns (not overwritten by the next run).
        """

    def placement(self) -> list[Placement]:
        """Return what the runtime really built, for every node of the canonical graph, and ops it added."""

    def facts(self) -> dict[str, str]:
        """Return settings as read back from the runtime (provider, precision hint, threads, spinning, ...)."""


class Runtime(Protocol):
    """A runtime plugin."""

    def probe(self) -> Availability:
        """Say whether it can be used; cheap, never raises, loads no device."""

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Say what this runtime would refuse or change; pure, imports no runtime, answers at once.

        Args:
            settings: the runtime row's `options` table. Raises ValueError on unknown options.
        """

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Write the artifact.

        Args:
            model: float32 ONNX file with the compared outputs added; not to be changed. For int8 without a plan: what
                a native tool-chain wrote, in a format that the manifest lists under `reads`; it is run as it is.
            plan: the plan for int8, None for fp32, fp16 and for a native tool-chain's artifact.
        """

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read every parameter back from the artifact alone; called in a fresh worker without the plan."""

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session for the artifact; loading happens in its `__enter__`."""


class Quantizer(Protocol):
    """A quantizer plugin: a native tool-chain that chooses the numbers itself, as another candidate beside ours."""

    def probe(self) -> Availability:
        """Say whether it can be used; cheap, never raises. `devices` and `precisions` tell nothing here."""

    def quantize(self, model: Path, samples: Sequence[Arrays], context: Context) -> Prepared:
        """Quantize a model and write the artifact into `context.work_dir`, in the format `writes` of the manifest.

        Args:
            model: float32 ONNX file with the compared outputs added; not to be changed.
            samples: feeds of one run each, the very ones our own calibration sees, in the same order. Read when they
                are asked for; may be gone through several times. Reading raises JobCancelledError, to be let through.
            context: `settings` holds every option of the manifest, defaults filled in. It has no plan, so that
                `qdq_model` and `simulated_outputs` raise ContractError.
        """

    def read_back(self, artifact: Path) -> Mapping[str, str]:
        """Read what the tool-chain chose back from the artifact alone; called in a fresh worker.

        Returns:
            name -> text for the sheet, at least "weights" and "activations" (how many, dtypes, symmetric or not, per
            channel or per tensor) and "float nodes" (what was left in float).
        """


def read_back_qdq(artifact: Path) -> RealisedParameters:
    """Read parameters back from a Q/DQ ONNX file, for plugins whose artifact is one. Raises ModelError."""
    from workbench.quant.qdq_reader import read_qdq  # noqa: PLC0415  (loads onnx)

    return read_qdq(artifact)
