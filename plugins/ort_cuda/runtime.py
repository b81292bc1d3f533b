"""ONNX Runtime's CUDA provider: float on NVIDIA GPUs, FP16 too; INT8 as a simulation, which its row says.

It has no INT8 kernels for Conv: a Q/DQ graph runs as float kernels between Q and DQ. That shows what a scheme does to
the answers on this device, and is never an INT8 speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.ort_cpu.canonical_nodes import nodes_of, save_nodes
from workbench_plugins.ort_cuda.session import SETTINGS, OrtCudaSession
from workbench_plugins.ort_nvidia.probing import CUDA, Provider, availability
from workbench_plugins.ort_nvidia.session import checked_settings

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

PLUGIN_ID = "ort_cuda"
REQUIREMENT = "onnxruntime-gpu==1.31.1"
DIALECT = Dialect(activation="int8", activation_function="fused", bias="float32", opset=13)
SIMULATED_INT8 = "simulated INT8 (float kernels)"


class OrtCudaRuntime:
    """See `workbench.spi.Runtime`.

    Attributes:
        provider: the CUDA provider; tests put the CPU's in its place.
    """

    def __init__(self, provider: Provider = CUDA) -> None:
        self.provider = provider

    def probe(self) -> Availability:
        """Look at package, GPU and libraries; where all is there, run one node in a process of its own."""
        return availability(self.provider, REQUIREMENT)

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Every quantized scheme is simulated here."""
        return [simulated()] if scheme.is_quantized else []

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Write the float model as it is or in float16, or the plan as Q/DQ.

        Raises:
            ValueError: unknown options, or int8 without a plan.
        """
        checked_settings(PLUGIN_ID, SETTINGS, context.settings)
        context.check_cancelled()
        if context.precision == "int8":
            if plan is None:
                raise ValueError("ort_cuda prepares int8 with a plan only")
            artifact = context.qdq_model(DIALECT)
            notes = {"format": "ONNX with QuantizeLinear/DequantizeLinear", "evidence": "simulated"}
        elif context.precision == "fp16":
            artifact = write_float16(model, context.work_dir)
            notes = {"format": "ONNX in float16, inputs and outputs float32"}
        else:
            artifact, notes = context.copy_model(model), {"format": "ONNX, unchanged"}
        save_nodes(nodes_of(context.graph, plan), artifact)
        return Prepared(artifact, notes=notes)

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the Q/DQ file that ONNX Runtime itself reads. Raises ModelError."""
        return read_back_qdq(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        settings = checked_settings(PLUGIN_ID, SETTINGS, options.settings)
        return OrtCudaSession(prepared, options, self.provider, settings)


def simulated() -> Deviation:
    """What the CUDA provider makes of any quantized scheme."""
    return Deviation(
        node=None,
        requested="INT8 kernels",
        realised=SIMULATED_INT8,
        reason="the CUDA provider has no INT8 kernels for Conv and MatMul; codes are rounded, products are float",
        codes_change=False,
    )


def write_float16(model: Path, folder: Path) -> Path:
    """Write a model with float16 weights and compute into `folder`; inputs and outputs stay float32."""
    import onnx  # noqa: PLC0415  (realise must not load it)
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415  (as above)

    folder.mkdir(parents=True, exist_ok=True)
    converted = convert_float_to_float16(onnx.load(str(model)), keep_io_types=True, disable_shape_infer=True)
    path = folder / "model.fp16.onnx"
    onnx.save(converted, str(path))
    return path


RUNTIME = OrtCudaRuntime()
