"""Editor of a native candidate: which tool-chain, its options as its manifest declares them, its state here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.execution.tool_options import default_of
from workbench.ui.native_tools import Tool, changed_options
from workbench.ui.scheme_editor import names_of
from workbench.ui.theme import Theme
from workbench.ui.widgets import clear, copy_button, label, row, say, without_buttons

WORDS = (
    "This tool-chain chooses ranges, codes and nodes by its own recipe, from the same calibration samples. "
    "What it chose is read back and told; its rows carry its name."
)
MOST = 1_000_000
TITLE_PX = 132


class NativeEditor(QWidget):
    """Fields of one tool-chain.

    Signals:
        tool_chosen: another tool-chain's id. edited: the options that are not at their default.
    """

    tool_chosen = Signal(str)
    edited = Signal(dict)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._tool: Tool | None = None
        self._filling = False
        self._fields: dict[str, QWidget] = {}
        self._which = QComboBox()
        self._which.setAccessibleName("Native tool-chain")
        self._which.activated.connect(lambda _place: self.tool_chosen.emit(str(self._which.currentData())))
        self._versions, self._reason = label("", "small", wrap=True), label("", "warn", wrap=True, selectable=True)
        self._remedy = QVBoxLayout()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, TITLE_PX)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        title = label("Tool-chain", "muted")
        title.setFixedWidth(TITLE_PX)
        inside.addLayout(row(title, self._which, spacing=14))
        inside.addWidget(label(WORDS, "muted", wrap=True))
        inside.addWidget(self._versions)
        inside.addWidget(self._reason)
        inside.addLayout(self._remedy)
        inside.addLayout(self._grid)

    def show_candidate(self, tools: Sequence[Tool], tool_id: str, options: Mapping[str, Any]) -> None:
        """Show a candidate's tool-chain, its state and options; one that is not installed has its id alone."""
        self._filling = True
        self._which.clear()
        for tool in tools:
            self._which.addItem(str(tool["title"]), tool["id"])
        found = next((tool for tool in tools if tool["id"] == tool_id), None)
        if found is None:
            self._which.addItem(tool_id, tool_id)
        self._which.setCurrentIndex(self._which.findData(tool_id))
        self._show_state(found, tool_id)
        if found is None or self._tool is None or found["options"] != self._tool["options"] or not self._fields:
            self._make_fields(found)
        self._tool = found
        for key, field in self._fields.items():
            _show(field, options.get(key, default_of(found["options"][key]) if found else None))
        self._filling = False

    def options(self) -> dict[str, Any]:
        """Return the options that are not at their default."""
        if self._tool is None:
            return {}
        return changed_options(self._tool, {key: _value(field) for key, field in self._fields.items()})

    def _show_state(self, tool: Tool | None, tool_id: str) -> None:
        missing = f"There is no tool-chain {tool_id!r} here."
        reason = missing if tool is None else str(tool.get("reason") or "")
        versions = {} if tool is None else tool["versions"]
        say(self._versions, ", ".join(f"{name} {value}" for name, value in versions.items()), "small")
        say(self._reason, reason, "warn" if tool is None or tool["ok"] is False else "muted")
        clear(self._remedy)
        remedy = "" if tool is None else str(tool.get("remedy") or "")
        if remedy:
            copy = copy_button(lambda: remedy, self._theme, "the remedy")
            self._remedy.addLayout(row(label(remedy, "mono", wrap=True, selectable=True), copy, spacing=8))

    def _make_fields(self, tool: Tool | None) -> None:
        clear(self._grid)
        self._fields = {}
        for number, (key, declared) in enumerate((tool["options"] if tool else {}).items()):
            field = self._field(key, declared)
            field.setAccessibleName(f"Native tool-chain: {key}")
            self._fields[key] = field
            self._grid.addWidget(label(key.replace("_", " "), "muted"), number, 0)
            self._grid.addWidget(field, number, 1)

    def _field(self, key: str, declared: Any) -> QWidget:
        if isinstance(declared, list) and declared:
            combo = QComboBox()
            for choice in declared:
                combo.addItem(("yes" if choice else "no") if isinstance(choice, bool) else str(choice), choice)
            combo.activated.connect(lambda _place: self._tell())
            return combo
        if isinstance(declared, int):
            whole = without_buttons(QSpinBox(minimum=0, maximum=MOST))
            whole.valueChanged.connect(lambda _value: self._tell())
            return whole
        if isinstance(declared, float):
            number = without_buttons(QDoubleSpinBox(minimum=-MOST, maximum=MOST, decimals=4))
            number.valueChanged.connect(lambda _value: self._tell())
            return number
        line = QLineEdit()
        line.setProperty("is_list", isinstance(declared, list))
        line.setPlaceholderText("names, such as conv1, fc" if isinstance(declared, list) else "")
        line.editingFinished.connect(self._tell)
        return line

    def _tell(self) -> None:
        if not self._filling:
            self.edited.emit(self.options())


def _show(field: QWidget, value: Any) -> None:
    if isinstance(field, QComboBox):
        field.setCurrentIndex(field.findData(value))
    elif isinstance(field, QSpinBox | QDoubleSpinBox):
        field.setValue(value)
    elif isinstance(field, QLineEdit):
        text = ", ".join(value) if isinstance(value, list) else str(value)
        if names_of(field.text()) != names_of(text):
            field.setText(text)


def _value(field: QWidget) -> Any:
    if isinstance(field, QComboBox):
        return field.currentData()
    if isinstance(field, QDoubleSpinBox):
        return round(field.value(), 4)
    if isinstance(field, QSpinBox):
        return field.value()
    assert isinstance(field, QLineEdit)
    return names_of(field.text()) if field.property("is_list") else field.text()
