"""The Compare page: the design's order, every odd study, Show, export, and two studies side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.desk import desk_of
from helpers.results import all_null, long_names, no_runtimes, ordinary, two_candidates, unlabelled, without_gates
from helpers.study_folder import make_study_folder
from helpers.words import nameless, words_of
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from workbench.execution.result import Result
from workbench.report.compare import compare_sheets
from workbench.report.sheet import build_sheet
from workbench.ui.pages.compare import NOTHING, ComparePage
from workbench.ui.pages.compare_parts import NoteLine
from workbench.ui.presentation import Presentation
from workbench.ui.tab_order import in_order
from workbench.ui.theme import Theme

ODD = [ordinary, long_names, two_candidates, unlabelled, without_gates, all_null, no_runtimes]


@pytest.fixture
def page(qtbot: QtBot, theme: Theme, tmp_path: Path) -> Iterator[ComparePage]:
    """The page at the width that a window of 1280 px leaves it."""
    with desk_of(theme, tmp_path) as desk:
        made = ComparePage(desk)
        qtbot.addWidget(made)
        made.resize(1048, 800)
        made.show()
        qtbot.waitExposed(made)
        yield made


def test_before_any_result_it_says_what_to_do(page: ComparePage) -> None:
    assert NOTHING in words_of(page)
    assert not page.sheet_button.isVisible()
    assert page.next_step.isVisible()
    page.show_result(ordinary(), None)
    assert not page.next_step.isVisible()
    page.show_result(no_runtimes(), None)
    assert "Choose runtimes" in words_of(page.next_step)


def test_parts_stand_in_the_designs_order(page: ComparePage, tmp_path: Path) -> None:
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    parts = [page.chips, page.verdict_list, page.table, page.scatter, page.strip]
    tops = [part.mapTo(page, part.rect().topLeft()).y() for part in parts]
    assert tops == sorted(tops)
    assert page.resolves.text() == "This set resolves 0.7 points."


@pytest.mark.parametrize("make", ODD)
def test_odd_studies_are_shown_without_clipping(page: ComparePage, qtbot: QtBot, make: Callable[[], Result]) -> None:
    page.show_result(make(), None)
    qtbot.wait(20)
    assert page.table.view.columns.clipped() == []
    assert nameless(page) == []
    assert _clipped(page) == []


def _clipped(page: ComparePage) -> list[str]:
    """Return the texts of labels that are lower than their text at their width."""
    return [
        found.text()
        for found in page.findChildren(QLabel)
        if found.isVisible()
        and found.text()
        and found.wordWrap()
        and found.height() < found.heightForWidth(found.width())
    ]


def test_tab_goes_from_top_to_bottom(page: ComparePage, qtbot: QtBot, tmp_path: Path) -> None:
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    qtbot.wait(20)
    wanted = [found for found in in_order(page) if found.isVisible() and not found.focusProxy()]
    chain, at = [], wanted[0]
    while at not in chain:
        chain.append(at)
        at = at.nextInFocusChain()
    assert [found for found in chain if found in wanted] == wanted
    order = [
        wanted.index(found) for found in (page.findChildren(NoteLine)[0].action, page.table.search, page.table.view)
    ]
    assert order == sorted(order)
    assert wanted[-1] is page.sheet_button
    assert len(wanted) > 10


def test_shown_soon_it_comes_part_by_part(page: ComparePage, qtbot: QtBot, tmp_path: Path) -> None:
    page.show_result_soon(make_study_folder(tmp_path), tmp_path)
    assert not page.is_ready
    assert (page._sheet, page.scatter.figure) == (None, None)
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    assert page.scatter.figure is not None
    assert page.strip.boxes
    page.show_result_soon(all_null(), tmp_path)
    page.show_result_soon(None, None)
    assert page.is_ready
    assert page._sheet is None


def test_show_brings_the_samples_they_disagree_on_and_back(page: ComparePage, tmp_path: Path) -> None:
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    assert [box.card.index for box in page.strip.boxes] == [2, 5, 0]
    page.findChildren(NoteLine)[0].action.click()
    assert [box.card.index for box in page.strip.boxes] == [2, 5]
    assert "Samples they disagree on" in words_of(page)
    page.samples_switch.click()
    assert len(page.strip.boxes) == 3


def test_export_needs_a_built_model(page: ComparePage, tmp_path: Path) -> None:
    page.show_result(ordinary(), None)
    assert not page.export_button.isEnabled()
    page.show_result(make_study_folder(tmp_path / "s"), tmp_path / "s")
    assert page.export_button.isEnabled()


def test_sheet_goes_to_the_sheet(page: ComparePage, qtbot: QtBot) -> None:
    page.show_result(ordinary(), None)
    with qtbot.waitSignal(page.goto, timeout=1000) as told:
        page.sheet_button.click()
    assert told.args == ["sheet"]


def test_present_opens_the_presentation(page: ComparePage) -> None:
    page.show_result(ordinary(), None)
    page.present_button.click()
    (shown,) = page.findChildren(Presentation)
    assert shown.isVisible()
    shown.close()


def test_findings_are_not_hidden(page: ComparePage) -> None:
    page.show_result(ordinary().model_copy(update={"findings": ["3 files cannot be decoded"]}), None)
    assert "3 files cannot be decoded" in words_of(page)


def test_arrays_say_that_there_are_no_pictures(page: ComparePage, tmp_path: Path) -> None:
    page.show_result(make_study_folder(tmp_path / "s", kind="arrays"), tmp_path / "s")
    assert "there are no pictures" in page.samples_words.text()


def test_two_studies_side_by_side_offer_no_export(page: ComparePage) -> None:
    sheets = [build_sheet(ordinary()), build_sheet(two_candidates())]
    page.show_comparison(compare_sheets(sheets))
    assert not page.export_button.isEnabled()
    assert not page.sheet_button.isVisible()
    assert not page.strip.isVisible()
    assert "disagree on 31 of 2,000." in words_of(page)


def test_a_result_can_be_taken_away_again(page: ComparePage) -> None:
    page.show_result(ordinary(), None)
    page.show_result(None, None)
    assert NOTHING in words_of(page)
    assert not page.table.isVisible()
