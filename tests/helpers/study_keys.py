"""Every key of the study file and the part of the window that edits it; and the hand that uses such a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers import set_up
from helpers.studies import document
from pydantic import BaseModel
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QInputDialog,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class File:
    """Stands for a file of the test's folder; in the study its absolute path."""

    name: str


@dataclass(frozen=True)
class Editor:
    """What edits one key.

    Attributes:
        page: step of the rail. name: accessible name. put: what a person puts in: text, number, the start of an entry's
            text, or None for a click. found: what stands in the study then; `put` where it is not given.
        answer: what a dialog is answered with. before: tables of the study under which the key has a meaning.
        opens: a button to press first. place: of the key in the document, where lists are in between.
    """

    page: str
    name: str
    put: Any = None
    found: Any = None
    answer: Any = None
    before: Mapping[str, Any] = field(default_factory=dict)
    opens: str = ""
    place: Key = ()


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all keys a table may have; tables inside it are gone through."""
    for name, info in model.model_fields.items():
        inner = table_in(info.annotation)
        if inner is None:
            yield f"{prefix}{name}"
        else:
            yield from keys_of(inner, f"{prefix}{name}.")


def table_in(annotation: Any) -> type[BaseModel] | None:
    """Return the table that an annotation is, may be, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (table_in(argument) for argument in get_args(annotation))
    return next((table for table in found if table is not None), None)


TWO = {"candidates": [{"name": "first"}, {"name": "second", "scheme": {"name": "S2"}}]}
CROP = {"preprocess": {"resize_short": 200, "center_crop": 100}}
LETTERBOX = {"preprocess": {"letterbox": {"size": 100}}}
EXACT = {"preprocess": {"resize": [8, 8]}}
DIVERGENCE = {"task": {"kind": "divergence"}}
STATE = {"model": {"path": "net.onnx", "state": {"h": "h_out"}}, **DIVERGENCE}
OWN_MODEL = {"candidates": [{"name": "first", "model": {"path": "other.onnx", "state": {"h": "o"}}}], **DIVERGENCE}
NATIVE = {"candidates": [{"name": "tool", "native": "ort_quantize_static"}, {"name": "second"}]}
CLASSES = {"task": {"kind": "classification"}}
GUESS = {"preprocess": {"mean": [0.0], "std": [1.0]}}


def _data(part: str, title: str) -> dict[str, Editor]:
    images = f"{title}: choose a folder of images"
    return {
        f"data.{part}.kind": Editor("data", images, found="images", answer=File("pictures")),
        f"data.{part}.path": Editor("data", f"{title}: choose an .npz or .npy file", found=File("more.npz"),
                                    answer=File("more.npz")),
        f"data.{part}.labels": Editor("data", f"{title}: labels", "unlabelled", ""),
        f"data.{part}.limit": Editor("data", f"{title}: number of samples, 0 for all", 7),
        f"data.{part}.seed": Editor("data", f"{title}: seed of the shuffle", 3),
        f"data.{part}.frames": Editor("data", f"{title}: frames per sequence", 4, before=STATE),
    }  # fmt: skip


def _scheme(table: str, place: Key, before: Mapping[str, Any]) -> dict[str, Editor]:
    percentile = {"scheme": {"method": "percentile"}} if not before else {
        "candidates": [{"name": "first", "scheme": {"method": "percentile"}}, {"name": "second"}]
    }  # fmt: skip
    made = {
        "name": Editor("scheme", "Scheme: scheme", "S2"),
        "method": Editor("scheme", "Scheme: calibration method", "entropy"),
        "percentile": Editor("scheme", "Scheme: percentile", 99.9, before=percentile),
        "exclude_nodes": Editor("scheme", "Scheme: nodes", "conv1, fc", ["conv1", "fc"]),
        "exclude_op_types": Editor("scheme", "Scheme: op types", "Add", ["Add"]),
        "quantize_logits": Editor("scheme", "Scheme: quantize the last output", found=False),
        "bias_correction": Editor("scheme", "Scheme: correct biases", found=False),
        "equalize_activations": Editor("scheme", "Scheme: equalize activations", found=True),
        "weight_rounding": Editor("scheme", "Scheme: weight rounding", "gptq"),
        "smoothing": Editor("scheme", "Scheme: smoothing", 0.5),
        "scale_rounding": Editor("scheme", "Scheme: scale rounding", "powers of two", "power_of_two"),
    }
    return {
        f"{table}.{key}": Editor(**{**vars(one), "before": one.before or before, "place": (*place, key)})
        for key, one in made.items()
    }


