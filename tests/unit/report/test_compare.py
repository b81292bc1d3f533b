"""Several sheets in one comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers import results

from workbench.errors import SheetError
from workbench.execution.result import Result
from workbench.report.compare import compare_sheets, what_differs
from workbench.report.render import render
from workbench.report.sheet import Sheet, build_sheet, sheet_hash, to_document
from workbench.report.table import comparison

FIRST = build_sheet(results.ordinary(), hosts=())


def changed(change: Callable[[dict[str, Any]], None]) -> Sheet:
    document = results.ordinary_document()
    change(document)
    return build_sheet(Result.model_validate(document), hosts=())


def other_machine(document: dict[str, Any]) -> None:
    document["machines"][0]["facts"]["cpu_model"] = "AMD EPYC"


def other_version(document: dict[str, Any]) -> None:
    for run in document["runs"][2:4]:
        run["versions"] = {**run["versions"], "onnxruntime": "1.32.0"}


def other_model(document: dict[str, Any]) -> None:
    document["model"].update(sha256=results.digest("student"), name="Student")


def test_machines_stand_apart_and_the_title_says_so() -> None:
    both = compare_sheets([FIRST, changed(other_machine)])
    assert both.title.endswith("what differs: the machine")
    groups = comparison(both).groups
    assert [group.title.split(" ")[-1] for group in groups[:2]] == ["#1", "#2"]
    assert "AMD EPYC" in groups[1].title


@pytest.mark.parametrize(
    ("change", "words"),
    [(other_version, "the runtime version"), (other_model, "the model"), (other_machine, "the machine")],
)
def test_what_differs_is_named(change: Callable[[dict[str, Any]], None], words: str) -> None:
    assert what_differs([FIRST, changed(change)]) == [words]


def test_title_names_both_models() -> None:
    assert compare_sheets([FIRST, changed(other_model)]).title.startswith("MobileNet / Student · ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["data"]["evaluation"].update(sha256=results.digest("other")), "evaluation set"),
        (lambda d: d["task"].update(kind="detection"), "task"),
        (lambda d: d["preprocess"].update(color="BGR"), "preprocessing"),
        (lambda d: d.update(data={}), "NOT DISCLOSED"),
    ],
)
def test_what_is_not_comparable_is_refused(change: Callable[[dict[str, Any]], None], message: str) -> None:
    with pytest.raises(SheetError, match=message):
        compare_sheets([FIRST, changed(change)])


def reference(document: dict[str, Any]) -> dict[str, Any]:
    return next(run for run in document["runs"] if run["precision"] == "reference")


def test_the_same_outputs_judged_by_other_labels_are_refused() -> None:
    def other_labels(document: dict[str, Any]) -> None:
        run = reference(document)
        run["outputs_sha256"] = results.digest("reference outputs")
        run["accuracy"] = {**run["accuracy"], "value": 0.25, "interval": (0.2, 0.3)}

    def same_labels(document: dict[str, Any]) -> None:
        reference(document)["outputs_sha256"] = results.digest("reference outputs")

    with pytest.raises(
        SheetError, match=r"labels or class_offset differ: the same outputs are right in 56.4% and in 25.0%"
    ):
        compare_sheets([changed(same_labels), changed(other_labels)])
    compare_sheets([changed(same_labels), changed(same_labels)])
    compare_sheets([FIRST, changed(other_labels)])  # outputs differ: so may the accuracy


def test_one_sheet_is_no_comparison() -> None:
    with pytest.raises(SheetError, match="two"):
        compare_sheets([FIRST])


def test_ratios_are_kept_and_none_is_made() -> None:
    both = compare_sheets([FIRST, changed(other_machine)])
    ratios = [run.fields.get("speedup.own_fp32") for run in both.runs if run.precision == "int8" and run.status == "ok"]
    own = [run.fields.get("speedup.own_fp32") for run in FIRST.runs if run.precision == "int8" and run.status == "ok"]
    assert ratios == own * 2


def test_rows_stay_apart_and_the_reference_stands_once() -> None:
    both = compare_sheets([FIRST, changed(other_version)])
    measured = [(run.label, run.precision) for run in both.runs if not run.word]
    assert len(set(measured)) == len(measured) == 12
    assert sum(run.word == "simulated" for run in both.runs) == 1


def other_scheme(document: dict[str, Any]) -> None:
    document["candidates"][0].update(name="affine", scheme={"name": "S2"}, scheme_title="S2 W8A8 affine")
    document["candidates"][0]["plan_sha256"] = results.digest("affine plan")
    for entry in (*document["runs"], *document["verdicts"], *document["disagreements"]):
        entry["candidate"] = "affine"


def test_two_schemes_are_told_apart_in_every_sentence_and_row() -> None:
    both = compare_sheets([FIRST, changed(other_scheme)])
    assert both.title.startswith("MobileNet · INT8 S1 against FP32 / INT8 S2 against FP32 · ")
    assert both.title.endswith("what differs: the scheme")
    leads = [sentence.lead for sentence in both.sentences]
    assert leads[0] == "ONNX Runtime · model: ship."
    assert len(set(leads)) == len(leads) == 8
    assert "ONNX Runtime · affine: ship (−0.2 [−0.6, +0.2] points)" in both.headline
    below = comparison(both).groups[-1].rows
    names = [row.cells[0].text for row in below]
    assert names == ["FP32 reference", "INT8 simulated model", "INT8 simulated affine"]


def test_a_clock_measured_anew_is_no_other_machine() -> None:
    def other_clock(document: dict[str, Any]) -> None:
        document["machines"][0]["facts"]["clock"] = "smallest step 50 ns"

    both = compare_sheets([FIRST, changed(other_clock)])
    assert both.title.endswith("what differs: nothing but the run")
    assert len(both.machines) == 1


def test_comparison_is_a_sheet_like_any_other() -> None:
    both = compare_sheets([FIRST, changed(other_machine)])
    assert sheet_hash(to_document(both)) == both.sheet_sha256
    assert render(both, "html")
    assert render(both, "pdf")


def other_calibration(document: dict[str, Any]) -> None:
    document["data"]["calibration"].update(sha256=results.digest("fewer"), n=2)
    document["candidates"][0]["plan_sha256"] = results.digest("its plan")


def test_another_calibration_set_is_named_instead_of_the_plan_that_follows_from_it() -> None:
    assert what_differs([FIRST, changed(other_calibration)]) == ["the calibration set"]


def test_numbers_behind_labels_are_told_with_time_and_sheet() -> None:
    second = changed(lambda d: d.update(created_utc="2026-11-28T06:09:33Z"))
    both = compare_sheets([FIRST, second])
    assert both.chips[1].text == f"#2: 2026-11-28 06:09 UTC, sheet {second.sheet_sha256[:12]}"
    assert f"Put together from the sheets {FIRST.sheet_sha256[:12]}, {second.sheet_sha256[:12]}." in both.notes


def test_the_key_that_differs_is_told_and_not_those_before_it() -> None:
    def other_std(document: dict[str, Any]) -> None:
        document["preprocess"].update(std=[63.0])

    def more(document: dict[str, Any]) -> None:
        document["preprocess"].update(resize_short=300)

    was = FIRST.study["preprocess"]
    with pytest.raises(SheetError, match=r"preprocessing differs: std = .* and std = \[63\.0\]"):
        compare_sheets([FIRST, changed(other_std)])
    before = f"resize_short = {was['resize_short']}" if "resize_short" in was else "nothing"
    with pytest.raises(SheetError, match=f"preprocessing differs: {before} and resize_short = 300"):
        compare_sheets([FIRST, changed(more)])
