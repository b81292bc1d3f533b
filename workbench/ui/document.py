"""The study that the window edits: a plain dict as in STUDY.toml, with undo and redo.

Paths in it are absolute while it is edited; saving makes those below the file's folder relative again.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from workbench.errors import UserError
from workbench.ui.data_sets import missing_set
from workbench.ui.gone import gone

if TYPE_CHECKING:
    from workbench.execution.study import Study

Values = dict[str, Any]
CHOOSE_MODEL, USE_PROPOSAL = "choose a model", "use the proposal"
"""Names of two steps of the undo stack that pages ask for."""
CALIBRATION_MISSING = "Choose calibration data first: the scheme takes its ranges from samples."
STUDY_VERSION = 1
FaultyStep = Literal["model", "data"]
FAULTY_STEPS: tuple[FaultyStep, ...] = ("model", "data")
NO_DATA = {"evaluation": {"kind": "arrays", "path": "-"}}
"""Stands for data not yet chosen where only the model and the scheme matter."""


class Document(QObject):
    """One study being edited.

    Attributes:
        changed: emitted after every change, undo and redo too. replaced: another study was opened or begun.
        undo_stack: what can be undone.
        path: the file it was read from or saved to, None for a new one.
    """

    changed = Signal()
    replaced = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.undo_stack = QUndoStack(self)
        self._values: Values = {"schema_version": STUDY_VERSION}
        self._faults: dict[str, tuple[Any, str]] = {}

    @property
    def values(self) -> Values:
        """A copy of the whole document."""
        return copy.deepcopy(self._values)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen yet."""
        return not set(self._values) - {"schema_version"}

    @property
    def is_modified(self) -> bool:
        """Whether it differs from what is on the disk."""
        return not self.undo_stack.isClean()

    @property
    def title(self) -> str:
        """Words for the window's title and the rail."""
        name = self._values.get("name")
        return str(name) if name else self.path.stem if self.path else "New study"

    @property
    def is_guessed(self) -> bool:
        """Whether [preprocess] stands as it was proposed from the model's shapes, and nobody has changed it since."""
        stack = self.undo_stack
        for place in reversed(range(stack.index())):
            step = stack.command(place)
            if isinstance(step, _Change) and step.changes("preprocess"):
                return step.text() == USE_PROPOSAL
        return False

    def value(self, *keys: str | int, default: Any = None) -> Any:
        """Return a copy of what stands at `keys` ("scheme", "name"), or the default."""
        found: Any = self._values
        for key in keys:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return default
        return copy.deepcopy(found)

    def set(self, what: str, value: Any, *keys: str | int, merges: bool | None = None) -> None:
        """Change one value, undoable as `what`; None removes the key.

        Args:
            merges: changes of the same key in a row are one step; without a word that holds for texts and numbers.
        """
        after = with_value(self._values, value, keys)
        if after != self._values:
            merges = isinstance(value, (str, int, float)) if merges is None else merges
            self.undo_stack.push(_Change(self, what, after, keys if merges else ()))

    def update(self, what: str, values: Values) -> None:
        """Replace several top-level tables in one undoable step; None removes a table."""
        after = copy.deepcopy(self._values)
        for key, value in values.items():
            after = with_value(after, value, (key,))
        if after != self._values:
            self.undo_stack.push(_Change(self, what, after, ()))

    def study(self, *, needs_data: bool = True) -> Study:
        """Return the checked study. Raises UserError: what is missing or wrong."""
        from workbench.execution.study import study_from_document  # noqa: PLC0415  (not before the first paint)

        values = self.values
        if not needs_data and not values.get("data", {}).get("evaluation"):
            values["data"] = {**values.get("data", {}), **NO_DATA}
        folder = self.path.parent if self.path else Path.cwd()
        return study_from_document(values, folder, self.path.name if self.path else "The study")

    def problem(self) -> str:
        """Return in one line why it cannot be run yet, "" when it can."""
        if missing := self._missing():
            return missing
        if lost := gone(self._values):
            return lost[0].line
        if step := self.faulty_step:
            return self.fault(step)
        try:
            self.study()
        except UserError as error:
            return str(error)
        return ""

    def _missing(self) -> str:
        if not (self._values.get("model") or self._values.get("candidates")):
            return "Choose a model first."
        if missing := missing_set(self._values):
            words = {"evaluation": "Choose evaluation data first.", "calibration": CALIBRATION_MISSING}
            return words[missing]
        return "" if self._values.get("runtimes") else "Choose at least one runtime first."

    def note_fault(self, step: FaultyStep, fault: str) -> None:
        """Note what a command found wrong with a step's table as it is now, "" for nothing; what is new is told."""
        before = self.fault(step)
        self._faults[step] = (self.value(step), fault)
        if fault != before:
            self.changed.emit()

    def fault(self, step: FaultyStep) -> str:
        """Return what was found wrong with a step's table, "" for nothing, or where it has changed since."""
        table, fault = self._faults.get(step, (None, ""))
        return fault if table == self.value(step) else ""

    @property
    def faulty_step(self) -> FaultyStep | None:
        """The first step whose table something is wrong with."""
        return next((step for step in FAULTY_STEPS if self.fault(step)), None)

    def new(self) -> None:
        """Start an empty study; nothing to undo."""
        self._take({"schema_version": STUDY_VERSION}, None)

    def load(self, path: Path) -> None:
        """Read a study file; nothing to undo. Raises UserError."""
        from workbench.execution.study import load_study, with_absolute_paths  # noqa: PLC0415  (see above)

        study = load_study(path)
        values = dump(with_absolute_paths(study))
        if study.file.name is None:
            values.pop("name", None)
        self._take(values, path.resolve())

    def save(self, path: Path) -> None:
        """Write the study file; paths below its folder are written relative. Raises UserError."""
        from workbench.execution.study import save_study, study_from_document  # noqa: PLC0415  (see above)

        path = path.resolve()
        values = relative_paths(self.values, path.parent)
        save_study(study_from_document(values, path.parent, path.name), path)
        self.path = path
        self.undo_stack.setClean()
        self.changed.emit()

    def write_copy(self, path: Path, *, needs_data: bool = True) -> None:
        """Write the study with absolute paths for another process; this document stays as it is. Raises UserError."""
        from workbench.execution.study import save_study, with_absolute_paths  # noqa: PLC0415  (see above)

        save_study(with_absolute_paths(self.study(needs_data=needs_data)), path)

    def _take(self, values: Values, path: Path | None) -> None:
        self._values, self.path = values, path
        self.undo_stack.clear()
        self.replaced.emit()
        self.changed.emit()

    def apply(self, values: Values) -> None:
        """Put a state in place; only for the undo stack."""
        self._values = copy.deepcopy(values)
        self.changed.emit()


