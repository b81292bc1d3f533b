"""The Model page: choose a model, see its signature, ops and family, what stays float and why, adopt the proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QInputDialog, QVBoxLayout, QWidget

from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.document import CHOOSE_MODEL, USE_PROPOSAL
from workbench.ui.drop_area import DropArea
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.gone import gone_at
from workbench.ui.halves import Halves, half
from workbench.ui.model_facts import fact_pairs, float_rows, op_rows, proposal_lines, proposal_notes, share_line
from workbench.ui.model_state import ModelState
from workbench.ui.recent_list import RecentList
from workbench.ui.tables.rows import Heading
from workbench.ui.widgets import FORM_PX, Page, button, card, clear, column, facts, label, row, say, themed_icon

MODEL_FILTER = "Models (*.onnx *.pt2 *.pt);;All files (*)"
TABLE_MOST_PX = 460
DETAILS_PX = 860
"""Width below which the proposal stands below the signature."""
DEFAULTS: dict[str, dict[str, Any]] = {"preprocess": {}, "task": {"class_offset": 0, "compare": "logits"}}
OP_HEADINGS = (Heading("Op", right=False), Heading("Nodes"))
FLOAT_HEADINGS = (Heading("Node", right=False), Heading("Op", right=False), Heading("Why it stays float", right=False))


class ModelPage(Page):
    """What is under test.

    Signals:
        failed: an error line and log lines; goto: another step; open_requested: a path.
    """

    failed = Signal(str, object)
    goto = Signal(str)
    open_requested = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            "Model", "What is quantized and measured. Nothing is run until you press Run.", widest_px=FORM_PX
        )
        self._desk = desk
        self._source = ""
        self._details: QWidget | None = None
        self._running: Command | None = None
        self._lost = False
        self._document: dict[str, Any] | None = None
        self._path, self._recent = ElidedLabel(), RecentList()
        self._recent.open_requested.connect(self.open_requested)
        self._note = label("", "muted", wrap=True)
        self._empty, self._chosen = self._empty_part(), self._chosen_part()
        self.body.addWidget(self._empty)
        self.body.addWidget(self._recent)
        self.body.addWidget(self._chosen)
        self.body.addStretch(1)
        desk.document.changed.connect(self._refresh)
        self._refresh()

    def show_inspection(self, document: dict[str, Any]) -> None:
        """Show what `inspect` found."""
        self._document = document
        say(self._note, "")
        if self._details is None:
            self._details = self._details_part()
            self._below.addWidget(self._details)
        clear(self._signature)
        self._signature.addLayout(facts(fact_pairs(document)))
        self._share.setText(share_line(document))
        self._floats.set_rows(FLOAT_HEADINGS, float_rows(document))
        self._floats.setVisible(bool(document["float_nodes"]))
        self._ops.set_rows(OP_HEADINGS, op_rows(document))
        say(self._proposal, "\n".join(proposal_lines(document)))
        say(self._proposal_notes, proposal_notes(document))
        self._details.show()
        self._adopt_where_nothing_is_said()
        self._show_adopted()

    def _empty_part(self) -> QWidget:
        choose = themed_icon(button("Choose file...", self._choose, "primary"), self._desk.theme, "open", "on_accent")
        factory = button("Python factory...", self._choose_factory, tip="Name a Python function that returns a model")
        demo = button("Sample study", self._open_demo, tip="Open the bundled study: handwritten digits")
        area = DropArea("Drop a model here", "ONNX, torch.export (.pt2) or TorchScript (.pt)", choose, factory, demo)
        area.dropped.connect(self.open_requested)
        return area

    def _chosen_part(self) -> QWidget:
        whole = QWidget()
        change = button("Change...", self._choose, tip="Choose another model")
        factory = button("Python factory...", self._choose_factory, "quiet", "Name another Python function")
        frame, inside = card()
        self._state = ModelState()
        buttons = (self._state.toggle, factory, change)
        inside.addLayout(row(column(self._path, self._note, spacing=2), *buttons, spacing=8))
        self._state.edited.connect(lambda state: self._desk.document.set("change the state", state, "model", "state"))
        inside.addWidget(self._state)
        self._below = column(frame)
        whole.setLayout(self._below)
        return whole

    def _details_part(self) -> QWidget:
        from workbench.ui.tables.view import TablePanel  # noqa: PLC0415  (tables come after the first paint)

        signature, self._signature = card("Signature")
        ops, ops_inside = card("Ops")
        self._ops = TablePanel(self._desk.theme, "Ops", grows=True, most_px=TABLE_MOST_PX)
        ops_inside.addWidget(self._ops)
        inner = QVBoxLayout()
        self._signature.addLayout(inner)
        self._signature = inner
        floats, floats_inside = card("What becomes INT8")
        self._share = label("", wrap=True)
        self._floats = TablePanel(self._desk.theme, "Nodes that stay float", grows=True, most_px=TABLE_MOST_PX)
        floats_inside.addWidget(self._share)
        floats_inside.addWidget(self._floats)
        # Each side flows by itself, so that a long signature or proposal leaves no hole beside it.
        right = half(self._proposal_part(), ops, None)
        return Halves(half(signature, floats, None), right, narrow_px=DETAILS_PX, shares=(3, 2))

    def _proposal_part(self) -> QWidget:
        frame, inside = card("Proposed for this model")
        words = "A guess from shapes and names. Check it against how the model was trained."
        self._proposal = label("", "mono", selectable=True)
        self._proposal_notes = label("", "muted", wrap=True, selectable=True)
        self._proposal.setWordWrap(True)
        self._adopt = button("Use these", self._take_proposal, tip="Use the proposed preprocessing and task")
        self._adopted = label("", "ok")
        inside.addWidget(label(words, "muted", wrap=True))
        inside.addWidget(self._proposal)
        inside.addWidget(self._proposal_notes)
        inside.addStretch(1)
        inside.addLayout(row(self._adopt, self._adopted, None))
        return frame

    def _refresh(self) -> None:
        model = self._desk.document.value("model", default={})
        source = model.get("path") or model.get("factory") or ""
        self._empty.setVisible(not source)
        self._chosen.setVisible(bool(source))
        self._recent.show_paths([] if source else self._desk.settings.recent)
        if source != self._source:
            self._source = source
            self._document = None
            self._path.setText(source)
            if self._details is not None:
                self._details.hide()
            self._inspect(model)
        self._show_gone()
        self._state.show_state(model.get("state") or {})
        self._show_adopted()

    def announce(self) -> None:
        """Look again at the file: one that is back, or could not be read, is read again."""
        self._show_gone()
        if self._desk.document.fault("model") and self._running is None:
            self._inspect(self._desk.document.value("model", default={}))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Look again whenever the page is shown."""
        super().showEvent(event)
        self.announce()

    def _show_gone(self) -> None:
        """Say where the model's file is not there any more."""
        lost = gone_at(self._desk.document.values, "model")
        if lost is not None:
            say(self._note, lost.line, "bad")
        elif self._lost:
            self._inspect(self._desk.document.value("model", default={}))
        self._lost = lost is not None

    def _inspect(self, model: dict[str, Any]) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running = None
        if model.get("factory"):
            say(
                self._note, "A Python function. It is called when the study runs, after you allow code to run.", "muted"
            )
        elif model.get("path"):
            say(self._note, "Reading...", "muted")
            self._running = self._desk.bridge.run(["inspect", model["path"], "--json"], self._inspected)

    def _inspected(self, done: Finished) -> None:
        from workbench.ui.run_place import is_code  # noqa: PLC0415  (not before the first paint)

        if done.cancelled:
            return
        self._running = None
        if done.ok and isinstance(done.document, dict):
            self.show_inspection(done.document)
        else:
            say(self._note, done.error, "bad")
        # What is code may be read once it is allowed to run.
        self._desk.document.note_fault("model", "" if done.ok or is_code(self._desk.document.values) else done.error)

    def _adopt_where_nothing_is_said(self) -> None:
        """Start a model that was just chosen with the proposal; the Data page calls it a guess until it is changed."""
        chosen_now = self._desk.document.undo_stack.undoText() == CHOOSE_MODEL
        if chosen_now and not any(self._desk.document.value(name) for name in ("preprocess", "task")):
            self._take_proposal()

    def _take_proposal(self) -> None:
        if self._document is not None:
            proposed = self._document["proposed"]
            tables = {name: proposed[name] for name in ("preprocess", "task") if proposed[name]}
            self._desk.document.update(USE_PROPOSAL, tables)

    def _show_adopted(self) -> None:
        if self._details is None:
            return
        proposed = self._document["proposed"] if self._document else {}
        tables = {name: proposed[name] for name in ("preprocess", "task") if proposed.get(name)}
        same = bool(tables) and all(self._has(name, table) for name, table in tables.items())
        self._adopt.setEnabled(bool(tables) and not same)
        self._adopted.setText("In use" if same else "")

    def _has(self, name: str, table: dict[str, Any]) -> bool:
        """Whether the document's table says the same; what is left out holds by default."""
        return {**DEFAULTS[name], **self._desk.document.value(name, default={})} == {**DEFAULTS[name], **table}

    def _choose(self) -> None:
        start = str(Path(self._source).parent) if self._source else ""
        name, _ = QFileDialog.getOpenFileName(self, "Choose a model", start, MODEL_FILTER)
        if name:
            self.open_requested.emit(Path(name))

    def _choose_factory(self) -> None:
        name, accepted = QInputDialog.getText(self, "Python factory", "package.module:function")
        if accepted and name.strip():
            self._desk.document.set("choose a factory", {"factory": name.strip()}, "model")

    def _open_demo(self) -> None:
        from importlib.resources import files  # noqa: PLC0415  (only here)

        self.open_requested.emit(Path(str(files("workbench_resources") / "demo" / "study.toml")))
