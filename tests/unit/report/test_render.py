"""One sheet object, five formats: golden files, and that the formats agree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import results

from workbench.errors import SheetError
from workbench.report.render import FORMATS, render
from workbench.report.sheet import Sheet, build_sheet, first_line

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SHEET = build_sheet(results.ordinary(), hosts=())


@pytest.mark.parametrize("fmt", ["md", "csv", "json", "html"])
def test_golden(fmt: str) -> None:
    """Set INT8_WORKBENCH_GOLDEN=write to write the files anew after a wanted change; read the difference."""
    path = GOLDEN / f"sheet.{fmt}"
    found = render(SHEET, fmt)
    if os.environ.get("INT8_WORKBENCH_GOLDEN") == "write":
        path.write_bytes(found)
    assert found.decode("utf-8") == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["long_names", "unlabelled", "all_null", "no_runtimes", "without_gates", "two_candidates"]
)
@pytest.mark.parametrize("fmt", FORMATS)
def test_odd_results_render_in_every_format(fmt: str, name: str) -> None:
    assert render(build_sheet(getattr(results, name)(), hosts=()), fmt)


@pytest.mark.parametrize("fmt", ["md", "html"])
def test_first_line_stands_in_each_text(fmt: str) -> None:
    assert first_line(SHEET) in render(SHEET, fmt).decode("utf-8")


def test_unknown_format_is_refused() -> None:
    with pytest.raises(SheetError, match="docx"):
        render(SHEET, "docx")


def test_sheet_reads_back_from_its_json() -> None:
    assert Sheet.model_validate_json(render(SHEET, "json")) == SHEET
