"""How this runtime wants a plan spelled on each target, and what it does otherwise than the scheme asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.spi import Deviation, Dialect, GraphSummary, QuantPlan, Scheme

OPSET = 13
# Biases are int32, because the session switches off the optimizer that would turn float biases into them.
_UNSIGNED = Dialect(activation="uint8", activation_function="integer_clip", bias="int32", opset=OPSET)
_SIGNED = Dialect(activation="int8", activation_function="integer_clip", bias="int32", opset=OPSET)
DIALECTS = {"x64": _UNSIGNED, "x64-no-vnni": _UNSIGNED, "arm64": _SIGNED}
FLOAT_ONLY_OPS = frozenset({"ConvTranspose"})
"""Ops of the schemes that ONNX Runtime computes in float between a DequantizeLinear and a QuantizeLinear."""


def dialect_for(target: str, *, full_range_relu: bool = False) -> Dialect:
    """Return the spelling for a target.

    Raises:
        ValueError: this runtime does not run on the target, or `full_range_relu` is asked for where codes are signed.
    """
    if target not in DIALECTS:
        raise ValueError(f"ort_cpu prepares for {', '.join(DIALECTS)}, not {target!r}")
    dialect = DIALECTS[target]
    if full_range_relu and dialect.activation != "uint8":
        raise ValueError(f"ort_cpu option full_range_relu needs unsigned codes; on {target} they are signed")
    return replace(dialect, full_range_relu=full_range_relu)


def quantized_deviations(graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
    """Return what is known before any number is: spelling of the codes, ops without an integer kernel.

    Args:
        settings: options of the row, all of them (`session.checked_settings`).
    """
    if not scheme.quantizes_activations:
        return [_weight_only()]
    spelled = [_shifted_codes()] if scheme.name == "S1" else []
    spelled += [_full_range_relu()] if scheme.name == "S1" and settings["full_range_relu"] else []
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


def _shifted_codes() -> Deviation:
    return Deviation(
        node=None,
        requested="int8 activations, zero point 0",
        realised="uint8 activations, zero point 128 (x64)",
        reason="x64 integer kernels take unsigned activations; every code is shifted by 128, the reals are the same",
        codes_change=False,
    )


def _full_range_relu() -> Deviation:
    return Deviation(
        node=None,
        requested="int8 activations after ReLU, clamped at code 127",
        realised="uint8 activations after ReLU, zero point 0, clamped at code 255 (x64)",
        reason="option full_range_relu: saturation is the ReLU, no Clip is left; values beyond the clamp are kept",
        codes_change=True,
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
