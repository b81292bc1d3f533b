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
TRIED = 5
"""How many of the most promising nodes get their runs measured, and how many moves a step of a path measures."""


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


def search(nodes: Sequence[str], plain: Measure, measure: Measure, most: int) -> None:
    """Measure the sets of at most `most` nodes that a good choice is found among; see `frontier`.

    Two paths: one adds single nodes alone, so that no size is left out, the other runs of neighbours too.

    Args:
        nodes: candidates in the graph's order.
        plain: a cheaper measure, which only ranks.
    """
    promised = promises(nodes, plain)
    singles: dict[Nodes, float] = {move: gain for move, gain in promised.items() if len(move) == 1}
    for moves in (promised, singles):
        greedy_path(nodes, measure, most, moves)


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


def frontier(errors: Mapping[Nodes, float]) -> list[Nodes]:
    """Return the best set of each size, small ones first; a set that is no better than a smaller one is left out.

    Args:
        errors: set -> NMSE of everything measured; () must be in it to be compared with, and is not returned.
    """
    best: list[Nodes] = []
    for floats in sorted(errors, key=lambda floats: (len(floats), errors[floats])):
        if not best or (len(floats) > len(best[-1]) and errors[floats] < errors[best[-1]]):
            best.append(floats)
    return [floats for floats in best if floats]


def next_sets(nodes: Sequence[str], chosen: Nodes, most: int, promised: Mapping[Nodes, float]) -> list[Nodes]:
    """Return the TRIED most promising sets that add one move to `chosen`, by promised dB per added node."""
    shares: dict[Nodes, float] = {}
    for move, gain in promised.items():
        wider = tuple(node for node in nodes if node in chosen or node in move)
        added = len(wider) - len(chosen)
        if added and len(wider) <= most:
            shares[wider] = max(gain / added, shares.get(wider, -math.inf))
    return sorted(shares, key=lambda wider: -shares[wider])[:TRIED]


def most_measurements(nodes: int, most: int) -> int:
    """Return how many sets `search` measures at most."""
    runs = TRIED * sum(range(2, LONGEST_RUN + 1))
    return 2 + nodes + runs + 2 * most * TRIED
