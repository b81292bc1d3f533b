"""The comparison in a terminal."""

from __future__ import annotations

import pytest
from helpers import results

from workbench.report.console import comparison_text
from workbench.report.sheet import build_sheet, first_line

SHEET = build_sheet(results.ordinary(), hosts=())
NAMES = ["ordinary", "long_names", "unlabelled", "all_null", "no_runtimes", "without_gates"]


@pytest.mark.parametrize("width", [40, 80, 100, 133, 200])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    text = comparison_text(build_sheet(getattr(results, name)(), hosts=()), width)
    assert max(len(line) for line in text.splitlines()) <= max(width, 80)


@pytest.mark.parametrize("name", NAMES)
def test_ascii(name: str) -> None:
    sheet = build_sheet(getattr(results, name)(), hosts=())
    plain = comparison_text(sheet, 100, ascii_only=True)
    assert plain.isascii()
    assert [len(line) for line in plain.splitlines()] == [
        len(line) for line in comparison_text(sheet, 100).splitlines()
    ]


def test_verdicts_stand_above_the_table() -> None:
    text = comparison_text(SHEET, 200)
    assert text.index("ONNX Runtime: ship.") < text.index("They disagree on 31 of 2,000.") < text.index("Runtime   ")
    assert first_line(SHEET) in " ".join(text.split())


def test_every_figure_of_the_design_is_there() -> None:
    text = comparison_text(SHEET, 200)
    for figure in ("[−0.6, +0.2]", "(71 / 67)", "99.8", "SUSTAINED", "2.8×", "1.90×", "0.867 / 0.936", "547 KiB"):
        assert figure in text


def test_what_is_not_disclosed_is_named_first_ones_only() -> None:
    missing = [f"machine m{i}: Power mode" for i in range(11)]
    text = comparison_text(SHEET.model_copy(update={"not_disclosed": missing[:1]}), 200)
    assert "1 required field is NOT DISCLOSED: machine m0: Power mode." in text
    text = comparison_text(SHEET.model_copy(update={"not_disclosed": missing}), 200)
    assert "NOT DISCLOSED: machine m0: Power mode; machine m1: Power mode and 9 more (`int8-workbench check`" in text
    assert "every required field is disclosed." in comparison_text(SHEET.model_copy(update={"not_disclosed": []}), 200)
