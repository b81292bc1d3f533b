"""Every step of the rail has a page that is there."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.page_registry import PAGES, SET_UP, make_page
from workbench.ui.rail import STEPS
from workbench.ui.window import Window


def test_pages_and_steps_agree() -> None:
    assert list(PAGES) == [step.key for step in STEPS]
    assert set(SET_UP) == {step.key for step in STEPS if step.group == "Set up"}


@pytest.mark.parametrize("key", sorted(set(PAGES) - set(SET_UP)))
def test_pages_beyond_the_set_up_take_a_result(window: Window, qtbot: QtBot, key: str) -> None:
    page = make_page(key, window.desk)
    qtbot.addWidget(page)
    page.show_result(None, None)  # type: ignore[attr-defined]
