"""Editor of [preprocess] and [task]: fit, colour, layout, normalization; what compares and how."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QSpinBox, QWidget

from workbench.ui.desk import Desk
from workbench.ui.widgets import label, row, say, without_buttons

FITS = ("as it is", "short side, centre crop", "exact size", "letterbox")
NORMALIZATIONS: dict[str, tuple[list[float], list[float]]] = {
    "\N{MINUS SIGN}1 to 1": ([127.5], [127.5]),
    "0 to 1": ([0.0], [255.0]),
    "ImageNet (RGB)": ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
    "0 to 255": ([0.0], [1.0]),
}
TASKS = ("classification", "divergence")
COMPARES = ("logits", "outputs")
SIDE_MOST = 16384
DEFAULT_SIDE, DEFAULT_SHORT = 224, 256
LEFT_OUT = {"resize_short": "not resized", "center_crop": "not cropped"}
"""What 0 says in the fields that may be left out."""


class PreprocessEditor(QWidget):
    """Fields of the two tables; each change goes into the document at once, a list that is no list is marked."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._filling = desk, False
        self._fit, self._color, self._layout = (
            _combo("Fit", FITS),
            _combo("Colour", ("RGB", "BGR", "GRAY")),
            QComboBox(),
        )
        self._layout = _combo("Layout", ("NCHW", "NHWC"))
        self._sides = {key: _side(key) for key in ("resize_short", "center_crop", "height", "width", "size", "pad")}
        self._sides["pad"].setRange(0, 255)
        for key, words in LEFT_OUT.items():
            self._sides[key].setMinimum(0)
            self._sides[key].setSpecialValueText(words)
        self._normalization = _combo("Normalization", ("own values", *NORMALIZATIONS))
        self._mean, self._std = _line("Mean per channel, 0 to 255"), _line("Standard deviation per channel")
        self._kind, self._compare = _combo("Task", TASKS), _combo("Compared", COMPARES)
        self._offset = _side("Outputs before the first class")
        self._offset.setRange(0, 1000)
        self._problem = label("", "bad", wrap=True)
        self._rows: dict[str, list[QWidget]] = {}
        self._arrange()
        self._connect()
        self.show_document()

    def show_document(self) -> None:
        """Show what the document says."""
        self._filling = True
        table = self._desk.document.value("preprocess", default={})
        task = self._desk.document.value("task", default={})
        self._fit.setCurrentIndex(fit_of(table))
        resize, letterbox = table.get("resize") or [DEFAULT_SIDE] * 2, table.get("letterbox") or {}
        values = {
            "resize_short": table.get("resize_short") or (0 if fit_of(table) == 1 else DEFAULT_SHORT),
            "center_crop": table.get("center_crop") or (0 if fit_of(table) == 1 else DEFAULT_SIDE),
            "height": resize[0],
            "width": resize[1],
            "size": letterbox.get("size", 640),
            "pad": letterbox.get("pad", 114),
        }
        for key, value in values.items():
            self._sides[key].setValue(value)
        self._color.setCurrentText(table.get("color", "RGB"))
        self._layout.setCurrentText(table.get("layout", "NCHW"))
        self._show_normalization(table.get("mean", [0.0]), table.get("std", [1.0]))
        self._kind.setCurrentText(task.get("kind", "divergence"))
        self._offset.setValue(task.get("class_offset", 0))
        self._compare.setCurrentText(task.get("compare", "logits"))
        self._show_fields()
        self._filling = False

    def table(self) -> dict[str, Any]:
        """Return [preprocess] as the fields say. Raises ValueError: mean or std is not a list of numbers."""
        sides = {key: field.value() for key, field in self._sides.items()}
        fit: list[dict[str, Any]] = [
            {},
            {key: sides[key] for key in ("resize_short", "center_crop") if sides[key]},
            {"resize": [sides["height"], sides["width"]]},
            {"letterbox": {"size": sides["size"], "pad": sides["pad"]}},
        ]
        return {
            **fit[self._fit.currentIndex()],
            "color": self._color.currentText(),
            "layout": self._layout.currentText(),
            "mean": figures(self._mean.text()),
            "std": figures(self._std.text()),
        }

    def _show_normalization(self, mean: list[float], std: list[float]) -> None:
        for field, values in ((self._mean, mean), (self._std, std)):
            if not _means(field.text(), values):
                field.setText(", ".join(f"{value:g}" for value in values))
        names = [name for name, pair in NORMALIZATIONS.items() if pair == (list(mean), list(std))]
        self._normalization.setCurrentText(names[0] if names else "own values")

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        sides = self._sides
        self._add(grid, "Fit", self._fit)
        self._add(grid, "Short side, crop", sides["resize_short"], sides["center_crop"])
        self._add(grid, "Height, width", sides["height"], sides["width"])
        self._add(grid, "Side, padding", sides["size"], sides["pad"])
        self._add(grid, "Colour, layout", self._color, self._layout)
        self._add(grid, "Normalization", self._normalization)
        self._add(grid, "Mean", self._mean)
        self._add(grid, "Std", self._std)
        self._add(grid, "Task", self._kind)
        self._add(grid, "Outputs before class 0", self._offset)
        self._add(grid, "Compared", self._compare)
        grid.addWidget(self._problem, grid.rowCount(), 0, 1, 2)
        grid.setRowStretch(grid.rowCount(), 1)

    def _add(self, grid: QGridLayout, title: str, *fields: QWidget) -> None:
        name: QLabel = label(title, "muted")
        number = grid.rowCount()
        grid.addWidget(name, number, 0)
        grid.addLayout(row(*fields, spacing=8), number, 1)
        self._rows[title] = [name, *fields]

    def _connect(self) -> None:
        for combo in (self._fit, self._color, self._layout):
            combo.activated.connect(lambda _index: self._write())
        for side in self._sides.values():
            side.valueChanged.connect(lambda _value: self._write())
        for field in (self._mean, self._std):
            field.textEdited.connect(lambda _text: self._write())
        self._normalization.activated.connect(lambda _index: self._take_normalization())
        self._kind.activated.connect(lambda _index: self._write_task("kind", self._kind.currentText()))
        self._compare.activated.connect(lambda _index: self._write_task("compare", self._compare.currentText()))
        self._offset.valueChanged.connect(lambda value: self._write_task("class_offset", value or None))

    def _write(self) -> None:
        if self._filling:
            return
        self._show_fields()
        try:
            table = self.table()
        except ValueError as error:
            say(self._problem, str(error))
            return
        say(self._problem, "")
        self._desk.document.set("change the preprocessing", table, "preprocess", merges=True)
        self.changed.emit()

    def _write_task(self, key: str, value: Any) -> None:
        if not self._filling:
            self._desk.document.set("change the task", value, "task", key)
            self._show_fields()

    def _take_normalization(self) -> None:
        pair = NORMALIZATIONS.get(self._normalization.currentText())
        if pair is not None:
            self._mean.setText(", ".join(f"{value:g}" for value in pair[0]))
            self._std.setText(", ".join(f"{value:g}" for value in pair[1]))
            self._write()

    def _show_fields(self) -> None:
        """Show the fields that the chosen fit and task have."""
        fit = self._fit.currentIndex()
        shown = {
            "Short side, crop": fit == 1,
            "Height, width": fit == 2,
            "Side, padding": fit == 3,
            "Outputs before class 0": self._kind.currentText() == "classification",
        }
        for title, visible in shown.items():
            for widget in self._rows[title]:
                widget.setVisible(visible)


def fit_of(table: dict[str, Any]) -> int:
    """Return which of FITS a [preprocess] table uses."""
    if table.get("resize"):
        return 2
    if table.get("letterbox"):
        return 3
    return 1 if table.get("resize_short") or table.get("center_crop") else 0


def figures(text: str) -> list[float]:
    """Return "127.5, 127.5" as numbers. Raises ValueError with words for the user."""
    try:
        return [float(part) for part in text.replace(";", ",").split(",") if part.strip()] or [0.0]
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers such as 127.5, 127.5, 127.5") from None


def _means(text: str, values: list[float]) -> bool:
    """Whether a text that is being typed already says these values; it is left alone then."""
    try:
        return figures(text) == list(values)
    except ValueError:
        return False


def _combo(name: str, texts: tuple[str, ...]) -> QComboBox:
    made = QComboBox()
    made.addItems(texts)
    made.setAccessibleName(name)
    return made


def _line(name: str) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    return made


def _side(name: str) -> QSpinBox:
    made = without_buttons(QSpinBox())
    made.setRange(1, SIDE_MOST)
    made.setAccessibleName(name.replace("_", " "))
    return made
