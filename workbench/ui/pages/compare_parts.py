"""Parts of the Compare page: chips, verdict sentences with what stands behind a failure, the error split in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.execution.result import Problem
from workbench.report.sheet import Chip, Sentence
from workbench.report.split import RULE, Split
from workbench.ui.flow import FlowLayout
from workbench.ui.tables.delegate import STATE_TOKENS
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, clear, column, connect_theme, copy_button, label, make_wrapping, row

CHIP_ROLES = {"plain": "chip", "good": "chip-ok", "bad": "chip-bad"}
SIGNS = {"pass": "\N{BLACK CIRCLE}", "fail": "\N{MULTIPLICATION X}", "unknown": "\N{BLACK UP-POINTING TRIANGLE}",
         "none": "\N{WHITE CIRCLE}", "missing": "\N{EN DASH}"}  # fmt: skip
LOG_HEIGHT_PX = 150
INTERVAL = re.compile(r"\[[^\[\]]{1,40}\]")
CHIP_PX = 22
SIGN_PX = 14
LINK_ABOVE_PX = 4
"""What a link has above its words: a sentence beside it starts as low."""


class Chips(QWidget):
    """Facts beside the title."""

    def __init__(self) -> None:
        super().__init__()
        self._flow = FlowLayout(self)

    def show_chips(self, chips: Iterable[Chip]) -> None:
        """Show these instead."""
        clear(self._flow)
        for chip in chips:
            made = label(chip.text, CHIP_ROLES[chip.state])
            made.setMinimumHeight(CHIP_PX)
            self._flow.addWidget(made)
        self.updateGeometry()


class Sign(QLabel):
    """The sign of a verdict in its colour, in a column of its own, so that the words of all lines start together."""

    def __init__(self, theme: Theme, state: str) -> None:
        super().__init__(SIGNS.get(state, ""))
        self._state = state
        self.setFixedWidth(SIGN_PX)
        connect_theme(theme, self, lambda: self._paint(theme))
        self._paint(theme)

    def _paint(self, theme: Theme) -> None:
        self.setStyleSheet(f"QLabel {{ color: {theme.tokens.colour(STATE_TOKENS.get(self._state, 'text'))}; }}")


class RichLine(QLabel):
    """A wrapping line whose first words are strong and in the colour of a verdict; it follows the theme.

    `signed`: the verdict's sign stands before them.
    """

    def __init__(self, theme: Theme, lead: str, detail: str, state: str = "", *, signed: bool = True) -> None:
        super().__init__()
        self._theme, self._lead, self._detail, self._state = theme, lead, detail, state
        self._signed = signed and state in SIGNS
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        make_wrapping(self)
        self.setAccessibleName(f"{lead} {detail}")
        self._paint()
        connect_theme(theme, self, self._paint)

    def _paint(self) -> None:
        tokens = self._theme.tokens
        colour = tokens.colour(STATE_TOKENS.get(self._state, "text"))
        sign = f'<span style="color:{colour}">{SIGNS[self._state]}</span> ' if self._signed else ""
        lead = f'<span style="color:{colour};font-weight:600">{escape(self._lead)}</span>'
        self.setText(f"{sign}{lead} {escape(unbroken(self._detail))}")


def unbroken(text: str) -> str:
    """Return a text whose intervals stay on one line: "[2.7, 2.9]" with a space that does not break."""
    return INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text)


class ProblemBox(QFrame):
    """Why a run did not finish: what, how to mend it, the last log lines, a copy button."""

    def __init__(self, theme: Theme, name: str, problem: Problem) -> None:
        super().__init__()
        self.setProperty("role", "card")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(14, 10, 14, 12)
        inside.setSpacing(6)
        lines = [("What", problem.message), ("Signal", problem.signal), ("How to mend it", problem.remedy)]
        copy = copy_button(lambda: _problem_text(name, problem), theme, f"what happened to {name}")
        inside.addLayout(row(label(name, "strong", wrap=True), copy))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for number, (title, text) in enumerate((title, text) for title, text in lines if text):
            grid.addWidget(label(title, "muted"), number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(text, wrap=True, selectable=True), number, 1)
        inside.addLayout(grid)
        inside.addWidget(
            _log(name, problem.log_tail) if problem.log_tail else label("No log lines were kept.", "small")
        )


class VerdictList(QWidget):
    """One sentence per row; a row that did not finish opens to what happened."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._inside = QVBoxLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setSpacing(8)

    def show_sentences(
        self,
        sentences: Sequence[Sentence],
        problem_of: Callable[[Sentence], Problem | None] = lambda _: None,
        bundle_of: Callable[[Sentence], Callable[[], object] | None] = lambda _: None,
    ) -> None:
        """Show these instead.

        Args:
            problem_of: gives what stands behind a sentence; bundle_of: what makes the bundle of a row that another
                machine could run, None for others.
        """
        clear(self._inside)
        for sentence in sentences:
            line = self._line(sentence)
            problem = problem_of(sentence)
            if problem is None:
                self._inside.addLayout(line)
            else:
                self._inside.addLayout(self._opening(line, sentence.label, problem, bundle_of(sentence)))
        if not sentences:
            self._inside.addWidget(label("Nothing was measured: this study holds no runtimes.", "muted", wrap=True))

    def _line(self, sentence: Sentence) -> QHBoxLayout:
        words = RichLine(self._theme, sentence.lead, sentence.detail, sentence.state, signed=False)
        line = row(spacing=4)
        line.addWidget(Sign(self._theme, sentence.state), 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(words, 1, Qt.AlignmentFlag.AlignTop)
        return line

    def _opening(
        self, line: QHBoxLayout, name: str, problem: Problem, bundle: Callable[[], object] | None
    ) -> QVBoxLayout:
        box = ProblemBox(self._theme, name, problem)
        box.hide()
        show = button("What happened", role="link", tip=f"What happened to {name}")
        show.setCheckable(True)
        show.toggled.connect(box.setVisible)
        show.toggled.connect(lambda on: show.setText("Hide" if on else "What happened"))
        make = (
            button("Make bundle", bundle, "link", f"Make a bundle of {name}, for another machine") if bundle else None
        )
        beside = row(line, spacing=8)
        line.setContentsMargins(0, LINK_ABOVE_PX, 0, 0)
        for made in (make, show):
            if made is not None:
                beside.addWidget(made, 0, Qt.AlignmentFlag.AlignTop)
        return column(beside, box, spacing=6)


class NoteLine(QWidget):
    """A line with one action at its end."""

    pressed = Signal()

    def __init__(self, text: str, action: str, tip: str) -> None:
        super().__init__()
        self.action: QPushButton = button(action, self.pressed.emit, "link", tip)
        inside = row(label(text), self.action, None, spacing=4)
        self.setLayout(inside)


class SplitWords(QWidget):
    """Where the error comes from, a sentence per row, and the rule below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._inside = QVBoxLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setSpacing(6)

    def show_splits(self, splits: Sequence[Split]) -> None:
        """Show these instead."""
        clear(self._inside)
        for split in splits:
            self._inside.addWidget(RichLine(self._theme, f"{split.name}.", split.text))
        if splits:
            self._inside.addWidget(label(RULE, "small", wrap=True))


def _log(name: str, lines: Sequence[str]) -> QPlainTextEdit:
    made = QPlainTextEdit("\n".join(lines))
    made.setProperty("role", "log")
    made.setReadOnly(True)
    made.setTabChangesFocus(True)
    made.setAccessibleName(f"Last log lines of {name}")
    made.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    made.setFixedHeight(min(LOG_HEIGHT_PX, 34 + 17 * len(lines)))
    return made


def _problem_text(name: str, problem: Problem) -> str:
    parts = [f"{name}: {problem.message}", problem.signal, problem.remedy, *problem.log_tail]
    return "\n".join(part for part in parts if part)
