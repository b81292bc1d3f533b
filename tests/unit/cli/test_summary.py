"""What stands below the comparison."""

from __future__ import annotations

import pytest
from helpers.results import ordinary, ordinary_document, without_gates

from workbench.cli.study_commands import exit_code
from workbench.cli.summary import exit_text, findings_text, gates_text, model_text, problems_text
from workbench.execution.result import Result


def verdicts(*words: str) -> Result:
    """The ordinary result with everything finished and these verdicts."""
    result = ordinary()
    template = result.verdicts[0]
    given = [template.model_copy(update={"verdict": word, "label": f"row {i}"}) for i, word in enumerate(words)]
    runs = [
        result.runs[0].model_copy(update={"label": f"row {i}", "candidate": template.candidate, "status": "ok"})
        for i in range(len(words))
    ]
    return result.model_copy(update={"verdicts": given, "runs": runs})


def test_a_run_that_did_not_finish_shows_why_and_its_last_log_lines() -> None:
    result = ordinary()
    broken = next(run for run in result.runs if run.status == "crashed")
    assert broken.problem is not None
    text = problems_text(result, 100)
    assert text.startswith("Did not run:\n")
    assert f"{broken.label} {broken.candidate} {broken.precision}: {broken.problem.message}" in " ".join(text.split())
    assert all(f"      | {line}" in text for line in broken.problem.log_tail[-5:])
    assert all(len(line) <= 100 for line in text.splitlines())


def test_what_an_import_changed_is_said_with_its_figures() -> None:
    result = ordinary()
    notes = [
        "imported from pt2: SQNR 136.2 dB against torch, 100.0% equal answers on 19 samples",
        "opset 9 raised to 13",
    ]
    told = result.model_copy(update={"model": result.model.model_copy(update={"notes": notes})})
    text = model_text(told, 80)
    assert text.splitlines()[0] == f"Model {result.model.name}:"
    assert "SQNR 136.2 dB against torch, 100.0% equal answers" in " ".join(text.split())
    assert text.endswith("opset 9 raised to 13.")
    untouched = result.model_copy(update={"model": result.model.model_copy(update={"notes": []})})
    assert model_text(untouched, 80) == ""


def test_nothing_is_said_where_all_ran_and_nothing_was_found() -> None:
    result = ordinary()
    fine = result.model_copy(
        update={"runs": [run.model_copy(update={"findings": []}) for run in result.runs if run.status == "ok"]}
    )
    assert problems_text(fine, 100) == ""
    assert findings_text(fine, 100) == ""


def test_findings_that_differ_in_figures_alone_come_once() -> None:
    document = ordinary_document()
    document["findings"] = ["3 evaluation samples are also in the calibration set"]
    for i, run in enumerate(document["runs"]):
        run["findings"] = [f"accuracy is 0.{i}%, no better than guessing"]
    text = findings_text(Result.model_validate(document), 100)
    assert text.startswith("Look at this first:\n  ! 3 evaluation samples are also in the calibration set.\n")
    assert text.count("no better than guessing") == 1
    assert f"and {len(document['runs']) - 1} more: accuracy" in text


def test_long_lists_of_findings_are_cut() -> None:
    document = ordinary_document()
    document["findings"] = [f"finding {letter}" for letter in "abcdefghij"]
    lines = findings_text(Result.model_validate(document), 100).splitlines()
    assert lines[-1].strip().endswith("more, in the sheet")
    assert len(lines) == 8


def test_numbers_that_are_not_the_plans_are_a_finding() -> None:
    document = ordinary_document()
    run = next(run for run in document["runs"] if run["precision"] == "int8" and run["status"] == "ok")
    item = {"kind": "weight", "name": "conv_w", "field": "scale", "planned": "1", "found": "2"}
    run["parity"] = {"checked": 5, "mismatches": [item]}
    text = findings_text(Result.model_validate(document), 100)
    assert f"{run['label']} int8: 1 numbers in the artifact are not the plan's" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("PASS", "PASS"), 0, "Exit code 0: all 2 gates passed."),
        (("PASS", "FAIL"), 3, "Exit code 3: 1 of 2 gates failed: row 1 model max_accuracy_drop_points."),
        (("FAIL", "CANNOT TELL"), 3, "Exit code 3: 1 of 2 gates failed: row 0 model max_accuracy_drop_points."),
        (
            ("PASS", "CANNOT TELL"),
            4,
            "Exit code 4: cannot tell for 1 of 2 gates: row 1 model max_accuracy_drop_points.",
        ),
    ],
)
def test_the_exit_code_is_explained(words: tuple[str, ...], code: int, said: str) -> None:
    result = verdicts(*words)
    assert exit_code(result) == code
    assert exit_text(result, code) == said


def test_gates_without_a_run_to_judge_are_not_passed() -> None:
    result = verdicts("PASS").model_copy(update={"verdicts": []})
    assert exit_code(result) == 4
    assert exit_text(result, 4) == "Exit code 4: gates are set, and no INT8 run is there to judge."


def test_no_gates_are_said_and_a_missing_run_counts() -> None:
    result = without_gates()
    text = exit_text(result, exit_code(result))
    assert text.startswith("Exit code 4: required and did not run: ")
    assert text.endswith("; no gates set.")
    finished = result.model_copy(update={"runs": [run for run in result.runs if run.status == "ok"]})
    assert exit_text(finished, exit_code(finished)) == "Exit code 0: no gates set."


@pytest.mark.parametrize("word", ["FAIL", "CANNOT TELL"])
def test_many_gates_make_a_short_line_for_the_exit_code(word: str) -> None:
    result = verdicts(*[word] * 22)
    line = exit_text(result, exit_code(result))
    assert line.endswith("row 0 model max_accuracy_drop_points, row 1 model max_accuracy_drop_points, "
                         "row 2 model max_accuracy_drop_points and 19 more.")  # fmt: skip
    assert len(line) < 200


def test_gates_that_did_not_pass_stand_in_a_list_failed_ones_first() -> None:
    text = gates_text(verdicts("PASS", "CANNOT TELL", "FAIL"), 160)
    head, first, second = text.splitlines()
    assert head == "Gates that did not pass (1 of 3 passed):"
    given = ordinary().verdicts[0].text.replace("-", "\N{MINUS SIGN}")
    assert first.split() == ["FAIL", "max_accuracy_drop_points", "row", "2", *given.split()]
    assert second.startswith("  CANNOT TELL  max_accuracy_drop_points  row 1  ")
    assert gates_text(verdicts("PASS", "PASS"), 160) == ""


def test_the_list_of_gates_fits_the_terminal() -> None:
    text = gates_text(verdicts(*["CANNOT TELL"] * 5), 80)
    assert max(map(len, text.splitlines())) <= 80