EDITORS: dict[str, Editor] = {
    "name": Editor("run", "Name of the study", "Digits"),
    "model.path": Editor("model", "Choose another model", found=File("other.onnx"), answer=File("other.onnx"),
                         before=GUESS),
    "model.factory": Editor("model", "Name another Python function", found="pkg:make", answer="pkg:make"),
    "model.state": Editor("model", "Outputs fed back as state", "h = h_out", {"h": "h_out"},
                          opens="The model is recurrent: name its state", before=DIVERGENCE),
    **_data("calibration", "Calibration set"),
    **_data("evaluation", "Evaluation set"),
    "preprocess.resize_short": Editor("data", "resize short", 128, before=CROP),
    "preprocess.center_crop": Editor("data", "center crop", 96, before=CROP),
    "preprocess.resize": Editor("data", "height", 48, [48, 8], before=EXACT),
    "preprocess.letterbox.size": Editor("data", "size", 320, before=LETTERBOX),
    "preprocess.letterbox.pad": Editor("data", "pad", 0, before=LETTERBOX),
    "preprocess.color": Editor("data", "Colour", "BGR"),
    "preprocess.layout": Editor("data", "Layout", "NHWC"),
    "preprocess.mean": Editor("data", "Mean per channel, 0 to 255", "1, 2, 3", [1.0, 2.0, 3.0]),
    "preprocess.std": Editor("data", "Standard deviation per channel", "4, 5, 6", [4.0, 5.0, 6.0]),
    "task.kind": Editor("data", "Task", "divergence"),
    "task.class_offset": Editor("data", "Outputs before the first class", 1, before=CLASSES),
    "task.compare": Editor("data", "Compared", "outputs"),
    **_scheme("scheme", ("scheme",), {}),
    "candidates.name": Editor("scheme", "Name of the candidate", "student", before=TWO,
                              place=("candidates", 0, "name")),
    "candidates.model.path": Editor("scheme", "Choose another model for this candidate", "A model file...",
                                    File("other.onnx"), File("other.onnx"), TWO,
                                    place=("candidates", 0, "model", "path")),
    "candidates.model.factory": Editor("scheme", "Choose another model for this candidate", "A Python factory...",
                                       "pkg:make", "pkg:make", TWO, place=("candidates", 0, "model", "factory")),
    "candidates.model.state": Editor("scheme", "Outputs fed back as state of this candidate's model", "h = h_out",
                                     {"h": "h_out"}, before=OWN_MODEL, place=("candidates", 0, "model", "state")),
    **_scheme("candidates.scheme", ("candidates", 0, "scheme"), TWO),
    "candidates.plan": Editor("scheme", "Choose a ready plan for this candidate", found=File("plan.json"),
                              answer=File("plan.json"), before=TWO, place=("candidates", 0, "plan")),
    "candidates.native": Editor("scheme", "Native tool-chain", "OpenVINO NNCF", "nncf", before=NATIVE,
                                place=("candidates", 0, "native")),
    "candidates.native_options": Editor("scheme", "Native tool-chain: calibrate_method", "Entropy",
                                        {"calibrate_method": "Entropy"}, before=NATIVE,
                                        place=("candidates", 0, "native_options")),
    "runtimes.id": Editor("runtimes", "Add a row for ort_cpu", found="ort_cpu", place=("runtimes", 1, "id")),
    "runtimes.name": Editor("runtimes", "Row 1: name", "ort 1.31"),
    "runtimes.threads": Editor("runtimes", "Row 1: threads", 2),
    "runtimes.batch": Editor("runtimes", "Row 1: batch", 4),
    "runtimes.options": Editor("runtimes", "Row 1: options", '{"a": 1}', {"a": 1}),
    "runtimes.precisions": Editor("runtimes", "Row 1: fp16", found=["fp32", "fp16", "int8"]),
    "runtimes.python": Editor("runtimes", "Row 1: Python interpreter", "/venvs/b/bin/python"),
    "runtimes.target": Editor("runtimes", "Row 1: target", "arm64"),
    "runtimes.required": Editor("runtimes", "Row 1: required", found=False),
    "measure.profile": Editor("run", "Profile", "full"),
    "measure.budget_s": Editor("run", "Most seconds for the speed of all cells", 90.0),
    "gates": Editor("run", "Add a gate", "SQNR", {"min_sqnr_db": 20.0}),
}  # fmt: skip
NOT_EDITED = {"schema_version": "the program writes the version it knows"}


