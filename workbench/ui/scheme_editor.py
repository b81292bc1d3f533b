"""Editor of one scheme table: name, method, what stays float on request."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QLineEdit, QWidget

from workbench.quant.scheme import (
    DEFAULT_PERCENTILE,
    METHODS,
    SCALE_ROUNDINGS,
    SCHEME_TITLES,
    WEIGHT_ROUNDINGS,
)
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
ROUNDING_WORDS = {"nearest": "nearest code", "gptq": "least error of the layer's output"}
SCALE_WORDS = {"float16": "float16", "power_of_two": "powers of two, a self-test"}
_NAMES = (
    *("scheme", "calibration method", "percentile", "quantize the last output", "correct biases"),
    *("equalize activations", "weight rounding", "smoothing", "scale rounding", "op types", "nodes"),
)
_TITLES = (
    *("Scheme", "Calibration", "Share kept", "Quantize", "Biases", "Activations"),
    *("Weight rounding", "Smoothing", "Scales", "Float op types", "Float nodes"),
)


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
        self._rounding, self._scales = QComboBox(), QComboBox()
        for rounding in WEIGHT_ROUNDINGS:
            self._rounding.addItem(f"{rounding}: {ROUNDING_WORDS[rounding]}", rounding)
        for scales in SCALE_ROUNDINGS:
            self._scales.addItem(SCALE_WORDS[scales], scales)
        percentile = QDoubleSpinBox(minimum=50.001, maximum=100.0, decimals=4, singleStep=0.01, suffix=" %")
        smoothing = QDoubleSpinBox(minimum=0.0, maximum=1.0, decimals=2, singleStep=0.05)
        smoothing.setSpecialValueText("off")
        self._percentile, self._smoothing = without_buttons(percentile), without_buttons(smoothing)
        self._logits = QCheckBox("also the output of the last layer")
        self._biases = QCheckBox("take the mean error of each channel out")
        self._equalize = QCheckBox("even out the ranges of channels")
        self._ops, self._nodes = QLineEdit(), QLineEdit()
        self._ops.setPlaceholderText("op types, such as Softmax, Add")
        self._nodes.setPlaceholderText("names of nodes, such as conv1, fc")
        self._words = label("", "muted", wrap=True)
        for field, name in zip(self._fields(), _NAMES, strict=True):
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
        self._smoothing.setValue(table.get("smoothing", 0.0))
        self._rounding.setCurrentIndex(self._rounding.findData(table.get("weight_rounding", "nearest")))
        self._scales.setCurrentIndex(self._scales.findData(table.get("scale_rounding", "float16")))
        for box, key, default in self._boxes():
            box.setChecked(table.get(key, default))
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
        if round(self._smoothing.value(), 2):
            found["smoothing"] = round(self._smoothing.value(), 2)
        for combo, key in ((self._rounding, "weight_rounding"), (self._scales, "scale_rounding")):
            if combo.currentIndex() > 0:
                found[key] = str(combo.currentData())
        found |= {key: box.isChecked() for box, key, default in self._boxes() if box.isChecked() != default}
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
        return (
            *(self._name, self._method, self._percentile, self._logits, self._biases, self._equalize),
            *(self._rounding, self._smoothing, self._scales, self._ops, self._nodes),
        )

    def _boxes(self) -> tuple[tuple[QCheckBox, str, bool], ...]:
        """Return every check box with its key and what holds where the key is absent."""
        return (
            (self._logits, "quantize_logits", True),
            (self._biases, "bias_correction", True),
            (self._equalize, "equalize_activations", False),
        )

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        for number, (field, title) in enumerate(zip(self._fields(), _TITLES, strict=True)):
            self._titles[field] = label(title, "muted")
            grid.addWidget(self._titles[field], 2 * number, 0)
            grid.addWidget(field, 2 * number, 1)
        grid.addWidget(self._words, 1, 1)

    def _connect(self) -> None:
        for combo in (self._name, self._method, self._rounding, self._scales):
            combo.setMinimumContentsLength(16)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.activated.connect(lambda _place: self._write())
        for spin in (self._percentile, self._smoothing):
            spin.valueChanged.connect(lambda _value: self._write())
        for box, _, _ in self._boxes():
            box.toggled.connect(lambda _on: self._write())
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
            **dict.fromkeys((self._logits, self._biases, self._equalize, self._rounding, self._smoothing), calibrates),
            **dict.fromkeys((self._scales, self._ops, self._nodes), name in ("S1", "S2", "S3")),
        }
        for field, visible in shown.items():
            field.setVisible(visible)
            self._titles[field].setVisible(visible)


def names_of(text: str) -> list[str]:
    """Return "Softmax, Add" as a list of names."""
    return [part.strip() for part in text.split(",") if part.strip()]
