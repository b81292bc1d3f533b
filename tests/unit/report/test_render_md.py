"""The sheet as Markdown."""

from __future__ import annotations

from helpers import results

from workbench.execution.result import Result
from workbench.report.render_md import render_md
from workbench.report.sheet import build_sheet, first_line

SHEET = build_sheet(results.ordinary(), hosts=())
TEXT = render_md(SHEET).decode("utf-8")


def test_first_line_is_the_line_for_a_slide() -> None:
    assert TEXT.splitlines()[0] == first_line(SHEET)


def test_each_table_line_has_the_same_columns() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 2 + 8
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_signs_of_markdown_are_escaped() -> None:
    document = results.ordinary_document()
    document["runs"][3]["label"] = document["verdicts"][0]["label"] = "a|b *c* <d>"
    text = render_md(build_sheet(Result.model_validate(document), hosts=())).decode("utf-8")
    assert "a\\|b \\*c\\* \\<d>" in text


def test_missing_is_bold_and_listed() -> None:
    text = render_md(build_sheet(results.all_null(), hosts=())).decode("utf-8")
    assert "- Evaluation set: **NOT DISCLOSED**" in text