def place_of(key: str) -> Key:
    """Return where a key stands in the document; in lists the first entry."""
    editor = EDITORS[key]
    if editor.place:
        return editor.place
    parts: list[str | int] = list(key.split("."))
    return (parts[0], 0, *parts[1:]) if parts[0] in ("runtimes", "candidates") else tuple(parts)


def start(window: Any, editor: Editor, folder: Path) -> QWidget:
    """Open a study in which the key has a meaning, and the page that edits it."""
    values = {**document(({"id": "ort_cpu"},)), **editor.before}
    window.desk.document.new()
    window.desk.document.update("set up", absolute(values, folder))
    window.desk.document.undo_stack.clear()
    window.show_page(editor.page)
    page: QWidget = window.page(editor.page)
    if editor.page == "runtimes":
        page.show_runtimes(set_up.runtimes(hard=False))  # type: ignore[attr-defined]
    QApplication.processEvents()
    return page


def absolute(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a study with the paths of its model and its sets absolute, as the window keeps them."""
    sets = {part: {**table, "path": str(folder / table["path"])} for part, table in values["data"].items()}
    return {**values, "model": {**values["model"], "path": str(folder / values["model"]["path"])}, "data": sets}


def use(page: QWidget, editor: Editor, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Do what a person does with the editor."""
    answer = str(folder / editor.answer.name) if isinstance(editor.answer, File) else editor.answer
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_: (answer, ""))
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_: answer)
    patch.setattr(QInputDialog, "getText", lambda *_: (answer, True))
    if editor.opens:
        _put(find(page, editor.opens), None)
    _put(find(page, editor.name), editor.put)
    QApplication.processEvents()


def find(page: QWidget, name: str) -> QWidget:
    """Return the visible part of this accessible name; there must be exactly one."""
    found = [one for one in page.findChildren(QWidget) if one.accessibleName() == name and one.isVisibleTo(page)]
    assert len(found) == 1, f"{len(found)} parts are called {name!r}"
    assert found[0].isEnabled(), name
    return found[0]


def _put(part: QWidget, value: Any) -> None:
    if isinstance(part, QLineEdit):
        part.setFocus()
        part.selectAll()
        QTest.keyClicks(part, value)
        QTest.keyClick(part, Qt.Key.Key_Return)
        part.clearFocus()
    elif isinstance(part, QComboBox):
        place = next(i for i in range(part.count()) if part.itemText(i).startswith(value))
        part.setCurrentIndex(place)
        part.activated.emit(place)
    elif isinstance(part, QSpinBox | QDoubleSpinBox):
        part.setValue(value)
    elif isinstance(part, QPushButton) and part.menu() is not None:
        next(action for action in part.menu().actions() if action.text() == value).trigger()
    else:
        assert isinstance(part, QPushButton | QCheckBox), type(part)
        assert not isinstance(part, QAbstractSpinBox)
        part.click()


def expected(editor: Editor, folder: Path) -> Any:
    """Return what the study says after the editor was used."""
    found = editor.put if editor.found is None else editor.found
    return str(folder / found.name) if isinstance(found, File) else found
