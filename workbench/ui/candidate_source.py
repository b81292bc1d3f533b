"""Where a candidate comes from: its own model (a file, a Python factory) or the study's, its ready plan or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QInputDialog, QMenu, QWidget

from workbench.ui.elided_label import ElidedLabel
from workbench.ui.file_choice import FileChoice
from workbench.ui.model_state import ModelState
from workbench.ui.theme import set_role
from workbench.ui.widgets import button, label, row

MODELS = "Models (*.onnx *.pt2 *.pt)"
OF_STUDY = "the study's model"
LABEL_PX = 101
"""Width of the titles, as in the scheme editor below."""


class CandidateSource(QWidget):
    """Two lines of the candidate's card.

    Signals:
        model_chosen: a [model] table, None for the study's model. plan_chosen: a path as text, None for no plan.
    """

    model_chosen = Signal(object)
    plan_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._table: dict[str, Any] = {}
        self._model, self._state = ElidedLabel(OF_STUDY, "muted"), ModelState(" of this candidate's model")
        self._state.edited.connect(self._tell_state)
        self._plan = FileChoice("a ready plan for this candidate", "made from the calibration set", "Plans (*.json)")
        self._plan.changed.connect(self._tell_plan)
        choose = button("Choose...", tip="Choose another model for this candidate")
        choose.setMenu(self._menu())
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, LABEL_PX)
        grid.setColumnStretch(1, 1)
        model = QWidget()
        model.setLayout(row(self._model, choose, spacing=8))
        grid.addWidget(label("Model", "muted"), 0, 0)
        grid.addWidget(model, 0, 1)
        grid.addWidget(self._state, 1, 1)
        self._plan_title = label("Plan", "muted")
        grid.addWidget(self._plan_title, 2, 0)
        grid.addWidget(self._plan, 2, 1)

    def show_candidate(self, item: dict[str, Any]) -> None:
        """Show one candidate's table."""
        self._table = model = item.get("model") or {}
        self._state.setVisible(bool(model.get("state")))
        self._state.show_state(model.get("state") or {})
        self._recurrent.setEnabled(bool(model))
        source = model.get("path") or model.get("factory")
        self._model.setText(source or OF_STUDY)
        set_role(self._model, "mono" if source else "muted")
        for widget in (self._plan_title, self._plan):
            widget.setVisible(not item.get("native"))
        self._plan.blockSignals(True)
        self._plan.set_path(Path(item["plan"]) if item.get("plan") else None)
        self._plan.blockSignals(False)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        for text, do in (
            ("A model file...", self._choose_file),
            ("A Python factory...", self._choose_factory),
            ("The study's model", lambda: self.model_chosen.emit(None)),
        ):
            menu.addAction(text).triggered.connect(lambda _checked=False, do=do: do())
        menu.addSeparator()
        self._recurrent = menu.addAction("It is recurrent...")
        self._recurrent.triggered.connect(lambda _checked=False: self._state.unfold())
        return menu

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Model of this candidate", "", MODELS)
        if path:
            self.model_chosen.emit({"path": str(Path(path).resolve())})

    def _choose_factory(self) -> None:
        name, accepted = QInputDialog.getText(self, "Python factory", "package.module:function")
        if accepted and name.strip():
            self.model_chosen.emit({"factory": name.strip()})

    def _tell_state(self, state: dict[str, str] | None) -> None:
        table = {key: value for key, value in self._table.items() if key != "state"}
        self.model_chosen.emit({**table, "state": state} if state else table)

    def _tell_plan(self) -> None:
        self.plan_chosen.emit(str(self._plan.path) if self._plan.path else None)
