"""Which tensors share one scale, and which Concats may not because their ranges differ by 8x or more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.model.graph import GraphSummary
from workbench.quant.select import AFTER_LAST, PASS_THROUGH, Selection
from workbench.quant.wiring import wire

MAX_RANGE_RATIO = 8.0
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _Group:
    tensors: tuple[str, ...]
    sources: tuple[str, ...]


def threshold(limits: tuple[float, float]) -> float:
    """Return max(|low|, |high|) of a clip range."""
    return max(abs(limits[0]), abs(limits[1]))


def refused_concats(selection: Selection, ranges: Ranges) -> dict[str, str]:
    """Return quantized Concats whose shared group would span thresholds of 8x or more -> the reason in words.

    The whole group counts, through pass-through ops and other Concats, because all of it would get one scale.
    Concats are judged in the graph's order; a refused one no longer links its tensors.
    """
    refused: dict[str, str] = {}
    groups = _Groups(selection)
    for node, tensors in selection.links:
        if selection.roles[node] == "concat":
            reason = mixed_ranges(groups.sources(tensors), ranges)
            if reason:
                refused[node] = reason
                continue
        groups.join(tensors)
    return refused


def mixed_ranges(tensors: tuple[str, ...], ranges: Ranges) -> str:
    """Return why tensors may not share one scale, naming the widest and the narrowest, or "".

    Tensors that are always 0 fit any scale and do not count.
    """
    known = {name: threshold(ranges[name]) for name in tensors if name in ranges and threshold(ranges[name]) > 0.0}
    if not known:
        return ""
    wide, narrow = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    if known[wide] < MAX_RANGE_RATIO * known[narrow]:
        return ""
    return (
        f"one scale for ranges that differ by {MAX_RANGE_RATIO:g}x or more: "
        f"{wide} (threshold {known[wide]:.4g}) beside {narrow} (threshold {known[narrow]:.4g})"
    )


def shared_ranges(selection: Selection, ranges: Ranges) -> dict[str, tuple[float, float]]:
    """Return the clip range of every quantized tensor: the union of its group's own ranges."""
    groups = _Groups(selection)
    for _, tensors in selection.links:
        groups.join(tensors)
    result: dict[str, tuple[float, float]] = {}
    for name in selection.tensors:
        own = [ranges[source] for source in groups.sources((name,))]
        result[name] = min(low for low, _ in own), max(high for _, high in own)
    return result


def float_concat_inputs(graph: GraphSummary, selection: Selection) -> dict[str, tuple[str, ...]]:
    """Return the Concats after the last INT8 layer -> the tensors they join, looked up through pass-through ops."""
    wiring = wire(graph)

    def origin(name: str) -> str:
        node = wiring.producer.get(name)
        while node is not None and node.op_type in PASS_THROUGH and name not in selection.tensors:
            name = node.inputs[0]
            node = wiring.producer.get(name)
        return name

    return {
        node.name: tuple(dict.fromkeys(origin(name) for name in node.inputs))
        for node in graph.nodes
        if node.op_type == "Concat" and selection.float_nodes.get(node.name) == AFTER_LAST
    }


class _Groups:
    """Disjoint sets of tensors that share a scale, each with the tensors whose range is their own."""

    def __init__(self, selection: Selection) -> None:
        sources = set(selection.sources)
        self._of = {name: _Group((name,), (name,) if name in sources else ()) for name in selection.tensors}

    def sources(self, tensors: tuple[str, ...]) -> tuple[str, ...]:
        """Return the sources of the groups of `tensors`, without repetition, in order."""
        return tuple(dict.fromkeys(source for name in tensors for source in self._of[name].sources))

    def join(self, tensors: tuple[str, ...]) -> None:
        """Put all of `tensors` into one group."""
        parts = tuple(dict.fromkeys(member for name in tensors for member in self._of[name].tensors))
        group = _Group(parts, self.sources(tensors))
        self._of.update(dict.fromkeys(parts, group))
