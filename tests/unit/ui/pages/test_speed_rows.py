from __future__ import annotations

from helpers import results
from helpers.speed_folders import six_runtimes

from workbench.execution.result import Result
from workbench.report import numbers
from workbench.ui.pages.speed_rows import HEADINGS, NO_SPEED, conditions, findings, table_rows, trust_rows


def test_conditions_are_words() -> None:
    shared = {"scenario": "single_stream", "batch": "1", "threads": "2", "rounds": "5, cells taking turns"}
    assert conditions(six_runtimes(conditions=shared)).split(" \N{MIDDLE DOT} ") == [
        "single stream", "batch 1", "2 threads", "5 rounds, runs taking turns",
    ]  # fmt: skip
    assert conditions(results.all_null()) == ""


def test_conditions_that_differ_are_all_named() -> None:
    document = results.ordinary_document()
    timed = [run for run in document["runs"] if "throughput_per_s" in run]
    for number, run in enumerate(timed):
        run["throughput_per_s"] = {**run["throughput_per_s"], "conditions": {"threads": str(1 + number % 2)}}
    assert conditions(Result.model_validate(document)) == "1 or 2 threads"


def test_long_conditions_that_differ_are_left_to_the_runs() -> None:
    document = results.ordinary_document()
    for number, run in enumerate(run for run in document["runs"] if "throughput_per_s" in run):
        long = {"power_mode": f"a long description of governor number {number}"}
        run["throughput_per_s"] = {**run["throughput_per_s"], "conditions": long}
    assert conditions(Result.model_validate(document)) == "power mode differs between runs"


def test_every_label_comes_with_its_reason() -> None:
    row = trust_rows(six_runtimes(label="SHORT", label_reason="5.0 s measured"))[0]
    assert (row.word, row.role, row.name, row.reason) == (
        "SHORT", "chip-neutral", "ONNX Runtime INT8", "5.0 s measured",
    )  # fmt: skip


def test_runs_that_did_not_finish_stand_below_with_their_reason() -> None:
    rows = trust_rows(results.ordinary())
    assert [row.word for row in rows] == ["SUSTAINED"] * 4 + ["crashed", "not measured"]
    assert rows[4].role == "chip-bad"
    assert rows[5].reason == "Core ML needs macOS"


def test_simulated_runs_are_not_listed() -> None:
    assert all("reference" not in row.name.lower() for row in trust_rows(results.ordinary()))


def test_findings_name_what_is_missing() -> None:
    assert findings(results.all_null()) == [NO_SPEED]
    assert findings(results.no_runtimes()) == ["No runtime was part of this study, so no speed was measured."]
    assert findings(results.ordinary()) == []
    assert findings(six_runtimes()) == []


def test_disturbed_runs_are_counted() -> None:
    assert findings(six_runtimes(label="DISTURBED"))[0].startswith("12 of 12 timed runs were disturbed")


def test_one_runtime_alone_is_said() -> None:
    found = findings(six_runtimes(("ONNX Runtime",)))
    assert found == ["Only ONNX Runtime was timed, so there is no other runtime to compare with."]


def test_nothing_finished_is_said() -> None:
    document = results.ordinary_document()
    document["runs"] = [run for run in document["runs"] if run["status"] != "ok"]
    assert findings(Result.model_validate(document))[0].startswith("No runtime finished")


def test_rows_fit_the_headings_and_hold_figures_as_text() -> None:
    rows = table_rows(results.ordinary())
    assert {len(row.cells) for row in rows} == {len(HEADINGS)}
    first = rows[0]
    assert (first.cells[0].main, first.cells[0].sub) == ("ONNX Runtime INT8", "SUSTAINED")
    assert (first.cells[1].main, first.cells[1].sort) == ("1,154", 1154.0)
    assert first.cells[1].sub.startswith("[1,144, ")


def test_a_rate_without_interval_and_its_peak_are_not_shown() -> None:
    cells = table_rows(six_runtimes(interval=None))[0].cells
    assert cells[1].main == numbers.NOT_SHOWN
    assert cells[3].main == numbers.DASH
