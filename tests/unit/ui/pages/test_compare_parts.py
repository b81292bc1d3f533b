"""Parts of the Compare page: chips, sentences in the verdict's colour, what stands behind a failure, halves."""

from __future__ import annotations

from helpers.results import ordinary
from helpers.words import nameless, words_of
from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from workbench.execution.result import Problem
from workbench.report.sheet import Chip, build_sheet
from workbench.report.split import splits
from workbench.ui.pages.compare_parts import (
    Chips,
    NoteLine,
    ProblemBox,
    RichLine,
    Sign,
    SplitWords,
    VerdictList,
    unbroken,
)
from workbench.ui.theme import Theme

CRASH = Problem(message="died <here>", remedy="Update it.", signal="SIGSEGV", log_tail=["one", "two"])


def test_chips_are_replaced_not_added(qtbot: QtBot, theme: Theme) -> None:
    chips = Chips()
    qtbot.addWidget(chips)
    chips.show_chips([Chip(text="a"), Chip(text="b", state="bad")])
    chips.show_chips([Chip(text="same numbers: yes", state="good")])
    (only,) = [found for found in chips.findChildren(QLabel) if not found.isHidden()]
    assert (only.text(), only.property("role")) == ("same numbers: yes", "chip-ok")


def test_a_sentence_has_its_verdicts_colour_in_either_theme(qtbot: QtBot, theme: Theme) -> None:
    line = RichLine(theme, "A <b>: ship.", "Fine & well.", "pass")
    qtbot.addWidget(line)
    assert theme.tokens.ok in line.text()
    assert "A &lt;b&gt;: ship." in line.text()
    theme.set_mode("dark")
    assert theme.tokens.ok in line.text()
    assert line.accessibleName() == "A <b>: ship. Fine & well."


def test_an_interval_stays_on_one_line() -> None:
    assert unbroken("-0.2 [-0.6, +0.2] of 2, 3") == "-0.2 [-0.6,\N{NO-BREAK SPACE}+0.2] of 2, 3"


def test_the_words_of_all_verdicts_start_together(qtbot: QtBot, theme: Theme) -> None:
    shown = VerdictList(theme)
    qtbot.addWidget(shown)
    shown.show_sentences(
        build_sheet(ordinary()).sentences, lambda sentence: CRASH if sentence.state == "missing" else None
    )
    shown.resize(500, 400)
    shown.show()
    starts = {line.mapTo(shown, QPoint(0, 0)).x() for line in shown.findChildren(RichLine)}
    assert len(starts) == 1
    pairs = zip(shown.findChildren(Sign), shown.findChildren(RichLine), strict=True)
    assert all(
        abs(sign.mapTo(shown, QPoint(0, 0)).y() - line.mapTo(shown, QPoint(0, 0)).y()) <= 1 for sign, line in pairs
    )
    signs = shown.findChildren(Sign)
    assert len({sign.text() for sign in signs}) >= 3
    assert all(sign.sizeHint().width() <= sign.width() for sign in signs)


def test_a_crash_opens_to_remedy_and_log(qtbot: QtBot, theme: Theme) -> None:
    shown = VerdictList(theme)
    qtbot.addWidget(shown)
    sheet = build_sheet(ordinary())
    shown.show_sentences(sheet.sentences, lambda sentence: CRASH if "TensorRT" in sentence.label else None)
    shown.show()
    (button,) = shown.findChildren(QPushButton, options=_direct())
    (box,) = shown.findChildren(ProblemBox)
    assert not box.isVisible()
    button.click()
    assert box.isVisible()
    assert "Update it." in words_of(box)
    assert box.findChildren(QPlainTextEdit)[0].toPlainText() == "one\ntwo"


def test_a_row_that_another_machine_could_run_offers_its_bundle(qtbot: QtBot, theme: Theme) -> None:
    shown, pressed = VerdictList(theme), []
    qtbot.addWidget(shown)
    sheet = build_sheet(ordinary())
    shown.show_sentences(
        sheet.sentences,
        lambda sentence: CRASH if sentence.state == "missing" else None,
        lambda sentence: (lambda: pressed.append(sentence.label)) if sentence.label == "Core ML" else None,
    )
    (make,) = [found for found in shown.findChildren(QPushButton) if found.text() == "Make bundle"]
    make.click()
    assert pressed == ["Core ML"]
    assert nameless(shown) == []


def _direct():  # type: ignore[no-untyped-def]
    from PySide6.QtCore import Qt

    return Qt.FindChildOption.FindDirectChildrenOnly


def test_what_happened_can_be_copied(qtbot: QtBot, theme: Theme) -> None:
    box = ProblemBox(theme, "TensorRT", CRASH)
    qtbot.addWidget(box)
    box.findChildren(QPushButton)[0].click()
    assert QGuiApplication.clipboard().text().splitlines() == [
        "TensorRT: died <here>",
        "SIGSEGV",
        "Update it.",
        "one",
        "two",
    ]
    assert nameless(box) == []


def test_no_runtimes_are_said_so(qtbot: QtBot, theme: Theme) -> None:
    shown = VerdictList(theme)
    qtbot.addWidget(shown)
    shown.show_sentences([])
    assert "holds no runtimes" in words_of(shown)


def test_the_split_is_words_with_the_rule_below(qtbot: QtBot, theme: Theme) -> None:
    shown = SplitWords(theme)
    qtbot.addWidget(shown)
    shown.show_splits(splits(build_sheet(ordinary())))
    assert "do not add up" in words_of(shown)
    shown.show_splits([])
    assert words_of(shown) == ""


def test_a_note_can_be_pressed(qtbot: QtBot, theme: Theme) -> None:
    note = NoteLine("They disagree on 31.", "Show", "Show samples")
    qtbot.addWidget(note)
    with qtbot.waitSignal(note.pressed, timeout=1000):
        note.action.click()
