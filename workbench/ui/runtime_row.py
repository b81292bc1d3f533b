"""Editor of one [[runtimes]] row: name, threads, batch, precisions, interpreter, target, whether it is required."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QLineEdit, QSpinBox, QVBoxLayout

from workbench.ui.desk import Desk
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.widgets import button, label, row, say, without_buttons

PRECISIONS = ("fp32", "fp16", "int8")
TARGETS = ("this machine", "x64", "x64-no-vnni", "arm64", "wasm", "device")
DEFAULT_PRECISIONS = ["fp32", "int8"]


class RuntimeRow(QFrame):
    """One row of the document, by its place; changes go into the document at once."""

    def __init__(self, desk: Desk, place: int, title: str) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._desk, self._place, self._filling = desk, place, True
        table: dict[str, Any] = desk.document.value("runtimes", place, default={})
        self._what = f"Row {place + 1}"
        self._name, self._python, self._options = (
            self._line("name"),
            self._line("Python interpreter"),
            self._line("options"),
        )
        self._threads, self._batch = self._count("threads", 1024), self._count("batch", 65536)
        self._precisions = {name: QCheckBox(name.upper()) for name in PRECISIONS}
        self._target, self._required = QComboBox(), QCheckBox("required")
        self._problem = label("", "bad", wrap=True)
        self._set_up(table, title)
        self._arrange(title)
        self._filling = False

    def _set_up(self, table: dict[str, Any], title: str) -> None:
        self._name.setText(table.get("name") or "")
        self._name.setCursorPosition(0)
        self._name.setPlaceholderText(str(table.get("id", title)))
        self._python.setText(table.get("python") or "")
        self._python.setPlaceholderText("this program's own")
        self._options.setText(json.dumps(table["options"]) if table.get("options") else "")
        self._options.setPlaceholderText('{"option": value}')
        self._threads.setValue(table.get("threads", 1))
        self._batch.setValue(table.get("batch", 1))
        for name, box in self._precisions.items():
            box.setChecked(name in table.get("precisions", DEFAULT_PRECISIONS))
            box.setAccessibleName(f"{self._what}: {name}")
            box.toggled.connect(lambda _on: self._set("precisions", self._chosen_precisions()))
        self._target.addItems(TARGETS)
        self._target.setCurrentText(table.get("target") or TARGETS[0])
        self._target.setAccessibleName(f"{self._what}: target")
        self._required.setChecked(table.get("required", True))
        self._required.setToolTip("The study counts as incomplete when this row does not run")
        self._required.setAccessibleName(f"{self._what}: required")
        self._connect()

    def _connect(self) -> None:
        self._name.editingFinished.connect(lambda: self._set("name", self._name.text().strip() or None))
        self._python.editingFinished.connect(lambda: self._set("python", self._python.text().strip() or None))
        self._options.editingFinished.connect(self._set_options)
        self._threads.valueChanged.connect(lambda value: self._set("threads", value))
        self._batch.valueChanged.connect(lambda value: self._set("batch", value))
        self._target.activated.connect(lambda place: self._set("target", TARGETS[place] if place else None))
        self._required.toggled.connect(lambda on: self._set("required", None if on else False))

    def _arrange(self, title: str) -> None:
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.setSpacing(8)
        remove = button("Remove", self._remove, "quiet", f"Remove {self._what.lower()}, {title}")
        boxes = self._precisions.values()
        inside.addLayout(row(ElidedLabel(title, "strong"), None, *boxes, self._required, remove, spacing=10))
        first = (label("Name", "muted"), self._name, label("Threads", "muted"), self._threads)
        second = (label("Batch", "muted"), self._batch, label("Target", "muted"), self._target)
        inside.addLayout(row(*first, *second, spacing=8))
        third = (label("Interpreter", "muted"), self._python, label("Options", "muted"), self._options)
        inside.addLayout(row(*third, spacing=8))
        inside.addWidget(self._problem)
        self._problem.hide()

    def _chosen_precisions(self) -> list[str] | None:
        chosen = [name for name, box in self._precisions.items() if box.isChecked()]
        say(self._problem, "" if chosen else "Choose at least one precision.")
        return None if chosen == DEFAULT_PRECISIONS else chosen

    def _set_options(self) -> None:
        text = self._options.text().strip()
        try:
            options = json.loads(text) if text else None
        except ValueError as error:
            say(self._problem, f"Options are not JSON: {error}")
            return
        if options is not None and not isinstance(options, dict):
            say(self._problem, 'Options are a JSON object such as {"option": 1}.')
            return
        say(self._problem, "")
        self._set("options", options or None)

    def _set(self, key: str, value: Any) -> None:
        if not self._filling:
            self._desk.document.set(f"change {self._what.lower()}", value, "runtimes", self._place, key)

    def _remove(self) -> None:
        self._desk.document.set(f"remove {self._what.lower()}", None, "runtimes", self._place)

    def _line(self, name: str) -> QLineEdit:
        made = QLineEdit()
        made.setAccessibleName(f"{self._what}: {name}")
        return made

    def _count(self, name: str, most: int) -> QSpinBox:
        made = without_buttons(QSpinBox())
        made.setRange(1, most)
        made.setFixedWidth(74)
        made.setAccessibleName(f"{self._what}: {name}")
        return made
