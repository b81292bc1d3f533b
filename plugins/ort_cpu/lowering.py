"""How this runtime wants a plan spelled on each target, and what it does otherwise than the scheme asks."""

from __future__ import annotations

import shutil
from pathlib import Path

from workbench.spi import Deviation, Dialect, GraphSummary, QuantPlan, Scheme

OPSET = 13
# Biases are int32, because the session switches off the optimizer that would turn float biases into them.
_UNSIGNED = Dialect(activation="uint8", activation_function="integer_clip", bias="int32", opset=OPSET)
_SIGNED = Dialect(activation="int8", activation_function="integer_clip", bias="int32", opset=OPSET)
DIALECTS = {"x64": _UNSIGNED, "x64-no-vnni": _UNSIGNED, "arm64": _SIGNED}
FLOAT_ONLY_OPS = frozenset({"ConvTranspose"})
"""Ops of the schemes that ONNX Runtime computes in float between a DequantizeLinear and a QuantizeLinear."""


def dialect_for(target: str) -> Dialect:
    """Return the spelling for a target. Raises ValueError for one this runtime does not run on."""
    if target not in DIALECTS:
        raise ValueError(f"ort_cpu prepares for {', '.join(DIALECTS)}, not {target!r}")
    return DIALECTS[target]


def quantized_deviations(graph: GraphSummary, scheme: Scheme) -> list[Deviation]:
    """Return what is known before any number is: spelling of the codes, ops without an integer kernel."""
    if not scheme.quantizes_activations:
        return [_weight_only()]
    spelled = [_shifted_codes()] if scheme.name == "S1" else []
    return spelled + [
        _float_op(node.name, node.op_type)
        for node in graph.nodes
        if node.op_type in FLOAT_ONLY_OPS
        and node.op_type not in scheme.exclude_op_types
        and node.name not in scheme.exclude_nodes
    ]


def target_deviations(target: str, plan: QuantPlan) -> tuple[Deviation, ...]:
    """Return what a target adds: without VNNI, sums of two u8 x s8 products are clamped to 16 bits."""
    if target != "x64-no-vnni" or not plan.scheme.quantizes_activations:
        return ()
    return (
        Deviation(
            node=None,
            requested="exact 32-bit sums of products",
            realised="pairs of u8 x s8 products saturate at 16 bits",
            reason="x64 without VNNI; option x64_quant_precision = true widens the weights instead, and is slower",
            codes_change=None,
        ),
    )


def copy_model(model: Path, folder: Path) -> Path:
    """Copy an ONNX file and the external data files it names into `folder`; return the copy's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for location in _external_files(model):
        target = folder / location
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.parent / location, target)
    return Path(shutil.copyfile(model, folder / "model.onnx"))


def _external_files(model: Path) -> list[str]:
    import onnx  # noqa: PLC0415  (realise must not load it)
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data  # noqa: PLC0415  (as above)

    graph = onnx.load(str(model), load_external_data=False).graph
    return sorted({ExternalDataInfo(tensor).location for tensor in graph.initializer if uses_external_data(tensor)})


def _shifted_codes() -> Deviation:
    return Deviation(
        node=None,
        requested="int8 activations, zero point 0",
        realised="uint8 activations, zero point 128 (x64)",
        reason="x64 integer kernels take unsigned activations; every code is shifted by 128, the reals are the same",
        codes_change=False,
    )


def _weight_only() -> Deviation:
    return Deviation(
        node=None,
        requested="int8 weights, float32 compute",
        realised="weights dequantized in every run",
        reason="ONNX Runtime does not fold a DequantizeLinear of constants; smaller file, no speed-up",
        codes_change=False,
    )


def _float_op(node: str, op_type: str) -> Deviation:
    return Deviation(
        node=node,
        requested=f"INT8 {op_type}",
        realised="float32 between DequantizeLinear and QuantizeLinear",
        reason=f"ONNX Runtime has no integer kernel for {op_type}",
        codes_change=False,
    )
