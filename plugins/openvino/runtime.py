"""OpenVINO on the CPU: reads the core's Q/DQ file directly, codes as uint8 with zero point 128."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.openvino.artifact import write_canonical_nodes
from workbench_plugins.openvino.as_written import take
from workbench_plugins.openvino.session import OpenVinoSession

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

REQUIREMENT = "openvino==2026.4.1"
# Signed codes are compiled to wrong numbers where Conv -> Relu branches meet in a Concat (SqueezeNet 1.1: 8 dB from the
# simulation, 41 dB with uint8); everywhere else both agree. uint8 costs 0 to 25 % of the speed.
DIALECT = Dialect(activation="uint8", activation_function="fused", bias="float32")
TARGETS = ("x64", "x64-no-vnni", "arm64")
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


class OpenVinoRuntime:
    """See `workbench.spi.Runtime`."""

    def probe(self) -> Availability:
        """Look at the installed packages only; nothing is imported."""
        try:
            version = importlib.metadata.version("openvino")
        except importlib.metadata.PackageNotFoundError:
            return Availability(
                ok=False, reason="openvino is not installed", remedy=f'pip install "{REQUIREMENT}"', precisions=()
            )
        wanted = REQUIREMENT.partition("==")[2]
        reason = "" if version == wanted else f"written for openvino {wanted}, found {version}"
        return Availability(
            ok=True, reason=reason, versions={"openvino": version}, devices=(f"CPU: {platform.machine()}",)
        )

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """List what differs: float16 is refused; codes are unsigned; a Conv before a residual Add is not rounded."""
        if scheme.name == "fp16":
            return [_no_float16()]
        if not scheme.quantizes_activations:
            return []
        spelled = [_shifted_codes()] if scheme.name == "S1" else []
        return [*spelled, *_fused_adds(graph, scheme)]

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Write the artifact: the float model or a native tool-chain's as it is, or the plan as Q/DQ.

        Raises:
            ValueError: fp16, or an unknown target.
        """
        context.check_cancelled()
        if context.target not in TARGETS:
            raise ValueError(f"openvino prepares for {', '.join(TARGETS)}, not {context.target!r}")
        if context.precision == "fp32":
            artifact = context.copy_model(model)
            write_canonical_nodes(artifact, (node.name for node in context.graph.nodes))
            return Prepared(artifact, notes={"format": "ONNX, unchanged"})
        if context.precision != "int8":
            raise ValueError(f"openvino prepares fp32 and int8, not {context.precision!r}")
        if plan is None:
            artifact = take(model, context)
            kind = "OpenVINO IR" if artifact.is_dir() else "ONNX"
            return Prepared(artifact, notes={"format": f"{kind}, as the tool-chain wrote it"})
        artifact = context.qdq_model(DIALECT)
        return Prepared(
            artifact, notes={"format": "ONNX with QuantizeLinear/DequantizeLinear", "codes": "uint8, zero point 128"}
        )

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the Q/DQ file that OpenVINO itself reads. Raises ModelError."""
        return read_back_qdq(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        return OpenVinoSession(prepared, options)


def _no_float16() -> Deviation:
    return Deviation(
        node=None,
        requested="float16",
        realised="not realisable",
        reason="OpenVINO has no float16 arithmetic on this kind of CPU; it would compute in float32",
        refuses=True,
    )


def _shifted_codes() -> Deviation:
    return Deviation(
        node=None,
        requested="int8 activations, zero point 0",
        realised="uint8 activations, zero point 128",
        reason="OpenVINO compiles some graphs of signed codes to wrong numbers; the reals are the same",
        codes_change=False,
    )


def _fused_adds(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Convs whose only reader is an Add of two activations: OpenVINO fuses the Add into the Conv."""
    if "Add" in scheme.exclude_op_types:
        return
    producers = {output: node for node in graph.nodes for output in node.outputs}
    readers = [name for node in graph.nodes for name in node.inputs]
    for add in graph.nodes:
        if add.op_type != "Add" or add.constant_inputs or add.name in scheme.exclude_nodes:
            continue
        convs = [producers[name] for name in add.inputs if name in producers and readers.count(name) == 1]
        conv = next((node for node in convs if _is_quantized_conv(node.op_type, node.name, scheme)), None)
        if conv is not None:
            yield Deviation(
                node=conv.name,
                requested="output rounded to INT8 before the Add",
                realised="added in float32, rounded once after the Add",
                reason="OpenVINO fuses Conv and Add into one kernel",
                codes_change=True,
            )


def _is_quantized_conv(op_type: str, name: str, scheme: Scheme) -> bool:
    return op_type in _CONVOLUTIONS and op_type not in scheme.exclude_op_types and name not in scheme.exclude_nodes


RUNTIME = OpenVinoRuntime()
