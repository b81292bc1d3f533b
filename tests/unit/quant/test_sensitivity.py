"""Leave-one-out and the greedy path over errors that are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.quant.sensitivity import (
    TRIED,
    Measure,
    Nodes,
    frontier,
    gain_db,
    greedy_path,
    leave_one_out,
    most_measurements,
    next_sets,
    promises,
    runs_around,
    search,
    sqnr_db,
)

errors_of_nodes = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.floats(1e-6, 1.0), min_size=1, max_size=12
)


def additive(errors: Mapping[str, float]) -> Measure:
    """Every node in INT8 adds its own error."""
    return lambda floats: math.fsum(error for node, error in errors.items() if node not in floats)


@given(errors_of_nodes)
def test_with_errors_that_add_up_the_ranking_is_that_of_the_nodes_own_errors(errors: dict[str, float]) -> None:
    gains = leave_one_out(list(errors), additive(errors))
    found = [errors[node] for node in gains]
    assert sorted(gains) == sorted(errors)
    for higher, lower in pairwise(found):
        assert higher >= lower or higher == pytest.approx(lower, rel=1e-9)


@given(errors_of_nodes, st.integers(0, 8))
def test_a_path_grows_gets_better_and_stays_within_its_limit(errors: dict[str, float], most: int) -> None:
    nodes, measure = list(errors), additive(errors)
    path = greedy_path(nodes, measure, most, promises(nodes, measure))
    before: Nodes = ()
    for floats in path:
        assert set(before) < set(floats)
        assert len(floats) <= most
        assert list(floats) == [node for node in nodes if node in floats]
        assert measure(floats) < measure(before)
        before = floats
    assert bool(path) == (most > 0)


@given(errors_of_nodes)
def test_with_errors_that_add_up_and_single_moves_no_set_of_the_same_size_is_better(errors: dict[str, float]) -> None:
    nodes, measure = list(errors), additive(errors)
    singles: dict[Nodes, float] = {(node,): gain for node, gain in leave_one_out(nodes, measure).items()}
    for floats in greedy_path(nodes, measure, 4, singles):
        ideal = sorted(errors.values())[: len(errors) - len(floats)]
        assert measure(floats) == pytest.approx(math.fsum(ideal), rel=1e-9, abs=1e-12)


def test_a_run_of_neighbours_is_found_where_no_member_gives_anything_alone() -> None:
    nodes = list("abcdefghij")

    def measure(floats: Nodes) -> float:
        return 0.01 if set("cde") <= set(floats) else 1.0 - 0.001 * ("d" in floats)

    assert greedy_path(nodes, measure, 3, promises(nodes, measure)) == [("c", "d", "e")]
    singles: dict[Nodes, float] = {(node,): gain for node, gain in leave_one_out(nodes, measure).items()}
    assert greedy_path(nodes, measure, 1, singles) == [("d",)]


def test_a_path_ends_where_nothing_helps_and_where_no_error_is_left() -> None:
    nodes = ["a", "b"]
    assert greedy_path(nodes, lambda floats: 0.5, 2, {("a",): 1.0}) == []
    assert greedy_path(nodes, lambda floats: 0.5 + len(floats), 2, {("a",): 1.0}) == []
    only_a = additive({"a": 0.5, "b": 0.0})
    assert greedy_path(nodes, only_a, 2, promises(nodes, only_a)) == [("a",)]


def test_a_step_judges_what_a_move_gives_together_with_the_nodes_chosen_before() -> None:
    """Alone "b" promises more than "c"; beside "a" it gives nothing."""
    table = {(): 1.0, ("a",): 0.1, ("b",): 0.5, ("c",): 0.9, ("a", "b"): 0.1, ("a", "c"): 0.05}
    promised: dict[Nodes, float] = {("a",): 10.0, ("b",): 3.0, ("c",): 0.5}
    assert greedy_path("abc", table.__getitem__, 2, promised) == [("a",), ("a", "c")]


def test_moves_are_tried_by_what_they_promise_per_added_node() -> None:
    promised: dict[Nodes, float] = {("a",): 1.0, ("b", "c"): 3.0, ("c",): 0.1, ("a", "b", "c"): 9.0}
    assert next_sets("abcd", (), 2, promised) == [("b", "c"), ("a",), ("c",)]
    assert next_sets("abcd", ("a",), 3, promised) == [("a", "b", "c"), ("a", "c")]
    many: dict[Nodes, float] = {(str(i),): float(i) for i in range(10)}
    assert next_sets([str(i) for i in range(10)], (), 1, many) == [(str(i),) for i in range(9, 9 - TRIED, -1)]


def test_a_step_takes_what_gives_most_per_added_node_not_most_in_all() -> None:
    table = {(): 1.0, ("a",): 0.1, ("b",): 0.9, ("b", "c"): 0.05, ("a", "b"): 0.01}
    promised: dict[Nodes, float] = {("a",): 1.0, ("b", "c"): 9.0, ("b",): 0.1}
    assert greedy_path("abc", table.__getitem__, 2, promised) == [("a",), ("a", "b")]


def test_runs_hold_a_centre_and_are_neighbours() -> None:
    assert runs_around("abcd", ["a"], 3) == [("a", "b"), ("a", "b", "c")]
    assert runs_around("abc", [], 3) == []
    assert runs_around("a", ["a"], 3) == []


@given(errors_of_nodes, st.integers(0, 5))
def test_a_search_has_the_best_set_of_every_size_where_errors_add_up(errors: dict[str, float], most: int) -> None:
    nodes, asked = list(errors), additive(errors)
    found: dict[Nodes, float] = {}

    def measure(floats: Nodes) -> float:
        found[floats] = asked(floats)
        return found[floats]

    search(nodes, asked, measure, most)
    best = frontier(found)
    assert [len(floats) for floats in best] == list(range(1, min(most, len(nodes)) + 1))
    for floats in best:
        ideal = sorted(errors.values())[: len(errors) - len(floats)]
        assert found[floats] == pytest.approx(math.fsum(ideal), rel=1e-9, abs=1e-12)
    assert len(found) + len(nodes) <= most_measurements(len(nodes), most)


def test_the_frontier_leaves_out_what_a_smaller_set_does_as_well() -> None:
    errors: dict[Nodes, float] = {(): 1.0, ("a",): 0.5, ("b",): 0.4, ("a", "c"): 0.4, ("a", "b", "c"): 0.1}
    assert frontier(errors) == [("b",), ("a", "b", "c")]
    assert frontier({(): 0.0, ("a",): 0.0}) == []


def test_decibels() -> None:
    assert sqnr_db(0.01) == pytest.approx(20.0)
    assert sqnr_db(0.0) == math.inf
    assert gain_db(0.1, 0.01) == pytest.approx(10.0)
    assert (gain_db(0.0, 0.0), gain_db(0.1, 0.0)) == (0.0, math.inf)
