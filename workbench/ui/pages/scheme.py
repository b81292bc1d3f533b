"""The Scheme page: candidates as tabs, each with its scheme or its native tool-chain; beside it what runtimes say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QTabBar, QVBoxLayout, QWidget

from workbench.errors import UserError
from workbench.report.numbers import shorten
from workbench.ui.candidate_source import LABEL_PX, CandidateSource
from workbench.ui.candidates import (
    candidates_of,
    unique_name,
    with_candidate,
    with_change,
    with_item,
    without_candidate,
)
from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.forecast import Forecast
from workbench.ui.native_editor import NativeEditor
from workbench.ui.native_tools import candidate_of, known_tools, menu_text, title_of, tools_among
from workbench.ui.scheme_editor import SchemeEditor
from workbench.ui.widgets import FORM_PX, Page, button, card, label, row, say, themed_icon

WAIT_MS = 250
TAB_LETTERS, TAB_MARGIN_LETTERS, ROW_LETTERS = 40, 4, 90
"""Letters of a tab's name, of its margins, and of all tabs that fit into the narrowest window."""


class SchemePage(Page):
    """What is asked of every runtime, and what each would refuse or change.

    Signals:
        failed: an error line and log lines; goto: another step.
    """

    failed = Signal(str, object)
    goto = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            "Scheme",
            "One logical scheme, the same for every runtime. Several candidates are compared side by side.",
            widest_px=FORM_PX,
        )
        self._desk = desk
        self._answer: dict[str, Any] = {}
        self._asked: Any = None
        self._command: Command | None = None
        self._tools, self._tools_asked = known_tools(), False
        self._tabs, self._editor, self._forecast = QTabBar(), SchemeEditor("Scheme"), Forecast(desk.theme)
        self._name, self._source, self._native = QLineEdit(), CandidateSource(), NativeEditor(desk.theme)
        self._problem = label("", "bad", wrap=True)
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._timer.timeout.connect(self._ask)
        self._arrange()
        self._connect()
        self._refresh()

    def show_answer(self, document: dict[str, Any]) -> None:
        """Show what `explain` found."""
        self._answer = {item["name"]: item for item in document["candidates"]}
        self._show_forecast()

    @property
    def _place(self) -> int:
        return max(0, self._tabs.currentIndex())

    def _arrange(self) -> None:
        undo, redo = (
            self._desk.document.undo_stack.createUndoAction(self),
            self._desk.document.undo_stack.createRedoAction(self),
        )
        for action, name, title in ((undo, "undo", "Undo"), (redo, "redo", "Redo")):
            made = themed_icon(button(title, action.trigger, "quiet", title), self._desk.theme, name)
            made.setEnabled(action.isEnabled())
            action.enabledChanged.connect(made.setEnabled)
            self.buttons.addWidget(made)
        self._tabs.setAccessibleName("Candidates")
        self._tabs.setExpanding(False)
        self._tabs.setDrawBase(False)
        self._tabs.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        add = themed_icon(
            button("Add candidate", role="quiet", tip="Add another scheme, model, plan or tool-chain"),
            self._desk.theme,
            "add",
        )
        add.setMenu(self._add_menu())
        self._remove = button("Remove", self._remove_candidate, "quiet", "Remove this candidate")
        self.body.addLayout(row(self._tabs, add, None, self._remove, spacing=4))
        halves = QHBoxLayout()
        halves.setSpacing(16)
        left = QVBoxLayout()
        left.addWidget(self._editor_card())
        left.addStretch(1)
        halves.addLayout(left, 5)
        halves.addWidget(self._forecast, 6)
        self.body.addLayout(halves, 1)

    def _editor_card(self) -> QWidget:
        frame, inside = card()
        self._name.setAccessibleName("Name of the candidate")
        self._own = QWidget()
        own = QVBoxLayout(self._own)
        own.setContentsMargins(0, 0, 0, 6)
        title = label("Name", "muted")
        title.setFixedWidth(LABEL_PX)
        own.addLayout(row(title, self._name, spacing=14))
        own.addWidget(self._source)
        for widget in (self._own, self._editor, self._native, self._problem):
            inside.addWidget(widget)
        return frame

    def _add_menu(self) -> QMenu:
        menu = QMenu(self)
        for text, do in (
            ("Another scheme", self._add_scheme),
            ("Another model (a smaller one, a student)...", self._add_model),
            ("A ready plan...", self._add_plan),
        ):
            menu.addAction(text).triggered.connect(lambda _checked=False, do=do: do())
        self._tool_menu = menu.addMenu("Native tool-chain")
        menu.aboutToShow.connect(self._ask_tools)
        self._fill_tool_menu()
        return menu

    def _fill_tool_menu(self) -> None:
        self._tool_menu.clear()
        for tool in self._tools:
            action = self._tool_menu.addAction(menu_text(tool))
            action.triggered.connect(
                lambda _checked=False, tool=tool: self._add(candidate_of(tool, {}), "add a tool-chain")
            )
        self._tool_menu.setEnabled(bool(self._tools))

    def _connect(self) -> None:
        self._tabs.currentChanged.connect(lambda _place: self._show_candidate())
        self._editor.edited.connect(lambda table: self._change("scheme", table, "change the scheme"))
        self._native.tool_chosen.connect(lambda tool_id: self._set_tool(tool_id, {}))
        self._native.edited.connect(lambda options: self._set_tool("", options))
        self._name.editingFinished.connect(self._rename)
        self._source.model_chosen.connect(lambda model: self._change("model", model, "choose the candidate's model"))
        self._source.plan_chosen.connect(lambda plan: self._change("plan", plan, "choose the candidate's plan"))
        self._forecast.goto.connect(self.goto)
        self._forecast.node_chosen.connect(self._editor.exclude_node)
        self._desk.document.changed.connect(self._refresh)

    def _refresh(self) -> None:
        candidates = candidates_of(self._desk.document.values)
        self._tabs.blockSignals(True)
        while self._tabs.count() > len(candidates):
            self._tabs.removeTab(self._tabs.count() - 1)
        for place, item in enumerate(candidates):
            if place >= self._tabs.count():
                self._tabs.addTab(item["name"])
            self._tabs.setTabText(place, shorten(item["name"], TAB_LETTERS).replace("&", "&&"))
            self._tabs.setTabToolTip(place, item["name"])
        letters = sum(len(self._tabs.tabText(place)) + TAB_MARGIN_LETTERS for place in range(self._tabs.count()))
        self._tabs.setUsesScrollButtons(letters > ROW_LETTERS)
        self._tabs.blockSignals(False)
        self._remove.setVisible(len(candidates) > 1)
        self._show_candidate()
        self._timer.start()

    def _show_candidate(self) -> None:
        values = self._desk.document.values
        item = candidates_of(values)[self._place]
        self._own.setVisible(bool(values.get("candidates")))
        self._name.setText(item["name"])
        self._source.show_candidate(item)
        native = item.get("native") or ""
        self._editor.setVisible(not native)
        self._native.setVisible(bool(native))
        if native:
            self._native.show_candidate(self._tools, native, item.get("native_options") or {})
            self._ask_tools()
        else:
            self._editor.show_table(item.get("scheme") or values.get("scheme") or {})
        self._show_forecast()

    def _show_forecast(self) -> None:
        values = self._desk.document.values
        candidate = candidates_of(values)[self._place]
        item = self._answer.get(candidate["name"])
        if item is not None and item.get("error") and not _is_there(candidate.get("model") or values.get("model")):
            self._forecast.show_missing(item["error"])
        elif item is not None:
            self._forecast.show_candidate(item)

    def _change(self, key: str, value: Any, what: str) -> None:
        self._desk.document.update(what, with_change(self._desk.document.values, self._place, key, value))

    def _set_tool(self, tool_id: str, options: dict[str, Any]) -> None:
        """Give the candidate another tool-chain ("" keeps it) and options; a name that told the old ones follows."""
        values = self._desk.document.values
        item = candidates_of(values)[self._place]
        tools = {tool["id"]: tool for tool in self._tools}
        old = tools.get(item["native"])
        old_title = title_of(old, item.get("native_options") or {}) if old else ""
        tool = tools[tool_id or item["native"]]
        made = candidate_of(tool, options, {**item, "native_title": old_title})
        self._desk.document.update("change the tool-chain", with_item(values, self._place, made))

    def _ask_tools(self) -> None:
        """Ask, once, in other processes, which tool-chains can be used here."""
        if not self._tools_asked:
            self._tools_asked = True
            self._desk.bridge.run(["runtimes", "--json"], self._tools_answered)

    def _tools_answered(self, done: Finished) -> None:
        if not isinstance(done.document, list):
            self._tools_asked = False
            return
        self._tools = tools_among(done.document)
        self._fill_tool_menu()
        self._show_candidate()

    def _rename(self) -> None:
        candidates = candidates_of(self._desk.document.values)
        name = self._name.text().strip()
        others = candidates[: self._place] + candidates[self._place + 1 :]
        if name and name != candidates[self._place]["name"]:
            self._change("name", unique_name(name, others), "rename the candidate")

    def _add(self, candidate: dict[str, Any], what: str) -> None:
        self._desk.document.update(what, with_candidate(self._desk.document.values, candidate))
        self._tabs.setCurrentIndex(self._tabs.count() - 1)

    def _add_scheme(self) -> None:
        used = [(item.get("scheme") or {}).get("name", "S1") for item in candidates_of(self._desk.document.values)]
        name = next((item for item in ("S1", "S2", "S3") if item not in used), "S1")
        self._add({"name": name, "scheme": {"name": name, "method": "mse"}}, "add a scheme")

    def _add_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Another model", "", "Models (*.onnx *.pt2 *.pt)")
        if path:
            chosen = Path(path).resolve()
            self._add({"name": chosen.stem, "model": {"path": str(chosen)}}, "add a model")

    def _add_plan(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A ready plan", "", "Plans (*.json)")
        if path:
            self._add({"name": Path(path).stem, "plan": str(Path(path).resolve())}, "add a plan")

    def _remove_candidate(self) -> None:
        tables = without_candidate(self._desk.document.values, self._place)
        self._desk.document.update("remove the candidate", tables)

    def _ask(self) -> None:
        values = self._desk.document.values
        asked = {key: values.get(key) for key in ("model", "scheme", "candidates", "runtimes", "task")}
        if asked == self._asked:
            return
        self._asked = asked
        if self._command is not None:
            self._command.cancel()
            self._command = None
        if not (values.get("model") or values.get("candidates")):
            self._forecast.show_missing()
            return
        path = self._desk.bridge.scratch("explain.toml")
        try:
            self._desk.document.write_copy(path, needs_data=False)
        except UserError as error:
            say(self._problem, str(error))
            return
        say(self._problem, "")
        self._command = self._desk.bridge.run(["explain", str(path), "--json"], self._answered)

    def _answered(self, done: Finished) -> None:
        if done.cancelled:
            return
        self._command = None
        if done.ok and isinstance(done.document, dict):
            self.show_answer(done.document)
        else:
            self._forecast.show_missing(done.error)


def _is_there(model: dict[str, Any] | None) -> bool:
    """Whether the model's file is where the study says; a factory counts as there."""
    path = (model or {}).get("path")
    return path is None or Path(path).is_file()
