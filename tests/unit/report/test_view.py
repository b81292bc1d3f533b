"""What a page shows."""

from __future__ import annotations

from helpers import results

from workbench.report.sheet import build_sheet
from workbench.report.view import NAMED_MISSING, completeness, view_of


def test_failed_run_has_a_section_with_its_reason() -> None:
    sections = {section.title: section for section in view_of(build_sheet(results.ordinary(), hosts=())).sections}
    crashed = sections["TensorRT · INT8 · crashed"]
    assert crashed.lines == ()
    assert crashed.note.startswith("The worker died while building the engine. Signal SIGSEGV.")
    assert "Core ML · INT8 · not measured" in sections


def test_required_lines_are_never_left_out() -> None:
    view = view_of(build_sheet(results.all_null(), hosts=()))
    undisclosed = [line for section in view.sections for line in section.lines if not line.disclosed]
    assert len(undisclosed) == len(view.sheet.not_disclosed) > NAMED_MISSING
    assert {line.value for line in undisclosed} == {"NOT DISCLOSED"}
    assert all(line.required for line in undisclosed)


def test_completeness_counts() -> None:
    assert completeness(build_sheet(results.ordinary(), hosts=())).startswith("Complete")
    view = view_of(build_sheet(results.all_null(), hosts=()))
    count = len(view.sheet.not_disclosed)
    assert view.completeness == f"{count} required fields are NOT DISCLOSED."
    assert view.missing.endswith(f"and {count - NAMED_MISSING} more, each marked below")


def test_logs_and_samples_show_where_they_were_asked_for() -> None:
    sheet = build_sheet(results.ordinary(), include=("logs", "paths"), hosts=())
    notes = [section.note for section in view_of(sheet).sections]
    assert any("Last log lines: loading /home/jane/models/engine.plan | segmentation fault" in note for note in notes)


def test_units_stand_behind_the_figure() -> None:
    view = view_of(build_sheet(results.ordinary(), hosts=()))
    values = {
        line.label: line.value for line in next(s for s in view.sections if s.title.endswith("1.31.1 · INT8")).lines
    }
    assert values["Accuracy change"] == "−0.2 [−0.6, +0.2] points (n = 2,000)"
    assert values["Latency P50"] == "0.867 [0.865, 0.868] ms (n = 24,000)"
