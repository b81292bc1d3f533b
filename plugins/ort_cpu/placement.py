"""Says for every node of the canonical graph which kernel of ONNX Runtime computed it, and in what precision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workbench_plugins.ort_cpu.canonical_nodes import CanonicalNode, CanonicalNodes
from workbench_plugins.ort_cpu.matching import match, neighbours, owners
from workbench_plugins.ort_cpu.optimized import Kernel

from workbench.spi import Placement

DEVICE = "CPU"
NO_KERNEL = "no integer kernel for this op in ONNX Runtime"
NOT_TAKEN = "ONNX Runtime's integer kernel needs quantized inputs, an int32 bias and a quantized output"
AFTER_LAST = "after the last INT8 layer"
BEFORE_FIRST = "before the first INT8 layer"
WEIGHT_ONLY = "8-bit weights, float32 compute"
NOT_FOUND = "not found in the graph that ONNX Runtime built"
REMOVED = "removed by ONNX Runtime's optimizer"
COMPUTE_OPS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
INTEGER_OPS = COMPUTE_OPS - {"ConvTranspose"}
WEIGHT_OPS = frozenset({"DequantizeLinear", "MatMulNBits"})


def placements(canonical: CanonicalNodes, kernels: tuple[Kernel, ...], shares: Mapping[str, float]) -> list[Placement]:
    """Return exactly one Placement per canonical node, in its order, then one per op that ONNX Runtime added.

    Args:
        canonical: nodes, and the plan's reasons for float.
        kernels: the optimized graph.
        shares: kernel name -> share 0..1 of a profiled run; empty when none was profiled.
    """
    found = match(canonical.nodes, kernels)
    owner = owners(canonical.nodes, found)
    reasons = _reasons(canonical, kernels, found)
    listed = [_placement(node, found.get(node.name), owner, reasons, shares) for node in canonical.nodes]
    used = {kernel.name for kernel in found.values()}
    return listed + [_added(kernel, shares) for kernel in kernels if kernel.name not in used]


def _placement(
    node: CanonicalNode,
    kernel: Kernel | None,
    owner: Mapping[str, str],
    reasons: Mapping[str, str],
    shares: Mapping[str, float],
) -> Placement:
    if kernel is None:
        is_compute = node.op_type in COMPUTE_OPS
        precision, reason = ("unknown", NOT_FOUND) if is_compute else ("fp32", REMOVED)
        return Placement(node.name, node.op_type, DEVICE, precision, reason=reason)
    precision = "int8" if kernel.is_integer else "fp32"
    if owner[kernel.name] != node.name:
        return Placement(node.name, node.op_type, DEVICE, precision, fused_into=kernel.name)
    reason = "" if kernel.is_integer else reasons.get(node.name, "")
    return Placement(node.name, kernel.op_type, DEVICE, precision, "", reason, shares.get(kernel.name))


def _added(kernel: Kernel, shares: Mapping[str, float]) -> Placement:
    precision = "int8" if kernel.is_integer else "fp32"
    return Placement("", kernel.op_type, DEVICE, precision, time_share=shares.get(kernel.name))


def _reasons(canonical: CanonicalNodes, kernels: tuple[Kernel, ...], found: Mapping[str, Kernel]) -> dict[str, str]:
    """Return node name -> why it is not an integer kernel; empty for a float artifact."""
    planned = canonical.float_reasons
    if not any(kernel.op_type == "QuantizeLinear" for kernel in kernels):
        is_weight_only = any(kernel.op_type in WEIGHT_OPS for kernel in kernels)
        nodes = [node.name for node in canonical.nodes if node.op_type in COMPUTE_OPS]
        return {name: planned.get(name, WEIGHT_ONLY) for name in nodes} if is_weight_only else {}
    integer = {name for name, kernel in found.items() if kernel.is_integer}
    later = _reaching(reversed(canonical.nodes), neighbours(canonical.nodes, forward=True), integer)
    earlier = _reaching(canonical.nodes, neighbours(canonical.nodes, forward=False), integer)
    reasons = {}
    for node in canonical.nodes:
        words = [AFTER_LAST] if node.name not in later else [BEFORE_FIRST] if node.name not in earlier else []
        words += [planned[node.name]] if node.name in planned else []
        words += [NOT_TAKEN] if node.op_type in INTEGER_OPS and node.name not in planned else []
        reasons[node.name] = "; ".join(dict.fromkeys(words)) or NO_KERNEL
    return reasons


def _reaching(nodes: Iterable[CanonicalNode], next_names: Mapping[str, tuple[str, ...]], integer: set[str]) -> set[str]:
    """Return the nodes from which an integer node is reached; `nodes` in the order opposite to the walk."""
    reaching: set[str] = set()
    for node in nodes:
        if any(name in integer or name in reaching for name in next_names[node.name]):
            reaching.add(node.name)
    return reaching
