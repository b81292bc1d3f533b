"""Pairs nodes of the canonical graph with the kernels that ONNX Runtime made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workbench_plugins.ort_cpu.canonical_nodes import CanonicalNode
from workbench_plugins.ort_cpu.optimized import Kernel, producers

ADDED_OPS = frozenset({"QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput", "Cast", "Transpose"})
COMPUTE_KINDS = {"Conv": "Conv", "ConvTranspose": "ConvTranspose", "Gemm": "Gemm", "MatMul": "MatMul"}
OTHER_KINDS = {"MatMul": ("Gemm",), "Gemm": ("MatMul",)}
SPELLINGS = ("__quantized", "__float", "")


def match(nodes: tuple[CanonicalNode, ...], kernels: tuple[Kernel, ...]) -> dict[str, Kernel]:
    """Return node name -> the kernel that computed it; nodes that the runtime removed are absent.

    First by name and by output tensor. What is left was fused: into the kernel of a reader, else of its writer. A
    Conv, Gemm or MatMul only counts as fused into a kernel of its own kind that no other such node has.
    """
    found = _direct(nodes, kernels)
    taken = {found[node.name].name for node in nodes if _is_compute(node) and node.name in found}
    _fuse(reversed(nodes), found, taken, neighbours(nodes, forward=True))
    _fuse(nodes, found, taken, neighbours(nodes, forward=False))
    return found


def owners(nodes: tuple[CanonicalNode, ...], found: Mapping[str, Kernel]) -> dict[str, str]:
    """Return kernel name -> the node it stands for: its Conv, Gemm or MatMul, else its last node."""
    owner: dict[str, CanonicalNode] = {}
    for node in nodes:
        kernel = found.get(node.name)
        if kernel is not None and not (kernel.name in owner and _is_compute(owner[kernel.name])):
            owner[kernel.name] = node
    return {name: node.name for name, node in owner.items()}


def _direct(nodes: tuple[CanonicalNode, ...], kernels: tuple[Kernel, ...]) -> dict[str, Kernel]:
    by_name = {kernel.base_name: kernel for kernel in reversed(kernels)}
    by_name.update({kernel.name: kernel for kernel in kernels})
    own_transposes = {node.name for node in nodes if node.op_type == "Transpose"}
    written_by = producers(kernels)
    written = {name: _behind(name, written_by, own_transposes) for name in written_by}
    found = {}
    for node in nodes:
        kernel = _named_kernel(node, by_name) or _writing_kernel(node, written, by_name)
        if kernel is not None and _fits(node, kernel):
            found[node.name] = kernel
    return found


def _named_kernel(node: CanonicalNode, by_name: Mapping[str, Kernel]) -> Kernel | None:
    kernel = by_name.get(node.name)
    is_other = kernel is not None and kernel.op_type in ADDED_OPS and kernel.op_type != node.op_type
    return None if is_other else kernel


def _writing_kernel(
    node: CanonicalNode, written: Mapping[str, Kernel | None], by_name: Mapping[str, Kernel]
) -> Kernel | None:
    for name in node.outputs:
        for spelling in SPELLINGS:
            kernel = written.get(name + spelling)
            if kernel is not None:
                return kernel
        if name in by_name:
            return by_name[name]
    return None


def _behind(tensor: str, written_by: Mapping[str, Kernel], own_transposes: set[str]) -> Kernel | None:
    """Return the kernel that wrote a tensor, looking through ops that the runtime put in between."""
    kernel = written_by.get(tensor)
    while kernel is not None and kernel.op_type in ADDED_OPS and kernel.base_name not in own_transposes:
        kernel = written_by.get(kernel.inputs[0]) if kernel.inputs else None
    return kernel


def _fits(node: CanonicalNode, kernel: Kernel) -> bool:
    if not _is_compute(node):
        return True
    kinds = (COMPUTE_KINDS[node.op_type], *OTHER_KINDS.get(node.op_type, ()))
    return any(kind in kernel.op_type for kind in kinds)


def _is_compute(node: CanonicalNode) -> bool:
    return node.op_type in COMPUTE_KINDS


def _fuse(
    nodes: Iterable[CanonicalNode],
    found: dict[str, Kernel],
    taken: set[str],
    neighbours: Mapping[str, tuple[str, ...]],
) -> None:
    """Give nodes without a kernel the kernel of their first neighbour that has one; `taken` ones hold a compute op."""
    for node in nodes:
        if node.name in found:
            continue
        kernel = next((found[name] for name in neighbours[node.name] if name in found), None)
        if kernel is None or not _fits(node, kernel) or (_is_compute(node) and kernel.name in taken):
            continue
        found[node.name] = kernel
        if _is_compute(node):
            taken.add(kernel.name)


def neighbours(nodes: Iterable[CanonicalNode], *, forward: bool) -> dict[str, tuple[str, ...]]:
    """Return node name -> names of the nodes that read its outputs (forward) or write its inputs."""
    nodes = tuple(nodes)
    ends: dict[str, list[str]] = {}
    for node in nodes:
        for name in node.inputs if forward else node.outputs:
            ends.setdefault(name, []).append(node.name)
    return {
        node.name: tuple(end for name in (node.outputs if forward else node.inputs) for end in ends.get(name, ()))
        for node in nodes
    }
