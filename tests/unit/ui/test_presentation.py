"""The presentation: three slides, arrow keys, Escape, whatever the study holds."""

from __future__ import annotations

import pytest
from helpers.results import all_null, long_names, no_runtimes, ordinary, ordinary_document
from helpers.speed_folders import six_runtimes
from helpers.words import cut_off, nameless, words_of
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.execution.result import Result
from workbench.report.sheet import build_sheet, first_line
from workbench.ui.pages.compare_parts import RichLine
from workbench.ui.presentation import LEAD_PX, LEAST, MOST, Presentation, scale_of
from workbench.ui.theme import Theme


def _open(qtbot: QtBot, theme: Theme, result=None) -> Presentation:  # type: ignore[no-untyped-def]
    made = Presentation(None, theme, build_sheet(result or ordinary()))
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_keys_go_through_and_stop_at_the_ends(qtbot: QtBot, theme: Theme) -> None:
    made = _open(qtbot, theme)
    seen = []
    keys = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_Home, Qt.Key.Key_End)
    for key in keys:
        qtbot.keyClick(made.slides, key)
        seen.append(made.slides.currentIndex())
    assert seen == [0, 1, 2, 2, 0, 2]
    qtbot.keyClick(made, Qt.Key.Key_Escape)
    assert made.isHidden()


def test_the_verdicts_and_the_line_to_check_are_there(qtbot: QtBot, theme: Theme) -> None:
    made = _open(qtbot, theme)
    words = words_of(made)
    assert "ONNX Runtime: ship." in words
    assert first_line(build_sheet(ordinary())) in words


def test_runtimes_that_were_not_measured_share_one_line(qtbot: QtBot, theme: Theme) -> None:
    document = ordinary_document()
    absent = next(run for run in document["runs"] if run["status"] == "not_available")
    document["runs"].append({**absent, "label": "Another"})
    words = words_of(_open(qtbot, theme, Result.model_validate(document)))
    assert f"Not measured: {absent['label']}, Another." in words
    assert "needs macOS" not in words.partition("The claim")[0]


def test_long_sentences_are_fitted_the_first_time(qtbot: QtBot, theme: Theme) -> None:
    document = ordinary_document()
    document["verdicts"][1]["text"] = "the limit lies inside the interval, " * 9
    document["verdicts"][1]["gate"] = "min_sqnr_db"
    made = _open(qtbot, theme, Result.model_validate(document))
    qtbot.wait(20)
    layout, room = made.slides.widget(0).layout(), made.slides.size()
    first = layout.totalHeightForWidth(room.width())
    assert first <= room.height()
    made._fit_slides()
    assert layout.totalHeightForWidth(room.width()) == first
    assert cut_off(made.slides.widget(0)) == []


def test_six_verdicts_are_still_set_large(qtbot: QtBot, theme: Theme) -> None:
    made = _open(qtbot, theme, six_runtimes())
    made.resize(1920, 1080)
    QApplication.processEvents()
    leads = made.slides.widget(0).findChildren(RichLine)
    assert len(leads) == 6
    assert min(lead.font().pixelSize() for lead in leads) >= LEAD_PX


def test_the_picture_is_painted_in_the_themes_colours(qtbot: QtBot, theme: Theme) -> None:
    made = _open(qtbot, theme)
    made.go(1)
    picture = made.slides.currentWidget().grab().toImage()
    wanted = [int(theme.tokens.series[i][1:], 16) for i in (0, 1)]
    colours = {picture.pixel(x, y) & 0xFFFFFF for x in range(picture.width()) for y in range(100, 620, 2)}
    assert set(wanted) <= colours


@pytest.mark.parametrize("make", [all_null, no_runtimes, long_names])
def test_odd_studies_have_slides_too(qtbot: QtBot, theme: Theme, make) -> None:  # type: ignore[no-untyped-def]
    made = _open(qtbot, theme, make())
    for _ in range(3):
        assert not made.grab().isNull()
        made.go(1)
    assert nameless(made) == []


def test_type_grows_with_the_screen_within_limits() -> None:
    assert scale_of(1280, 800) == 1.0
    assert scale_of(2560, 1600) == 2.0
    assert (scale_of(320, 200), scale_of(7680, 4320)) == (LEAST, MOST)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (3840, 2160)])
@pytest.mark.parametrize("make", [ordinary, six_runtimes])
def test_every_slide_fits_the_screen(qtbot: QtBot, theme: Theme, make, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    made = _open(qtbot, theme, make())
    made.resize(*size)
    for number in range(made.slides.count()):
        made.slides.setCurrentIndex(number)
        for _ in range(4):
            QApplication.processEvents()
        slide = made.slides.currentWidget()
        needed = slide.layout().totalHeightForWidth(slide.width())
        assert needed <= slide.height(), f"slide {number + 1} needs {needed} of {slide.height()} px"
        assert list(cut_off(slide)) == []
