"""The Runtimes page: the rows of the study; below, what is usable here, and what is not with reason and remedy."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from workbench.report.names import EVALUATED
from workbench.ui.commands import Finished
from workbench.ui.desk import Desk
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.elsewhere import can_be_bundled, make_bundle
from workbench.ui.run_place import result_folder
from workbench.ui.runtime_probe import RuntimeProbe
from workbench.ui.runtime_row import RuntimeRow
from workbench.ui.widgets import FORM_PX, Page, button, card, clear, column, copy_button, label, row, say, themed_icon


class RuntimesPage(Page):
    """Where it runs.

    Signals:
        failed: an error line and log lines.
    """

    failed = Signal(str, object)

    def __init__(self, desk: Desk) -> None:
        words = "Each row is measured; two rows may use the same runtime with other settings."
        super().__init__("Runtimes", words, widest_px=FORM_PX)
        self._desk = desk
        self._titles: dict[str, str] = {}
        self._probes: dict[str, RuntimeProbe] = {}
        self._shown: list[tuple[str, str]] | None = None
        self._rows, self._usable, self._missing = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        for layout in (self._rows, self._usable, self._missing):
            layout.setSpacing(8)
        self._none = label("No runtime chosen yet. Add one below.", "muted")
        self._asking = label("", "muted")
        again = button("Ask again", self.probe, tip="Look again which runtimes can be used here")
        self.buttons.addWidget(again)
        self.body.addLayout(column(self._none, self._rows, spacing=8))
        self._usable_title, self._missing_title = label("Usable here", "heading"), label("Not usable here", "heading")
        self._missing_title.hide()
        parts = (self._usable_title, self._asking, self._usable, self._missing_title, self._missing)
        self.body.addLayout(column(*parts, spacing=8))
        self.body.addStretch(1)
        desk.document.changed.connect(self._refresh)
        self._refresh()
        self.probe()

    def probe(self) -> None:
        """Ask every plugin, in other processes, whether it can be used."""
        say(self._asking, "Asking each runtime...")
        self._desk.bridge.run(["runtimes", "--json"], self._probed)

    def show_runtimes(self, states: list[dict[str, Any]]) -> None:
        """Show what the plugins answered."""
        say(self._asking, "")
        self._titles = {state["id"]: state["title"] for state in states}
        for probe in self._probes.values():
            probe.setParent(self)  # results, and what runs, outlive the cards
            probe.hide()
        clear(self._usable)
        clear(self._missing)
        for state in sorted(states, key=lambda state: EVALUATED in state["title"]):
            (self._usable if state["ok"] else self._missing).addWidget(self._card(state))
        self._missing_title.setVisible(self._missing.count() > 0)
        if not self._usable.count():
            say(self._asking, "No runtime can be used here. Each one says below what it needs.", "warn")
        self._shown = None
        self._refresh()

    def _probed(self, done: Finished) -> None:
        if isinstance(done.document, list):
            self.show_runtimes([state for state in done.document if state.get("kind", "runtime") == "runtime"])
        elif not done.cancelled:
            say(self._asking, "The runtimes could not be asked.", "bad")
            self.failed.emit(done.error, done.log_tail)

    def _card(self, state: dict[str, Any]) -> QFrame:
        frame, inside = card(spacing=4)
        head: list[QWidget | None] = [ElidedLabel(state["title"], "strong"), label(state["id"], "small"), None]
        head += [label("usable", "chip-ok") if state["ok"] else label(absent_word(state), "chip-warn")]
        if state["ok"] or verified_here(state):
            add = button("Add row", lambda: self._add(state["id"]), tip=f"Add a row for {state['title']}")
            head += [themed_icon(add, self._desk.theme, "add")]
        if state["id"] in self._titles and can_be_bundled(state["id"]):
            tip = f"Make a bundle of {state['title']}, to be run on another machine"
            head.append(button("Make bundle", lambda: self._bundle(state["id"]), tip=tip))
        inside.addLayout(row(*head, spacing=8))
        for text in facts_of(state):
            inside.addWidget(label(text, "muted", wrap=True, selectable=True))
        if state.get("reason"):
            inside.addWidget(label(state["reason"], wrap=True, selectable=True))
        if state.get("remedy"):
            remedy = label(state["remedy"], "mono", wrap=True, selectable=True)
            copy = copy_button(lambda: state["remedy"], self._desk.theme, f"the remedy for {state['title']}")
            inside.addLayout(row(remedy, copy, spacing=8))
        if state["ok"] and can_be_probed(state):
            probe = self._probe_of(state)
            inside.addWidget(probe)
            probe.show()  # only now: without a parent it would be a window of its own
        return frame

    def _probe_of(self, state: dict[str, Any]) -> RuntimeProbe:
        if state["id"] not in self._probes:
            self._probes[state["id"]] = RuntimeProbe(self._desk, state["id"], state["title"])
            self._probes[state["id"]].failed.connect(self.failed)
        return self._probes[state["id"]]

    def _bundle(self, runtime_id: str) -> None:
        folder = result_folder(self._desk.document.path, self._desk.document.values)
        make_bundle(self, self._desk.bridge, self._desk.theme, folder, runtime_id, self.failed.emit)

    def _add(self, runtime_id: str) -> None:
        rows = self._desk.document.value("runtimes", default=[])
        same = sum(item["id"] == runtime_id for item in rows)
        title = self._titles.get(runtime_id, runtime_id)
        names = {item.get("name") or item["id"] for item in rows}
        name = title if not same else f"{title} ({same + 1})"
        while name in names:
            same += 1
            name = f"{title} ({same + 1})"
        self._desk.document.set(f"add {title}", [*rows, {"id": runtime_id, "name": name}], "runtimes")

    def _refresh(self) -> None:
        """Make the rows again when one came or went; a row shows its own changes itself."""
        rows = self._desk.document.value("runtimes", default=[])
        self._none.setVisible(not rows)
        signature = [(repr(sorted(item.items(), key=str)), "") for item in rows]
        if signature == self._shown or (
            self._shown is not None and self._is_typing() and len(rows) == len(self._shown)
        ):
            return
        self._shown = signature
        clear(self._rows)
        for place, item in enumerate(rows):
            self._rows.addWidget(RuntimeRow(self._desk, place, self._titles.get(item["id"], item["id"])))

    def _is_typing(self) -> bool:
        """Whether the change comes from a field of one of the rows."""
        focused = self.focusWidget()
        if focused is None or not focused.hasFocus():
            return False
        items = (self._rows.itemAt(place) for place in range(self._rows.count()))
        boxes = (item.widget() for item in items if item is not None)
        return any(box is not None and box.isAncestorOf(focused) for box in boxes)


def can_be_probed(state: dict[str, Any]) -> bool:
    """Whether a plugin's codes can be compared with the specification: a runtime that has INT8 and takes S1."""
    is_runtime = state.get("kind", "runtime") == "runtime"
    return is_runtime and "int8" in (state.get("precisions") or []) and "S1" in (state.get("schemes") or [])


def verified_here(state: dict[str, Any]) -> bool:
    """Whether only the device is missing: the INT8 artifact is made and verified here, and runs on another machine."""
    return not state["ok"] and "int8" in (state.get("precisions") or [])


def absent_word(state: dict[str, Any]) -> str:
    """Return what stands on the card of a runtime that does not run here."""
    return "verified here, runs elsewhere" if verified_here(state) else "not usable"


def facts_of(state: dict[str, Any]) -> list[str]:
    """Return versions and devices in a line, precisions and schemes in another."""
    versions = ", ".join(f"{name} {value}" for name, value in (state.get("versions") or {}).items())
    devices = ", ".join(state.get("devices") or [])
    able = ", ".join(name.upper() for name in state.get("precisions") or []) if state["ok"] else ""
    schemes = ", ".join(state.get("schemes") or [])
    last = " · ".join(part for part in (able, f"schemes {schemes}" if schemes and state["ok"] else "") if part)
    first = " · ".join(part for part in (versions, devices) if part)
    return [text for text in (first, last) if text]
