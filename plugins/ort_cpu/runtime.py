"""ONNX Runtime on the CPU: the core's Q/DQ file in the spelling for which it has integer kernels throughout."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.installed import versions_of
from workbench_plugins.ort_cpu.canonical_nodes import nodes_of, save_nodes
from workbench_plugins.ort_cpu.cpu import Cpu, this_cpu
from workbench_plugins.ort_cpu.lowering import dialect_for, quantized_deviations, target_deviations
from workbench_plugins.ort_cpu.session import OrtCpuSession, checked_settings

from workbench.spi import (
    Availability,
    Context,
    Deviation,
    GraphSummary,
    OpenOptions,
    Prepared,
    QuantPlan,
    RealisedParameters,
    Scheme,
    Session,
    read_back_qdq,
)

COPIED = {"fp32": "ONNX, unchanged", "int8": "ONNX, as the tool-chain wrote it"}
PACKAGES = ("onnxruntime", "onnxruntime-gpu")
REMEDY = 'pip install "onnxruntime==1.31.1"'
SATURATES = "no VNNI: u8 x s8 products may saturate; option x64_quant_precision = true avoids it"
UNKNOWN_ISA = "instruction sets are not known: without VNNI u8 x s8 products may saturate"


class OrtCpuRuntime:
    """See `workbench.spi.Runtime`."""

    def probe(self) -> Availability:
        """Look at the installed packages and the processor; ONNX Runtime is not imported."""
        versions = versions_of(*PACKAGES)
        cpu = this_cpu()
        if not versions or importlib.util.find_spec("onnxruntime") is None:
            return Availability(False, "ONNX Runtime is not installed", REMEDY, versions, (f"CPU: {cpu}",), ())
        return Availability(True, isa_note(cpu), "", versions, (f"CPU: {cpu}",), ("fp32", "int8"))

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """List what differs on x64; refuses fp16, for which this provider has no kernels."""
        options = checked_settings(settings)
        if scheme.name == "fp16":
            return [_no_float16()]
        return quantized_deviations(graph, scheme, options) if scheme.is_quantized else []

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Write the float model, or a native tool-chain's, as it is, or the plan as Q/DQ for the target.

        Raises:
            ValueError: fp16, an unknown target or unknown options.
        """
        options = checked_settings(context.settings)
        context.check_cancelled()
        if context.precision not in ("fp32", "int8"):
            raise ValueError(f"ort_cpu prepares fp32 and int8, not {context.precision!r}")
        if context.precision == "fp32" or plan is None:
            artifact = context.copy_model(model)
            save_nodes(nodes_of(context.graph, None), artifact)
            return Prepared(artifact, notes={"format": COPIED[context.precision]})
        dialect = dialect_for(context.target, full_range_relu=options["full_range_relu"])
        artifact = context.qdq_model(dialect)
        save_nodes(nodes_of(context.graph, plan), artifact)
        notes = {
            "format": "ONNX with QuantizeLinear/DequantizeLinear",
            "target": context.target,
            "activation codes": dialect.activation,
            "activation functions": dialect.activation_function,
        }
        declared = context.declared_tensors(dialect)
        notes |= {"tensors after ReLU clamped at 255": str(len(declared))} if dialect.full_range_relu else {}
        return Prepared(artifact, target_deviations(context.target, plan), notes, declared)

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the Q/DQ file that ONNX Runtime itself reads. Raises ModelError."""
        return read_back_qdq(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        return OrtCpuSession(prepared, options)


def isa_note(cpu: Cpu) -> str:
    """Return what the instruction sets mean for the figures, or ""."""
    if cpu.saturates is None:
        return UNKNOWN_ISA
    return SATURATES if cpu.saturates else ""


def _no_float16() -> Deviation:
    return Deviation(
        node=None,
        requested="float16",
        realised="not realisable",
        reason="ONNX Runtime's CPU provider computes float16 graphs in float32",
        refuses=True,
    )


RUNTIME = OrtCpuRuntime()
