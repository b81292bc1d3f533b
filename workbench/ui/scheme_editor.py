"""Editor of one scheme table: name, method, what stays float on request."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QLineEdit, QWidget

from workbench.quant.scheme import DEFAULT_PERCENTILE, METHODS, SCHEME_TITLES
from workbench.ui.widgets import label, without_buttons

WORDS = {
    "S1": "Weights and activations in 8 bits, both symmetric: zero point 0, one scale per channel or tensor.",
    "S2": "Weights symmetric, activations affine in unsigned 8 bits: the zero point moves with the range.",
    "S3": "Weights in 8 bits, activations stay float: smaller files, no calibration data needed.",
    "fp32": "No quantization; a baseline.",
    "fp16": "No quantization; half precision where the runtime has it.",
}
METHOD_WORDS = {
    "mse": "least squared error",
    "minmax": "whole range seen",
    "percentile": "share of all values",
    "entropy": "least KL divergence",
}


class SchemeEditor(QWidget):
    """Fields of one scheme; `edited` carries the whole table as it would stand in the file."""

    edited = Signal(dict)

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._filling = False
        self._name, self._method = QComboBox(), QComboBox()
        for name, title in SCHEME_TITLES.items():
            self._name.addItem(f"{name}  {title}", name)
        for method in METHODS:
            self._method.addItem(f"{method}: {METHOD_WORDS[method]}", method)
        percentile = QDoubleSpinBox(minimum=50.001, maximum=100.0, decimals=4, singleStep=0.01, suffix=" %")
        self._percentile = without_buttons(percentile)
        self._logits = QCheckBox("also the output of the last layer")
        self._ops, self._nodes = QLineEdit(), QLineEdit()
        self._ops.setPlaceholderText("op types, such as Softmax, Add")
        self._nodes.setPlaceholderText("names of nodes, such as conv1, fc")
        self._words = label("", "muted", wrap=True)
        names = ("scheme", "calibration method", "percentile", "quantize the last output", "op types", "nodes")
        for field, name in zip(self._fields(), names, strict=True):
            field.setAccessibleName(f"{prefix}: {name}")
        self._titles: dict[QWidget, QLabel] = {}
        self._arrange()
        self._connect()

    def show_table(self, table: dict[str, Any]) -> None:
        """Show a scheme table."""
        self._filling = True
        self._name.setCurrentIndex(self._name.findData(table.get("name", "S1")))
        self._method.setCurrentIndex(self._method.findData(table.get("method", "mse")))
        self._percentile.setValue(table.get("percentile", DEFAULT_PERCENTILE))
        self._logits.setChecked(table.get("quantize_logits", True))
        for field, key in ((self._ops, "exclude_op_types"), (self._nodes, "exclude_nodes")):
            if names_of(field.text()) != table.get(key, []):
                field.setText(", ".join(table.get(key, [])))
        self._show_fields()
        self._filling = False

    def table(self) -> dict[str, Any]:
        """Return the table; keys that say what holds anyway are left out."""
        name, method = str(self._name.currentData()), str(self._method.currentData())
        found: dict[str, Any] = {"name": name, "method": method}
        if method == "percentile":
            found["percentile"] = round(self._percentile.value(), 4)
        if not self._logits.isChecked():
            found["quantize_logits"] = False
        for field, key in ((self._ops, "exclude_op_types"), (self._nodes, "exclude_nodes")):
            if names_of(field.text()):
                found[key] = names_of(field.text())
        return found

    def exclude_node(self, name: str) -> None:
        """Let a node stay float."""
        names = names_of(self._nodes.text())
        if name not in names:
            self._nodes.setText(", ".join([*names, name]))
            self._write()

    def _fields(self) -> tuple[QWidget, ...]:
        return (self._name, self._method, self._percentile, self._logits, self._ops, self._nodes)

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        titles = ("Scheme", "Calibration", "Share kept", "Quantize", "Float op types", "Float nodes")
        for number, (field, title) in enumerate(zip(self._fields(), titles, strict=True)):
            self._titles[field] = label(title, "muted")
            grid.addWidget(self._titles[field], 2 * number, 0)
            grid.addWidget(field, 2 * number, 1)
        grid.addWidget(self._words, 1, 1)

    def _connect(self) -> None:
        for combo in (self._name, self._method):
            combo.setMinimumContentsLength(16)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.activated.connect(lambda _place: self._write())
        self._percentile.valueChanged.connect(lambda _value: self._write())
        self._logits.toggled.connect(lambda _on: self._write())
        for field in (self._ops, self._nodes):
            field.editingFinished.connect(self._write)

    def _write(self) -> None:
        if not self._filling:
            self._show_fields()
            self.edited.emit(self.table())

    def _show_fields(self) -> None:
        """Show the fields that have an effect under the chosen scheme."""
        name, method = str(self._name.currentData()), str(self._method.currentData())
        self._words.setText(WORDS[name])
        calibrates = name in ("S1", "S2")
        shown = {
            self._method: calibrates,
            self._percentile: calibrates and method == "percentile",
            self._logits: calibrates,
            self._ops: name in ("S1", "S2", "S3"),
            self._nodes: name in ("S1", "S2", "S3"),
        }
        for field, visible in shown.items():
            field.setVisible(visible)
            self._titles[field].setVisible(visible)


def names_of(text: str) -> list[str]:
    """Return "Softmax, Add" as a list of names."""
    return [part.strip() for part in text.split(",") if part.strip()]
