"""Answers of many graphs that begin alike: what they share with a base graph is run once, in stages.

Leaving one layer in float changes nothing before it. Graphs whose first difference comes later and later, as when
layers are left out in the graph's order, need one pass over the base and one run of each graph's rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from workbench.model.protos import constants_of, read_names
from workbench.quant.staged import Graph, Staged

Array = npt.NDArray[Any]


class SharedStart:
    """A base graph with its runs; every node runs as written, so that a bit cannot depend on where a graph is cut.

    Args:
        runs: feeds of each run; the arrays are shared, never written to.
    """

    def __init__(self, base: Graph, runs: Sequence[Mapping[str, Array]]) -> None:
        self._base, self._runs = base, runs
        self._staged = Staged(base, runs, optimized=False)

    def answers(self, graph: Graph, names: Sequence[str]) -> list[list[Array]]:
        """Return the named graph outputs of a graph with the base's inputs and outputs, per name one array per run.

        Raises ModelError.
        """
        place = shared_nodes(self._base, graph)
        if place < self._staged.at:
            self._staged = Staged(self._base, self._runs, optimized=False)
        self._staged.advance(place)
        rest = self._staged.branch(graph)
        rest.finish()
        return [rest.values(name) for name in names]


def shared_nodes(base: Graph, other: Graph) -> int:
    """Return how many nodes both begin with, constants included, as far as a stage of `base` holds what comes next."""
    place = _equal_nodes(base, other)
    nodes, others = base.model.graph.node, other.model.graph.node
    outputs = {value.name for value in base.model.graph.output}
    constants = {*constants_of(other.model.graph), *other.weights}
    while place and not _needed(others[place:]) - constants <= _needed(nodes[place:]) | outputs:
        place -= 1
    return place


def _equal_nodes(base: Graph, other: Graph) -> int:
    constants = [constants_of(graph.model.graph) for graph in (base, other)]
    pairs = list(zip(base.model.graph.node, other.model.graph.node, strict=False))
    for place, (node, twin) in enumerate(pairs):
        names = list(read_names(node))
        is_same = node == twin and all(constants[0].get(name) == constants[1].get(name) for name in names)
        if not (is_same and all(_equal(base.weights.get(name), other.weights.get(name)) for name in names)):
            return place
    return len(pairs)


def _equal(one: Array | None, other: Array | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _needed(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """Return what these nodes read and do not make."""
    made: set[str] = set()
    read: set[str] = set()
    for node in nodes:
        read.update(read_names(node))
        made.update(node.output)
    return read - made
