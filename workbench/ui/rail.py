"""The rail at the left: the steps in their groups, each with its state in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.ui.elided_label import ElidedLabel
from workbench.ui.icons import pixmap
from workbench.ui.theme import Theme, set_role
from workbench.ui.tokens import ICON_PX, RAIL_PX
from workbench.ui.widgets import connect_theme, label

StateKind = Literal["", "ok", "warn", "bad", "on"]


@dataclass(frozen=True)
class Step:
    """One entry of the rail: its key, title, icon and group."""

    key: str
    title: str
    icon: str
    group: str


STEPS = (
    Step("model", "Model", "model", "Set up"),
    Step("data", "Data", "data", "Set up"),
    Step("scheme", "Scheme", "scheme", "Set up"),
    Step("runtimes", "Runtimes", "runtimes", "Set up"),
    Step("run", "Run", "run", "Set up"),
    Step("compare", "Compare", "compare", "Results"),
    Step("speed", "Speed", "speed", "Results"),
    Step("tune", "Tune", "tune", "Results"),
    Step("sheet", "Sheet", "sheet", "Hand over"),
    Step("history", "History", "history", "Hand over"),
)


class StepButton(QPushButton):
    """One step: icon, title, and its state in a line below."""

    def __init__(self, step: Step, theme: Theme) -> None:
        super().__init__()
        self.step, self._theme = step, theme
        self._kind: StateKind = ""
        self.setCheckable(True)
        self.setProperty("role", "step")
        self._icon, self._title, self._state = QLabel(), label(step.title, "step-title"), label("", "step-state")
        self._icon.setFixedSize(QSize(ICON_PX, ICON_PX))
        self._arrange()
        self.toggled.connect(self._paint)
        self.setAccessibleName(step.title)
        connect_theme(theme, self, self._paint)
        self._paint()

    @property
    def state(self) -> str:
        """The line below the title."""
        return str(self._state.property("full") or "")

    def set_state(self, text: str, kind: StateKind = "") -> None:
        """Show the step's state; the whole text is also the tool tip."""
        self._kind = kind
        self._state.setProperty("full", text)
        self._state.setVisible(bool(text))
        self.setToolTip(text)
        self.setAccessibleDescription(text)
        self._fit()
        set_role(self._state, f"step-state-{kind}" if kind else "step-state")

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return the size of the two lines."""
        inside = self.layout()
        return inside.sizeHint() if inside is not None else super().sizeHint()

    def _fit(self) -> None:
        width = RAIL_PX - 76
        self._state.setText(self._state.fontMetrics().elidedText(self.state, Qt.TextElideMode.ElideMiddle, width))

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._title)
        words.addWidget(self._state)
        inside = QHBoxLayout(self)
        inside.setContentsMargins(12, 7, 10, 7)
        inside.setSpacing(12)
        inside.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        inside.addLayout(words, 1)
        for part in (self._icon, self._title, self._state):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._state.hide()

    def _paint(self, _checked: bool = False) -> None:
        colour = self._theme.tokens.colour("accent" if self.isChecked() else "muted")
        self._icon.setPixmap(pixmap(self.step.icon, colour, ICON_PX, self.devicePixelRatioF()))
        set_role(self._title, "step-title-on" if self.isChecked() else "step-title")


class Rail(QFrame):
    """All steps; `chosen` carries the key of the step the user wants."""

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "rail")
        self.setFixedWidth(RAIL_PX)
        self.setAccessibleName("Steps")
        self._group = QButtonGroup(self)
        self.buttons = {step.key: StepButton(step, theme) for step in STEPS}
        self._title = label("INT8 Workbench", "heading")
        self._study = ElidedLabel("", "small")
        self.foot = QVBoxLayout()
        self._arrange()

    def set_study(self, text: str) -> None:
        """Show which study is open."""
        self._study.setText(text)

    def select(self, key: str) -> None:
        """Mark a step as the one shown."""
        self.buttons[key].setChecked(True)
        focused = self.window().focusWidget()
        if focused is None or focused in self.buttons.values():
            self.buttons[key].setFocus()

    def set_state(self, key: str, text: str, kind: StateKind = "") -> None:
        """Show a step's state."""
        self.buttons[key].set_state(text, kind)

    def _arrange(self) -> None:
        inside = QVBoxLayout(self)
        inside.setContentsMargins(12, 16, 12, 12)
        inside.setSpacing(3)
        for head in (self._title, self._study):
            head.setContentsMargins(8, 0, 8, 0)
            inside.addWidget(head)
        group = ""
        for step in STEPS:
            if step.group != group:
                group = step.group
                inside.addWidget(self._heading(group))
            inside.addWidget(self._button(step))
        inside.addStretch(1)
        inside.addLayout(self.foot)

    def _heading(self, text: str) -> QWidget:
        made = label(text, "group")
        made.setContentsMargins(8, 12, 0, 4)
        return made

    def _button(self, step: Step) -> StepButton:
        made = self.buttons[step.key]
        self._group.addButton(made)
        made.clicked.connect(lambda _checked=False, key=step.key: self.chosen.emit(key))
        return made
