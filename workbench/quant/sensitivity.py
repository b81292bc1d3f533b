"""Which nodes to leave in float: what each gives alone, and which to add one after another.

Everything is asked of a callback `measure(float_nodes) -> NMSE`, the error of the plan with these nodes left in float.
Errors of a chain do not add up: a layer left in float still reads and writes codes for its INT8 neighbours, so that a
run of neighbours can give far more than its members do alone. Runs of neighbours are therefore tried too, and every
choice is measured together with the nodes chosen before.
NOT decided here: how a set is measured, and whether a point is good enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Nodes = tuple[str, ...]
Measure = Callable[[Nodes], float]

LONGEST_RUN = 3
"""Neighbours, in the graph's order, that are tried together."""
TRIED = 6
"""How many of the most promising nodes get their runs measured, and how many moves a step of the path measures."""


def sqnr_db(nmse: float) -> float:
    """Return -10 log10(NMSE) in dB; infinite for 0."""
    return -10.0 * math.log10(nmse) if nmse > 0.0 else math.inf


def gain_db(before: float, after: float) -> float:
    """Return by how many dB the SQNR rises from one NMSE to another; 0 where both are 0."""
    return 0.0 if before == after else sqnr_db(after) - sqnr_db(before)


def leave_one_out(nodes: Sequence[str], measure: Measure) -> dict[str, float]:
    """Return node -> gain in dB when it alone is left in float, the largest first; of equal ones in the order given."""
    all_int8 = measure(())
    gains = {node: gain_db(all_int8, measure((node,))) for node in nodes}
    return dict(sorted(gains.items(), key=lambda item: -item[1]))


def runs_around(nodes: Sequence[str], centres: Sequence[str], longest: int = LONGEST_RUN) -> list[Nodes]:
    """Return every run of 2 to `longest` neighbours in `nodes` that holds one of `centres`, short ones first."""
    runs = [
        tuple(nodes[start : start + length])
        for length in range(2, longest + 1)
        for start in range(len(nodes) - length + 1)
    ]
    return [run for run in runs if not set(run).isdisjoint(centres)]


def promises(nodes: Sequence[str], measure: Measure) -> dict[Nodes, float]:
    """Return move -> gain in dB with it alone in float: all single nodes, and the runs around the best of them."""
    singles = leave_one_out(nodes, measure)
    all_int8 = measure(())
    runs = {run: gain_db(all_int8, measure(run)) for run in runs_around(nodes, list(singles)[:TRIED])}
    return {**{(node,): gain for node, gain in singles.items()}, **runs}


def greedy_path(nodes: Sequence[str], measure: Measure, most: int, promised: Mapping[Nodes, float]) -> list[Nodes]:
    """Return growing sets of at most `most` float nodes, each holding the one before; nodes in the graph's order.

    Each step measures the moves that promise most per added node, together with what is chosen already, and takes the
    one that gives most dB per added node. The path ends where no move helps, or no error is left.

    Args:
        nodes: candidates in the graph's order.
        promised: move (one node, or several at once) -> gain in dB that it is expected to give; see `promises`.
    """
    path: list[Nodes] = []
    chosen: Nodes = ()
    error = measure(())
    while error > 0.0 and (sets := next_sets(nodes, chosen, most, promised)):
        errors = {wider: measure(wider) for wider in sets}
        best = max(errors, key=lambda wider: gain_db(error, errors[wider]) / (len(wider) - len(chosen)))
        if errors[best] >= error:
            break
        chosen, error = best, errors[best]
        path.append(chosen)
    return path


def next_sets(nodes: Sequence[str], chosen: Nodes, most: int, promised: Mapping[Nodes, float]) -> list[Nodes]:
    """Return the TRIED most promising sets that add one move to `chosen`, by promised dB per added node."""
    shares: dict[Nodes, float] = {}
    for move, gain in promised.items():
        wider = tuple(node for node in nodes if node in chosen or node in move)
        added = len(wider) - len(chosen)
        if added and len(wider) <= most:
            shares[wider] = max(gain / added, shares.get(wider, -math.inf))
    return sorted(shares, key=lambda wider: -shares[wider])[:TRIED]
