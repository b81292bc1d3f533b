"""NVIDIA TensorRT through its own Python package: the first path on a Jetson, and without ONNX Runtime's providers."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench_plugins.ort_cpu.canonical_nodes import nodes_of, save_nodes
from workbench_plugins.ort_cuda.runtime import write_float16
from workbench_plugins.ort_nvidia.gpus import find_gpus
from workbench_plugins.ort_nvidia.libraries import load_error
from workbench_plugins.ort_nvidia.session import checked_settings
from workbench_plugins.ort_tensorrt.file_rules import check_file
from workbench_plugins.ort_tensorrt.graph_rules import OUTSIDE, judge_graph
from workbench_plugins.ort_tensorrt.runtime import DEFAULT_MAJOR, DIALECT
from workbench_plugins.tensorrt.device import CudaDevice
from workbench_plugins.tensorrt.elsewhere import LIBRARY
from workbench_plugins.tensorrt.session import SETTINGS, TensorRtSession, engine_file

from workbench.errors import ModelError
from workbench.spi import (
    Availability,
    Context,
    Deviation,
    GraphSummary,
    OpenOptions,
    Prepared,
    QuantPlan,
    RealisedParameters,
    RuntimeUnavailableError,
    Scheme,
    Session,
    read_back_qdq,
)

PLUGIN_ID = "tensorrt"
PACKAGE = "tensorrt"
ON_A_JETSON = "sudo apt install nvidia-jetpack"
PRECISIONS = ("fp32", "fp16", "int8")


class TensorRtRuntime:
    """See `workbench.spi.Runtime`.

    Attributes:
        package, device: TensorRT's package and the GPU; tests put stand-ins in their place.
    """

    def __init__(self, package: Callable[[], Any] | None = None, device: Callable[[int], Any] = CudaDevice) -> None:
        self.package, self.device = package or import_package, device

    def probe(self) -> Availability:
        """Look for the package, a GPU and its driver; where all are there, import the package: no device is started."""
        gpus = find_gpus()
        version = installed_version()
        versions = {"TensorRT": version} if version else {}
        versions |= {"NVIDIA driver": gpus.driver} if gpus.driver else {}
        reason, remedy = why_not(version, gpus.names, load_error(LIBRARY))
        reason = reason or self._import_problem()
        devices = tuple(f"GPU: {name}" for name in gpus.names)
        return Availability(not reason, reason, remedy, versions, devices, PRECISIONS)

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Judge scheme and graph by TensorRT's documented rules; see ort_tensorrt/graph_rules. Raises ValueError."""
        checked_settings(PLUGIN_ID, SETTINGS, settings)
        return [*map(all_or_nothing, judge_graph(graph, scheme)), *open_axes(graph)]

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Write the float model as it is or in float16, or the plan as Q/DQ; build the engine where the GPU is.

        Raises:
            ValueError: unknown options, or int8 without a plan.
            ModelError: TensorRT would refuse the file, or does.
        """
        checked_settings(PLUGIN_ID, SETTINGS, context.settings)
        for found in open_axes(context.graph):
            raise ModelError(f"No engine for {found.requested}", why=found.reason, how="Fix the axes in the model.")
        context.check_cancelled()
        artifact = self._written(model, plan, context)
        save_nodes(nodes_of(context.graph, plan), artifact)
        return Prepared(artifact, notes={"format": "ONNX, strongly typed", "engine": self._build(artifact, context)})

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the Q/DQ file that TensorRT's parser itself reads. Raises ModelError."""
        return read_back_qdq(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        return self._session(prepared, options)

    def _import_problem(self) -> str:
        try:
            self.package()
        except RuntimeUnavailableError as error:
            return str(error)
        return ""

    def _session(self, prepared: Prepared, options: OpenOptions) -> TensorRtSession:
        settings = checked_settings(PLUGIN_ID, SETTINGS, options.settings)
        return TensorRtSession(prepared, options, settings, self.package, self.device)

    def _written(self, model: Path, plan: QuantPlan | None, context: Context) -> Path:
        import onnx  # noqa: PLC0415  (realise must not load it)

        if context.precision == "fp32":
            return context.copy_model(model)
        if context.precision == "fp16":
            return write_float16(model, context.work_dir)
        if plan is None:
            raise ValueError("tensorrt prepares int8 with a plan only")
        artifact = context.qdq_model(DIALECT)
        check_file(onnx.load(str(artifact), load_external_data=False), artifact.name, major_version())
        return artifact

    def _build(self, artifact: Path, context: Context) -> str:
        """Build the engine beside the artifact, so that loading is loading alone; needs the device."""
        if not self.probe().ok:
            return "not built: no device here"
        context.progress(0, 1, "building the engine")
        options = OpenOptions(context.precision, 1, context.batch, context.work_dir, context.settings)
        with self._session(Prepared(artifact), options) as session:
            session.save_engine(engine_file(artifact))
        return "built while preparing"


def all_or_nothing(item: Deviation) -> Deviation:
    """Return a finding as it is here: what runs outside TensorRT there has no other provider here, and is refused."""
    if item.realised != OUTSIDE:
        return item
    reason = f"{item.reason}, and there is nothing else here that could run it"
    return replace(item, realised="not realisable", reason=reason, refuses=True)


def open_axes(graph: GraphSummary) -> list[Deviation]:
    """Return the inputs with an axis of any size beside the batch: an engine needs a range for each, a study has none.

    Source: TensorRT Documentation, "Working with Dynamic Shapes": every run-time dimension needs a profile.
    """
    reason = "TensorRT builds for known shapes, and a study tells the size of the batch alone"
    return [
        Deviation(None, f"{spec.name} with axes of any size", "not realisable", reason, refuses=True)
        for spec in graph.inputs
        if any(not isinstance(size, int) or size < 1 for size in spec.shape[1:])
    ]


def import_package() -> Any:
    """Return the package `tensorrt`. Raises RuntimeUnavailableError where it does not import."""
    try:
        return importlib.import_module(PACKAGE)
    except (ImportError, OSError) as error:
        raise RuntimeUnavailableError(f"TensorRT's Python package does not import: {error}") from error


def installed_version() -> str:
    """Return the version of TensorRT's Python package, "" where there is none; nothing is imported."""
    if importlib.util.find_spec(PACKAGE) is None:
        return ""
    names = importlib.metadata.packages_distributions().get(PACKAGE, [])
    return importlib.metadata.version(names[0]) if names else "unknown"


def major_version() -> int:
    """Return the major version of the package, DEFAULT_MAJOR where there is none or it does not tell."""
    major = installed_version().partition(".")[0]
    return int(major) if major.isdigit() else DEFAULT_MAJOR


def why_not(version: str, gpus: tuple[str, ...], driver_error: str) -> tuple[str, str]:
    """Return what is missing in words and what mends it, two empty texts where nothing is."""
    on_jetson = any("jetson" in name.lower() or "tegra" in name.lower() for name in gpus)
    problems = [] if gpus else ["no NVIDIA GPU is in this machine"]
    problems += [f"no NVIDIA driver ({LIBRARY})"] if driver_error else []
    problems += [] if version else ["TensorRT's Python package is not installed"]
    steps = [] if gpus else ["Use a machine with an NVIDIA GPU and its driver."]
    if not version:
        steps.append(ON_A_JETSON if on_jetson else f'{"" if gpus else "There: "}pip install "{PACKAGE}"')
    elif gpus and driver_error:
        steps.append("Install NVIDIA's driver.")
    return "; ".join(problems), " ".join(steps)


RUNTIME = TensorRtRuntime()
