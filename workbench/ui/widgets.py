"""Small builders shared by all pages: labels, buttons, cards, rows, a scrolling page, a copy button."""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from workbench.ui.theme import Theme, set_role
from workbench.ui.tokens import GAP_PX

COPIED_MS = 1500
BoxT = TypeVar("BoxT", bound=QBoxLayout)
SpinT = TypeVar("SpinT", bound=QAbstractSpinBox)
UNBOUNDED_PX = (1 << 24) - 1
FORM_PX = 1480
"""Width at which a page of fields stops growing: beyond it a field and its button are too far apart."""
KEPT_LETTERS = 24
LONG_WORD = re.compile(r"\S{65,}")
"""What is longer than a SHA-256."""


class WrappingLabel(QLabel):
    """A label that wraps; the middle of words too long to wrap is left out, so that no name widens a page.

    `text` is always the whole text; what is left out stands in the tool tip.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = ""
        self.setText(text)

    def text(self) -> str:
        """Return the whole text."""
        return self._whole

    def setText(self, text: str) -> None:  # noqa: N802  (Qt's name)
        """Show another text."""
        self._whole = text
        shown = LONG_WORD.sub(lambda found: f"{found[0][:KEPT_LETTERS]}…{found[0][-KEPT_LETTERS:]}", text)
        super().setText(shown)
        self.setToolTip(text if shown != text else "")


def label(text: str = "", role: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """Return a plain-text label; `role` as in style_sheet."""
    made = WrappingLabel(text) if wrap else QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    if role.startswith("chip"):
        made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
    if wrap:
        make_wrapping(made)
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def make_wrapping(made: QLabel) -> None:
    """Let a label wrap; the width it then asks for is small, the height follows the width it gets."""
    made.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    made.setSizePolicy(policy)


def button(text: str, on_click: Callable[[], object] | None = None, role: str = "", tip: str = "") -> QPushButton:
    """Return a push button with an accessible name."""
    made = QPushButton(text)
    made.setAccessibleName(tip or text)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    if role:
        made.setProperty("role", role)
    if on_click is not None:
        made.clicked.connect(lambda _checked=False: on_click())
    return made


def themed_icon(made: QPushButton, theme: Theme, name: str, colour: str = "text", size_px: int = 16) -> QPushButton:
    """Give a button an icon that follows the theme; returns the button."""

    def paint() -> None:
        made.setIcon(theme.icon(name, colour, size_px))

    made.setIconSize(QSize(size_px, size_px))
    paint()
    connect_theme(theme, made, paint)
    return made


def connect_theme(theme: Theme, owner: QWidget, paint: Callable[[], object]) -> None:
    """Call `paint` whenever the theme changes, for as long as `owner` lives."""
    # A method is held weakly: the theme outlives widgets and must not keep them.
    held = weakref.WeakMethod(paint) if inspect.ismethod(paint) else (lambda: paint)

    def slot(_tokens: object) -> None:
        call = held()
        if call is not None:
            call()

    connection = theme.changed.connect(slot)
    owner.destroyed.connect(lambda: theme.changed.disconnect(connection) if isValid(theme) else None)


def copy_button(text: Callable[[], str], theme: Theme, what: str) -> QPushButton:
    """Return a button that copies `text()` and says so for a moment; `what` names it for screen readers."""
    made = button("Copy", role="quiet", tip=f"Copy {what}")
    timer = QTimer(made)
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: made.setText("Copy"))

    def copy() -> None:
        QGuiApplication.clipboard().setText(text())
        made.setText("Copied")
        timer.start(COPIED_MS)

    made.clicked.connect(lambda _checked=False: copy())
    return themed_icon(made, theme, "copy", "muted", 14)


def without_buttons(field: SpinT) -> SpinT:
    """Take the two small buttons off a number field: wheel, arrow keys and typing stay; returns the field."""
    # The style sheet takes the buttons; the text then needs its margin, the sheet's padding does not reach it.
    inside = field.findChild(QLineEdit)
    if isinstance(inside, QLineEdit):
        inside.setTextMargins(6, 0, 6, 0)
    return field


def card(heading: str = "", spacing: int = 8) -> tuple[QFrame, QVBoxLayout]:
    """Return a card and its layout; with `heading` as first line."""
    frame = QFrame()
    frame.setProperty("role", "card")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(16, 14, 16, 14)
    inside.setSpacing(spacing)
    if heading:
        inside.addWidget(label(heading, "heading"))
    return frame, inside


def row(*items: QWidget | QLayout | None, spacing: int = GAP_PX) -> QHBoxLayout:
    """Return widgets side by side; None is a stretch."""
    return _filled(QHBoxLayout(), items, spacing)


def column(*items: QWidget | QLayout | None, spacing: int = GAP_PX) -> QVBoxLayout:
    """Return widgets one below the other; None is a stretch."""
    return _filled(QVBoxLayout(), items, spacing)


def _filled(layout: BoxT, items: tuple[QWidget | QLayout | None, ...], spacing: int) -> BoxT:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)
    return layout


def line() -> QFrame:
    """Return a 1 px line."""
    made = QFrame()
    made.setProperty("role", "line")
    return made


def clear(layout: QLayout) -> None:
    """Remove everything from a layout at once; removed widgets are deleted later."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


def facts(pairs: list[tuple[str, str]], role: str = "") -> QGridLayout:
    """Return names and values in two columns; values can be selected and wrap."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for number, (name, value) in enumerate(pairs):
        grid.addWidget(label(name, "muted"), number, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(value, role, wrap=True, selectable=True), number, 1)
    return grid


class Page(QScrollArea):
    """A page of the window: title, one line below it, actions at the right, then its body; scrolls when short.

    `widest_px`: where it stops growing with the window; by default it never does.

    Attributes:
        body: layout for the page's cards. buttons: layout at the right of the title.
    """

    def __init__(self, title: str, subtitle: str = "", *, widest_px: int = UNBOUNDED_PX) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(title)
        self._title, self._subtitle = label(title, "title", wrap=True), label(subtitle, "muted", wrap=True)
        self.buttons, self.body = row(spacing=8), column()
        content = QWidget()
        content.setProperty("role", "page")
        content.setMaximumWidth(widest_px)
        outside = QVBoxLayout(content)
        outside.setContentsMargins(24, 18, 24, 18)
        outside.setSpacing(GAP_PX)
        outside.addLayout(row(column(self._title, self._subtitle, spacing=2), self.buttons))
        outside.addLayout(self.body, 1)
        self.setWidget(content)

    def set_title(self, title: str, subtitle: str) -> None:
        """Change the two lines at the top."""
        self._title.setText(title)
        self._subtitle.setText(subtitle)
        self._subtitle.setVisible(bool(subtitle))


def say(made: QLabel, text: str, role: str = "") -> None:
    """Change a label's text and role; an empty text hides it."""
    made.setText(text)
    made.setVisible(bool(text))
    if role:
        set_role(made, role)
