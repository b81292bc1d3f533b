"""What the Tune page says: the finding first, and the word simulated with every figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import tuned

from workbench.ui import tune_words as words
from workbench.ui.tuned import Estimate, Tuned


def _read(folder: Path, document: dict[str, Any] | None = None, **changes: Any) -> Tuned:
    return tuned.read((document or tuned.document()) | changes, folder)


def test_the_fewest_layers_that_reach_the_target(tmp_path: Path) -> None:
    assert words.finding(_read(tmp_path)) == "Two layers in float reach 23 dB (simulated): 96.1 % of MACs stay INT8."
    one = words.finding(_read(tmp_path, chosen=3))
    assert one.startswith("Three layers in float reach")


def test_all_int8_may_be_enough(tmp_path: Path) -> None:
    document = tuned.document(target={"sqnr_db": 15.0})
    document["points"][0]["meets_target"] = True
    found = _read(tmp_path, document, chosen=0)
    assert words.finding(found) == (
        "No layer needs float: with 100 % of MACs in INT8 the plan reaches 15 dB (simulated)."
    )


def test_nothing_reaches_it_and_what_comes_nearest(tmp_path: Path) -> None:
    found = _read(tmp_path, tuned.hard())
    said = words.finding(found)
    assert said.startswith("Nothing reaches 40 dB and a drop of at most 0.50 points (simulated). The best point,")
    assert "SQNR 26.1 dB [25.7, 26.5]" in said
    assert words.stopped_text(found).startswith("The time budget of 10 min ran out: 5 points were measured")


def test_what_cannot_be_told_is_not_called_a_failure(tmp_path: Path) -> None:
    document = tuned.document()
    for point in document["points"]:
        point["meets_target"] = None
    assert words.finding(_read(tmp_path, document, chosen=None)).startswith("Nothing surely reaches 23 dB")


def test_without_a_target_the_path_is_told(tmp_path: Path) -> None:
    said = words.finding(_read(tmp_path, tuned.unlabelled()))
    assert said.startswith("SQNR goes from 16.0 dB [15.6, 16.4] to 26.1 dB [25.7, 26.5] (simulated) when four layers")


def test_without_labels_accuracy_is_absent_with_its_reason(tmp_path: Path) -> None:
    found = _read(tmp_path, tuned.unlabelled())
    assert words.figures_of(found) == ["sqnr_db", "agreement"]
    assert words.why_absent(found) == "Without change in accuracy: the evaluation set has no labels."
    assert words.why_absent(_read(tmp_path)) == ""


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("sqnr_db", Estimate(15.8, (15.6, 16.0)), "15.8 dB [15.6, 16.0]"),
        ("agreement", Estimate(0.915, (0.885, 0.945)), "91.5 % [88.5, 94.5]"),
        ("accuracy_change_points", Estimate(-0.5, (-2.1, 1.1)), "\N{MINUS SIGN}0.5 points [\N{MINUS SIGN}2.1, +1.1]"),
        ("sqnr_db", Estimate(15.8, None), "not shown: no interval"),
        ("sqnr_db", Estimate(float("inf"), None), "identical"),
    ],
)
def test_a_figure_carries_its_unit_and_interval(key: Any, value: Estimate, text: str) -> None:
    assert words.figure_text(key, value) == text


def test_rows_list_every_layer_and_mark_the_points(tmp_path: Path) -> None:
    found = _read(tmp_path)
    rows = words.point_rows(found, in_study=0)
    headings = words.point_headings(found)
    assert all(len(row.cells) == len(headings) for row in rows)
    assert [heading.unit for heading in headings if "simulated" in heading.unit] == [
        "dB, simulated", "%, simulated", "points, simulated",
    ]  # fmt: skip
    assert rows[0].cells[0].note == "in the study"
    assert rows[2].cells[0].sub == "chosen"
    assert rows[2].cells[1].main == "conv1, block2.depthwise"
    assert [row.cells[-1].state for row in rows] == ["fail", "fail", "pass", "pass", "pass"]


def test_many_layers_name_what_is_new_and_count_the_rest(tmp_path: Path) -> None:
    found = _read(tmp_path, tuned.hard())
    last = found.points[4]
    assert not words.is_listed_in_full(last)
    text = words.listed_nodes(last.float_nodes, found.points[3].float_nodes)
    assert text == f"{last.float_nodes[3]} and 999 more"
    assert words.listed_nodes((), ()) == "none"


def test_a_model_without_macs_and_nodes_without_error_are_said(tmp_path: Path) -> None:
    document = tuned.document()
    document["points"][2]["int8_mac_share"] = None
    document["sensitivity"][0] |= {"mac_share": None, "sqnr_db": None, "gain_db": None}
    found = _read(tmp_path, document)
    assert "no MACs stay INT8" in words.finding(found)
    cells = words.sensitivity_rows(found.sensitivity)[0].cells
    assert [cell.main for cell in cells[2:]] == ["\N{EN DASH}", "no error left", "no error left"]


def test_conditions_say_whose_figures_these_are_not(tmp_path: Path) -> None:
    said = words.conditions(_read(tmp_path))
    assert "simulated on 200 evaluation samples" in said
    assert said.endswith("The runtimes' own figures come from running the study.")
