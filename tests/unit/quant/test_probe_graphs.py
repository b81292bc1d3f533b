"""Probe graphs: certified, the same every time, and sharp enough to show one rounding too few or another rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.specification import simulated

from workbench.quant.certificate import certify
from workbench.quant.departure import ROUNDINGS
from workbench.quant.integer_graph import IntegerGraph
from workbench.quant.plan import load_plan, save_plan
from workbench.quant.probe_graphs import INPUT, OUTPUT, PATTERNS, SAMPLES, Pattern, make_probe

MOVES = ("MaxPool", "Concat")
"""Ops that hand codes on: rounding before them or after them is the same."""

SHIFTED = "adds the zero point 128 before it rounds"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_every_pattern_is_certified_and_simulated_exactly(pattern: Pattern) -> None:
    probe = make_probe(pattern)
    assert certify(probe.model, probe.plan).first_reason == ""
    expected = IntegerGraph(probe.model, probe.plan).run(probe.feeds)[OUTPUT]
    np.testing.assert_array_equal(simulated(probe.model, probe.plan, probe.feeds)[OUTPUT], expected)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_every_pattern_shows_each_other_rule(pattern: Pattern) -> None:
    """Of the samples' codes some differ under each other rule for ties, and under each inner rounding left out."""
    probe = make_probe(pattern)
    expected = IntegerGraph(probe.model, probe.plan).run(probe.feeds)[OUTPUT]
    for words, rule in ROUNDINGS.items():
        if words == SHIFTED and pattern.title != "Quantize near ties":
            continue  # only a value off the grid can get another code
        other = IntegerGraph(probe.model, probe.plan, rule).run(probe.feeds)[OUTPUT]
        assert np.any(other != expected), words
    moved = pattern.title.endswith(MOVES)
    for name in set() if moved else set(probe.plan.tensors) - {INPUT, "z", OUTPUT}:
        loose = IntegerGraph(probe.model, probe.plan, unrounded=frozenset({name})).run(probe.feeds)[OUTPUT]
        assert np.any(loose != expected), name


def test_codes_saturate_and_vary() -> None:
    for pattern in PATTERNS[:-1]:
        probe = make_probe(pattern)
        codes = IntegerGraph(probe.model, probe.plan).codes(probe.feeds, [INPUT, OUTPUT])
        assert len(codes[INPUT].steps) == SAMPLES
        assert codes[INPUT].codes.max() == 127, pattern.title
        assert np.unique(codes[OUTPUT].codes).size > 20, pattern.title


def test_names_are_unique_and_fit_for_files() -> None:
    names = [pattern.id for pattern in PATTERNS]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() and name.islower() for name in names)


def test_single_ops_come_first() -> None:
    pairs = ["+" in pattern.title for pattern in PATTERNS]
    assert pairs[:-1] == sorted(pairs[:-1])
    assert PATTERNS[-1].title == "Quantize near ties"


def test_all_samples_but_the_last_patterns_lie_on_a_grid_that_a_zero_point_does_not_disturb() -> None:
    for pattern in PATTERNS[:-1]:
        probe = make_probe(pattern)
        for name, values in probe.feeds.items():
            steps = values / np.float32(probe.plan.tensors[name].scale)
            np.testing.assert_array_equal((steps + np.float32(128)) - np.float32(128), steps)


def test_a_probe_is_the_same_every_time_and_survives_saving(tmp_path) -> None:
    first, again = make_probe(PATTERNS[0]), make_probe(PATTERNS[0])
    assert first.plan.sha256 == again.plan.sha256
    assert first.model.SerializeToString(deterministic=True) == again.model.SerializeToString(deterministic=True)
    np.testing.assert_array_equal(first.feeds[INPUT], again.feeds[INPUT])
    save_plan(first.plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json").sha256 == first.plan.sha256


def test_scales_are_powers_of_two_and_shared_where_codes_are_handed_on() -> None:
    probe = make_probe(next(pattern for pattern in PATTERNS if pattern.title == "Concat"))
    scales = {value.scale for value in probe.plan.tensors.values()}
    assert len(scales) == 1
    assert np.frexp(scales.pop())[0] == 0.5
    other = make_probe(next(pattern for pattern in PATTERNS if pattern.title == "Add"))
    assert other.plan.tensors["x"].scale != other.plan.tensors["z"].scale
    assert replace(other.plan.scheme, scale_rounding="float16") != other.plan.scheme
