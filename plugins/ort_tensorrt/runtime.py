"""TensorRT through ONNX Runtime: the plan as explicit Q/DQ, symmetric, biases in float, compiled into an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.ort_cpu.canonical_nodes import nodes_of, save_nodes
from workbench_plugins.ort_nvidia.probing import TENSORRT, Provider, availability, is_ready
from workbench_plugins.ort_nvidia.session import checked_settings
from workbench_plugins.ort_tensorrt.file_rules import check_file
from workbench_plugins.ort_tensorrt.graph_rules import judge_graph
from workbench_plugins.ort_tensorrt.session import SETTINGS, WITH_SAMPLES, OrtTensorRtSession, provider_major

from workbench.spi import (
    Availability,
    Context,
    Deviation,
    Dialect,
    GraphSummary,
    OpenOptions,
    Prepared,
    QuantPlan,
    RealisedParameters,
    Scheme,
    Session,
    read_back_qdq,
)

PLUGIN_ID = "ort_tensorrt"
REQUIREMENT = "onnxruntime-gpu==1.31.1"
DEFAULT_MAJOR = 10
DIALECT = Dialect(activation="int8", activation_function="fused", bias="float32", opset=13)
"""Conv -> Relu -> Q, s8 with zero point 0, weights as s8 behind a DequantizeLinear, biases float on their grid."""


class OrtTensorRtRuntime:
    """See `workbench.spi.Runtime`.

    Attributes:
        provider: TensorRT's; tests put the CPU's in its place.
    """

    def __init__(self, provider: Provider = TENSORRT) -> None:
        self.provider = provider

    def probe(self) -> Availability:
        """Look at package, GPU and libraries; where all is there, run one node in a process of its own."""
        return availability(self.provider, REQUIREMENT)

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Judge scheme and graph by TensorRT's documented rules; see graph_rules. Raises ValueError."""
        wants_half = checked_settings(PLUGIN_ID, SETTINGS, settings)["remainder"] == "fp16"
        return [*judge_graph(graph, scheme), *([half_remainder()] if wants_half and scheme.is_quantized else [])]

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Write the float model as it is, or the plan as Q/DQ, judged by TensorRT's documented rules.

        Raises:
            ValueError: unknown options, or int8 without a plan.
            ModelError: TensorRT would refuse the file.
        """
        checked_settings(PLUGIN_ID, SETTINGS, context.settings)
        context.check_cancelled()
        if context.precision == "int8":
            if plan is None:
                raise ValueError("ort_tensorrt prepares int8 with a plan only")
            artifact = context.qdq_model(DIALECT)
            notes = {"format": "ONNX with explicit QuantizeLinear/DequantizeLinear", **self._judged(artifact)}
        else:
            artifact, notes = context.copy_model(model), {"format": "ONNX, unchanged"}
        save_nodes(nodes_of(context.graph, plan), artifact)
        return Prepared(artifact, notes={**notes, "engine": self._build(artifact, context)})

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the Q/DQ file that TensorRT's parser itself reads. Raises ModelError."""
        return read_back_qdq(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        return self._session(prepared, options)

    def _session(self, prepared: Prepared, options: OpenOptions) -> OrtTensorRtSession:
        settings = checked_settings(PLUGIN_ID, SETTINGS, options.settings)
        return OrtTensorRtSession(prepared, options, self.provider, settings)

    def _build(self, artifact: Path, context: Context) -> str:
        """Build the engine into the cache beside the artifact, so that loading is loading alone; needs the device."""
        if not is_ready(self.provider):
            return "not built: no device here"
        context.progress(0, 1, "building the engine")
        options = OpenOptions(context.precision, 1, context.batch, context.work_dir, context.settings)
        with self._session(Prepared(artifact), options) as session:
            return "built while preparing" if session.has_engine else WITH_SAMPLES

    def _judged(self, artifact: Path) -> dict[str, str]:
        import onnx  # noqa: PLC0415  (realise must not load it)

        major = provider_major(TENSORRT) or DEFAULT_MAJOR
        check_file(onnx.load(str(artifact), load_external_data=False), artifact.name, major)
        return {"legality": f"legal by the documented rules of TensorRT {major}"}


def half_remainder() -> Deviation:
    """What the option remainder = "fp16" makes of a quantized scheme."""
    return Deviation(
        node=None,
        requested="layers left in float compute in float32",
        realised="they may compute in float16",
        reason='the row says remainder = "fp16"; every scale of the plan is exact in float16',
        codes_change=None,
    )


RUNTIME = OrtTensorRtRuntime()
