"""Error by position in words, where it stands on the sheet, and that other studies have nothing of it."""

from __future__ import annotations

from helpers import results

from workbench.execution.result import PositionErrors, Result
from workbench.report.console import comparison_text
from workbench.report.fields import BY_KEY, disclose
from workbench.report.positions import position_lines, position_text
from workbench.report.sheet import build_sheet

FOUND = PositionErrors(
    output="y", sequences=8, frames=5, first_frames=[0, 1, 2, 3, 4], nmse=[1e-3, 1e-4, 1e-4, 0.0, 1e-5],
    sqnr_db=[30.0, 40.0, 40.04, None, 50.0],
)  # fmt: skip
TEXT = "30.0 dB at the first frame, 40.0 in the middle, 50.0 at the last of 5"


def _recurrent() -> Result:
    result = results.ordinary()
    runs = [run.model_copy(update={"error_by_position": FOUND}) for run in result.runs]
    data = {name: facts.model_copy(update={"frames": 5, "kind": "arrays"}) for name, facts in result.data.items()}
    model = result.model.model_copy(update={"state": {"h": "h_next"}})
    return result.model_copy(update={"runs": runs, "data": data, "model": model})


def test_first_middle_and_last_position_are_told() -> None:
    assert position_text(FOUND) == TEXT
    assert position_text(FOUND.model_copy(update={"sqnr_db": [None, 1.0, 2.0]})).startswith("equal or unknown dB")


def test_every_int8_run_has_one_line_on_console_and_sheet() -> None:
    result = _recurrent()
    lines = position_lines(result)
    assert len(lines) == sum(run.precision == "int8" for run in result.runs) > 0
    assert all(TEXT in line for line in lines)
    sheet = build_sheet(result, hosts=())
    assert set(lines) <= set(sheet.notes)
    assert "sequences of 5 frames" in sheet.title
    assert "40.0 in the middle" in " ".join(comparison_text(sheet, 200).split())
    assert next(run for run in sheet.runs if run.precision == "int8").fields["error_by_position"] == TEXT
    assert sheet.study["model.state"] == {"h": "h_next"}
    assert sheet.study["evaluation.frames"] == 5


def test_independent_samples_have_no_positions() -> None:
    result = results.ordinary()
    assert position_lines(result) == []
    field = BY_KEY["run", "error_by_position"]
    assert field.read(result.runs[0], result) is None
    assert not field.required
    assert disclose(BY_KEY["study", "model.state"], result, result) == "NOT DISCLOSED"