class _Change(QUndoCommand):
    """One step of the undo stack: the whole document before and after (it is small)."""

    def __init__(self, document: Document, what: str, after: Values, keys: tuple[str | int, ...]) -> None:
        super().__init__(what)
        self._document, self._keys = document, keys
        self._before, self._after = document.values, after

    def changes(self, key: str) -> bool:
        """Whether a top-level table differs before and after."""
        return self._before.get(key) != self._after.get(key)

    def id(self) -> int:
        """Return the same number for changes of the same key, so that Qt offers to merge them."""
        return hash(self._keys) % (2**31 - 1) if self._keys else -1

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802  (Qt's name)
        """Take over a later change of the same key: typing a number is one step."""
        if not isinstance(other, _Change) or other._keys != self._keys:
            return False
        self._after = other._after
        return True

    def redo(self) -> None:
        """Put the later state in place."""
        self._document.apply(self._after)

    def undo(self) -> None:
        """Put the earlier state in place."""
        self._document.apply(self._before)


def with_value(values: Values, value: Any, keys: tuple[str | int, ...]) -> Values:
    """Return a copy with `value` at `keys`; missing tables are made, None removes the key and tables left empty."""
    after = copy.deepcopy(values)
    _put(after, value, keys)
    return after


def _put(table: Any, value: Any, keys: tuple[str | int, ...]) -> None:
    key, rest = keys[0], keys[1:]
    if not rest:
        if value is not None:
            table[key] = copy.deepcopy(value)
        elif isinstance(table, list):
            del table[int(key)]
        else:
            table.pop(key, None)
        return
    if isinstance(table, dict):
        table.setdefault(key, {})
    _put(table[key], value, rest)
    if table[key] in ({}, []) and isinstance(table, dict):
        del table[key]


def dump(study: Study) -> Values:
    """Return a study as the dict that a file would hold."""
    values = study.file.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return {"schema_version": STUDY_VERSION, **values}


def relative_paths(values: Values, folder: Path) -> Values:
    """Return a copy in which paths below `folder` are relative to it, with forward slashes."""
    after = copy.deepcopy(values)
    for table in _tables_with_paths(after):
        for key in ("path", "labels", "plan"):
            if isinstance(table.get(key), str) and table[key]:
                table[key] = _relative(table[key], folder)
    return after


def _tables_with_paths(values: Values) -> list[Values]:
    tables = [values.get("model", {}), *values.get("data", {}).values()]
    for candidate in values.get("candidates", []):
        tables += [candidate, candidate.get("model", {})]
    return tables


def _relative(text: str, folder: Path) -> str:
    path = Path(text)
    if path.is_absolute() and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return text
