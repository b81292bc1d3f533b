"""One of the two sets of samples on the Data page: where it is, labels, how many; and what was found in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFileDialog, QFrame, QSpinBox, QVBoxLayout

from workbench.ui.class_balance import ClassBalance
from workbench.ui.data_sets import Part, set_at
from workbench.ui.desk import Desk
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.widgets import button, label, row, say, without_buttons

TITLES = {"evaluation": "Evaluation set", "calibration": "Calibration set"}
PURPOSE = {
    "evaluation": "Answers are judged on these samples.",
    "calibration": "Activation ranges come from these; about a hundred are enough.",
}
LABEL_CHOICES = ("names of sub-folders", "a CSV file...", "unlabelled")
ARRAY_LABELS = 'the array "labels"'
MOST = 10_000_000
HINT = "Drop a folder of images or an .npz here, or choose one."


class DataPart(QFrame):
    """Editor of [data.evaluation] or [data.calibration]; changes go into the document."""

    def __init__(self, desk: Desk, part: Part) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._desk, self._part = desk, part
        self._path, self._hint = ElidedLabel(), label(HINT, wrap=True)
        self._found, self._problem = label("", wrap=True), label("", "bad", wrap=True)
        self._labels, self._limit, self._seed = QComboBox(), without_buttons(QSpinBox()), without_buttons(QSpinBox())
        self._frames, self._frames_title = without_buttons(QSpinBox()), label("Frames per sequence", "muted")
        self._balance = ClassBalance(desk.theme, f"Class balance of the {TITLES[part].lower()}")
        self._clear = button("Remove", partial(self._set, None), "quiet", f"Remove the {TITLES[part].lower()}")
        self._set_up_fields()
        self._arrange()
        self.show_document()

    def show_document(self) -> None:
        """Show what the document says."""
        table = self._table()
        self._path.setText(table.get("path", ""))
        self._path.setVisible(bool(table))
        self._hint.setVisible(not table)
        fields = (self._labels, self._limit, self._seed, self._frames)
        for field in fields:
            field.setEnabled(bool(table))
            field.blockSignals(True)
        labels = table.get("labels")
        self._labels.setItemText(0, ARRAY_LABELS if table.get("kind") == "arrays" else LABEL_CHOICES[0])
        self._labels.setCurrentIndex(0 if labels is None else 2 if labels == "" else 1)
        self._labels.setItemText(1, Path(labels).name if labels else LABEL_CHOICES[1])
        self._allow_csv(table.get("kind") != "arrays")
        self._limit.setValue(table.get("limit", 0))
        self._seed.setValue(table.get("seed", 0))
        self._frames.setValue(table.get("frames", 0))
        has_frames = bool(table) and (has_state(self._desk.document.values) or "frames" in table)
        for part in (self._frames, self._frames_title):
            part.setVisible(has_frames)
        for field in fields:
            field.blockSignals(False)
        self._clear.setVisible(bool(table))
        if not table:
            self.show_scan(None)

    def show_scan(self, found: dict[str, Any] | None, words: str = "") -> None:
        """Show what a scan found, or `words` while there is nothing to show."""
        error = found.get("error", "") if found else ""
        doubt = doubt_line(found, self._table()) if found and not error else ""
        say(self._problem, f"{error[:1].upper()}{error[1:]}" or doubt, "bad" if error else "warn")
        self._balance.set_classes((found or {}).get("classes") or [])
        say(self._found, words if found is None or error else found_line(found))

    def _set_up_fields(self) -> None:
        name = TITLES[self._part]
        self._labels.addItems(LABEL_CHOICES)
        self._labels.setAccessibleName(f"{name}: labels")
        self._labels.activated.connect(self._choose_labels)
        self._limit.setRange(0, MOST)
        self._limit.setSpecialValueText("all")
        self._limit.setAccessibleName(f"{name}: number of samples, 0 for all")
        self._limit.valueChanged.connect(lambda value: self._set(value or None, "limit"))
        self._seed.setRange(0, MOST)
        self._seed.setAccessibleName(f"{name}: seed of the shuffle")
        self._seed.valueChanged.connect(lambda value: self._set(value or None, "seed"))
        self._frames.setRange(0, MOST)
        self._frames.setSpecialValueText("off")
        self._frames.setToolTip(
            "For a model with state: rows of the arrays are frames, and so many in a row make one sequence"
        )
        self._frames.setAccessibleName(f"{name}: frames per sequence")
        self._frames.valueChanged.connect(lambda value: self._set(value or None, "frames"))
        for field in (self._limit, self._seed, self._frames):
            field.setFixedWidth(72)
        self._labels.setMinimumContentsLength(12)
        self._labels.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def _arrange(self) -> None:
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 14, 16, 14)
        inside.setSpacing(8)
        name = TITLES[self._part]
        folder = button("Folder...", self._choose_folder, tip=f"{name}: choose a folder of images")
        arrays = button("Arrays...", self._choose_arrays, tip=f"{name}: choose an .npz or .npy file")
        inside.addLayout(row(label(name, "heading"), None, self._clear, folder, arrays, spacing=8))
        inside.addWidget(label(PURPOSE[self._part], "muted", wrap=True))
        inside.addWidget(self._path)
        inside.addWidget(self._hint)
        counts = (label("Samples", "muted"), self._limit, label("Seed", "muted"), self._seed)
        labels = (label("Labels", "muted"), self._labels)
        first = row(*labels, spacing=8)
        first.setStretch(1, 1)
        inside.addLayout(first)
        inside.addLayout(row(*counts, self._frames_title, self._frames, None, spacing=8))
        for found in (self._found, self._problem, self._balance):
            inside.addWidget(found)
        inside.addStretch(1)

    def _allow_csv(self, allowed: bool) -> None:
        """Arrays bring their labels along; a CSV of labels is for images."""
        model = self._labels.model()
        if isinstance(model, QStandardItemModel):
            model.item(1).setEnabled(allowed)

    def _table(self) -> dict[str, Any]:
        found: dict[str, Any] = self._desk.document.value("data", self._part, default={})
        return found

    def _set(self, value: Any, *keys: str) -> None:
        self._desk.document.set(f"change the {TITLES[self._part].lower()}", value, "data", self._part, *keys)

    def take(self, path: Path) -> None:
        """Take a folder or an array file as this set; number of samples and seed stay."""
        kept = {key: value for key, value in self._table().items() if key in ("limit", "seed", "frames")}
        self._set({**set_at(path, self._part), **kept})

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, TITLES[self._part], self._table().get("path", ""))
        if path:
            self.take(Path(path))

    def _choose_arrays(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, TITLES[self._part], "", "Arrays (*.npz *.npy)")
        if path:
            self.take(Path(path))

    def _choose_labels(self, choice: int) -> None:
        if choice == 1:
            path, _ = QFileDialog.getOpenFileName(self, "Labels", "", "Two columns file,label (*.csv)")
            if path:
                self._set(str(Path(path).resolve()), "labels")
            self.show_document()
        else:
            self._set(None if choice == 0 else "", "labels")


def has_state(values: dict[str, Any]) -> bool:
    """Whether a model of the study feeds outputs back from frame to frame."""
    models = [values.get("model") or {}, *((item.get("model") or {}) for item in values.get("candidates", []))]
    return any(model.get("state") for model in models)


def doubt_line(found: dict[str, Any], table: dict[str, Any]) -> str:
    """Return what is odd about the labels of a set, "" where nothing is."""
    if len(found["classes"] or ()) == 1 and table.get("kind") == "images" and table.get("labels") is None:
        return "All samples are of one class: choose a CSV file of labels, or the folder that holds the classes."
    return ""


def found_line(found: dict[str, Any]) -> str:
    """Return in a line what a scan found."""
    parts = [
        f"{found['n']:,} samples" if found["n"] == found["available"] else f"{found['n']:,} of {found['available']:,}"
    ]
    classes = found["classes"]
    if classes:
        counts = [count for _, count in classes]
        spread = f"{min(counts):,} each" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,} each"
        parts.append(f"{len(classes):,} {'class' if len(classes) == 1 else 'classes'}, {spread}")
    else:
        parts.append("unlabelled")
    parts += [f"{found['duplicates']:,} twice or more"] if found["duplicates"] else []
    parts += [f"{len(found['undecodable']):,} cannot be decoded"] if found["undecodable"] else []
    parts += [f"{found['nonfinite']:,} values are not finite"] if found["nonfinite"] else []
    return " · ".join(parts)
