"""Fonts, palette, switching, roles; and the guard against a Qt that loses references to None."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtGui import QFont, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from workbench.ui.theme import Theme, load_fonts, number_font, palette, set_role, style_sheet, text_font
from workbench.ui.tokens import DARK, LIGHT


def test_void_qt_calls_leave_none_alone(qtbot: QtBot) -> None:
    """One combination of Qt binding and Python takes a reference from None with each void call, and then aborts."""
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(1000):
        label.setText("x")
    assert sys.getrefcount(None) > before - 100


def test_bundled_fonts_are_used(theme: Theme) -> None:
    assert load_fonts() == ["Inter", "JetBrains Mono"]
    assert QFontInfo(text_font()).family() == "Inter"
    assert number_font().isFeatureSet(QFont.Tag("tnum"))
    assert not text_font().isFeatureSet(QFont.Tag("tnum"))


def test_switching_restyles_and_tells(theme: Theme, qtbot: QtBot) -> None:
    with qtbot.waitSignal(theme.changed, timeout=1000) as told:
        theme.set_mode("dark")
    assert told.args == [DARK]
    assert theme.tokens is DARK
    assert QApplication.palette().color(QPalette.ColorRole.Window).name().upper() == DARK.bg


def test_choosing_the_same_again_tells_nobody(theme: Theme, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(theme.changed):
        theme.set_mode("light")


def test_the_style_sheet_is_filled(theme: Theme) -> None:
    text = style_sheet(LIGHT, "folder")
    assert "$" not in text
    assert LIGHT.accent in text
    assert DARK.bg not in text


def test_the_palette_mutes_what_is_disabled() -> None:
    made = palette(DARK)
    assert made.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text).name().upper() == DARK.disabled


def test_a_role_changes_the_look(theme: Theme, qtbot: QtBot) -> None:
    label = QLabel("words")
    qtbot.addWidget(label)
    set_role(label, "title")
    label.ensurePolished()
    assert label.font().pixelSize() == 20


def test_signs_are_never_joined(theme: Theme, qtbot: QtBot) -> None:
    """`==` and `->` in commands and names look as they are copied, in every font of the style sheet."""
    made = QLabel("a==b")
    qtbot.addWidget(made)
    set_role(made, "mono")
    made.show()
    joined = made.grab().toImage()
    font = made.font()
    font.setFeature(QFont.Tag("calt"), 1)
    made.setFont(font)
    assert made.grab().toImage() != joined
