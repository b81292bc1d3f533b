"""Shared builders: names for screen readers, plain text, copy, following the theme."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from workbench.ui.theme import Theme
from workbench.ui.widgets import (
    FORM_PX,
    Page,
    button,
    card,
    clear,
    column,
    connect_theme,
    copy_button,
    facts,
    label,
    line,
    row,
    say,
    themed_icon,
    without_buttons,
)


def test_markup_in_names_stays_text(theme: Theme, qtbot: QtBot) -> None:
    made = label("<b>conv</b>")
    qtbot.addWidget(made)
    assert made.textFormat() == Qt.TextFormat.PlainText


def test_copy_copies_and_says_so(theme: Theme, qtbot: QtBot) -> None:
    made = copy_button(lambda: "pip install x", theme, "the remedy")
    qtbot.addWidget(made)
    made.click()
    assert QGuiApplication.clipboard().text() == "pip install x"
    assert made.text() == "Copied"
    assert made.accessibleName() == "Copy the remedy"


def test_icons_follow_the_theme_until_the_widget_goes(theme: Theme, qtbot: QtBot) -> None:
    made = themed_icon(button("Run"), theme, "run")
    painted: list[int] = []
    other = QWidget()
    qtbot.addWidget(made)
    connect_theme(theme, other, lambda: painted.append(1))
    before = made.icon().cacheKey()
    theme.set_mode("dark")
    assert made.icon().cacheKey() != before
    assert painted == [1]
    other.deleteLater()
    qtbot.waitUntil(lambda: not isValid(other), timeout=20_000)
    theme.set_mode("light")
    assert painted == [1]


def test_clear_empties_nested_layouts(theme: Theme, qtbot: QtBot) -> None:
    whole = QWidget()
    qtbot.addWidget(whole)
    inside = column(label("a"), row(label("b"), None, line()))
    whole.setLayout(inside)
    clear(inside)
    assert inside.count() == 0


def test_say_hides_an_empty_line(theme: Theme, qtbot: QtBot) -> None:
    made = label("x")
    qtbot.addWidget(made)
    say(made, "")
    assert made.isHidden()
    say(made, "words", "bad")
    assert not made.isHidden()
    assert made.property("role") == "bad"


def test_pages_have_a_title_and_cards_a_heading(theme: Theme, qtbot: QtBot) -> None:
    page = Page("Model", "what it is")
    qtbot.addWidget(page)
    frame, inside = card("Ops")
    inside.addLayout(facts([("name", "a value that is long " * 20)]))
    page.body.addWidget(frame)
    page.set_title("Other", "")
    page.resize(400, 300)
    page.show()
    content = page.widget()
    assert content.width() <= page.viewport().width()
    assert page.accessibleName() == "Model"


def test_number_fields_show_their_number(theme: Theme, qtbot: QtBot) -> None:
    made = without_buttons(QSpinBox())
    qtbot.addWidget(made)
    made.setFixedWidth(74)
    made.show()
    inside = made.findChild(QLineEdit)
    assert isinstance(inside, QLineEdit)
    assert inside.width() > 40
    assert inside.textMargins().left() == 6


def test_a_word_too_long_to_wrap_loses_its_middle(theme: Theme, qtbot: QtBot) -> None:
    whole = f"{'n' * 100} stays float, {'a' * 64}"
    made = label(whole, wrap=True)
    qtbot.addWidget(made)
    assert made.text() == made.toolTip() == whole
    assert QLabel.text(made) == f"{'n' * 24}…{'n' * 24} stays float, {'a' * 64}"
    made.setText("short")
    assert (made.text(), made.toolTip()) == ("short", "")


def test_a_page_of_fields_stops_growing(qtbot: QtBot, theme: Theme) -> None:
    page, wide = Page("A", widest_px=FORM_PX), Page("B")
    for made in (page, wide):
        qtbot.addWidget(made)
        made.resize(2560, 800)
        made.show()
    inside, free = page.widget(), wide.widget()
    assert inside is not None
    assert free is not None
    assert (inside.x(), inside.width()) == (0, FORM_PX)
    assert free.width() == wide.viewport().width()
