"""Who makes and who reads each tensor of a graph summary, and the few constants that selection looks at."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from workbench.model.graph import COMPUTE_OPS, GraphSummary, NodeSummary

UNPADDED = ("NOTSET", "VALID")
IN_SUBGRAPH = -1
"""In place of an input's index where a node's subgraphs read a tensor."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """A graph with its edges looked up.

    Attributes:
        producer: tensor -> node that makes it; graph inputs and initializers are absent.
        tensors: graph inputs and node outputs, in topological order.
    """

    graph: GraphSummary
    producer: Mapping[str, NodeSummary]
    tensors: tuple[str, ...]
    _readers: Mapping[str, tuple[tuple[NodeSummary, int], ...]]
    _before_compute: frozenset[str]

    def readers(self, tensor: str) -> tuple[tuple[NodeSummary, int], ...]:
        """Return (node, input index) of every reader of a tensor; IN_SUBGRAPH for what is inside of a node."""
        return self._readers.get(tensor, ())

    def is_only_reader(self, node: NodeSummary, tensor: str) -> bool:
        """Return whether `node` alone reads the tensor, which is no output of the graph."""
        outputs = {spec.name for spec in self.graph.outputs}
        return tensor not in outputs and [reader.name for reader, _ in self.readers(tensor)] == [node.name]

    def only_reader(self, tensor: str) -> NodeSummary | None:
        """Return the one node that reads a tensor, or None where there are more, none, or the graph gives it out."""
        readers = self.readers(tensor)
        return readers[0][0] if len(readers) == 1 and self.is_only_reader(readers[0][0], tensor) else None

    def leads_to_compute(self, node: NodeSummary) -> bool:
        """Return whether any Conv, ConvTranspose, Gemm or MatMul comes after the node, quantized or not."""
        return any(name in self._before_compute for name in node.outputs)

    def tensors_before(self, nodes: Set[str]) -> frozenset[str]:
        """Return every tensor from which a path leads into one of `nodes`."""
        found: set[str] = set()
        for node in reversed(self.graph.nodes):
            if node.name in nodes or any(name in found for name in node.outputs):
                found.update(name for name in (*node.inputs, *node.outer_reads) if name)
        return frozenset(found)

    def clip_bounds(self, node: NodeSummary) -> tuple[float | None, float | None]:
        """Return Clip's constant (min, max); None where a bound is absent or not known."""
        low, high = (self._constant(node, index, name) for index, name in ((1, "min"), (2, "max")))
        return low, high

    def pads_with_zero(self, node: NodeSummary) -> bool:
        """Return whether a Pad fills with the constant 0."""
        given = len(node.inputs) > 2 and node.inputs[2] != ""
        value = self._constant(node, 2, "value") if given else node.attributes.get("value", 0.0)
        mode = node.attributes.get("mode", "constant")
        return mode == "constant" and value == 0.0

    def pools_whole_plane(self, node: NodeSummary) -> bool:
        """Return whether a pool's kernel covers all of its input's spatial axes, without padding."""
        plane = self.graph.shapes.get(node.inputs[0], ())[2:]
        kernel = tuple(node.attributes.get("kernel_shape", ()))
        padded = any(node.attributes.get("pads", ())) or node.attributes.get("auto_pad", "NOTSET") not in UNPADDED
        return bool(kernel) and kernel == plane and not padded

    def _constant(self, node: NodeSummary, index: int, attribute: str) -> float | None:
        if len(node.inputs) > index and node.inputs[index]:
            values = self.graph.constants.get(node.inputs[index], ())
            return float(values[0]) if len(values) == 1 else None
        value = node.attributes.get(attribute)
        return None if value is None else float(value)


def wire(graph: GraphSummary) -> Wiring:
    """Look the edges of a graph up once."""
    readers: dict[str, list[tuple[NodeSummary, int]]] = {}
    producer: dict[str, NodeSummary] = {}
    tensors = [spec.name for spec in graph.inputs]
    for node in graph.nodes:
        for index, name in enumerate(node.inputs):
            if name:
                readers.setdefault(name, []).append((node, index))
        for name in node.outer_reads:
            readers.setdefault(name, []).append((node, IN_SUBGRAPH))
        for name in filter(None, node.outputs):
            producer[name] = node
            tensors.append(name)
    frozen = {name: tuple(value) for name, value in readers.items()}
    wiring = Wiring(graph, producer, tuple(tensors), frozen, frozenset())
    compute = {node.name for node in graph.nodes if node.op_type in COMPUTE_OPS}
    return Wiring(graph, producer, tuple(tensors), frozen, wiring.tensors_before(compute))
