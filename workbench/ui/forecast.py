"""What each runtime will make of a candidate, before anything runs: the answer of `explain`, drawn."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from workbench.ui.elided_label import ElidedLabel
from workbench.ui.next_step import NextStep
from workbench.ui.tables.rows import Heading, text_row
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme
from workbench.ui.widgets import card, clear, label, row, say

FLOAT_HEADINGS = (Heading("Node", right=False), Heading("Op", right=False), Heading("Why it stays float", right=False))
NODE_HEADINGS = (Heading("Node", right=False), Heading("Op", right=False))
SHOWN = 6
NAMED = 3
TABLE_MOST_PX = 460
NO_MODEL = (
    "No model yet",
    "Each runtime says here what it would refuse or change, as soon as there is a model.",
    "model",
    "Choose a model",
)
NO_RUNTIMES = "No runtime is chosen yet: each one says here what it would refuse or change."


class Forecast(QWidget):
    """Per runtime a verdict and what it changes; below, what stays float in every runtime, and all nodes.

    Signals:
        node_chosen: the name of a node that was double-clicked; goto: another step.
    """

    node_chosen = Signal(str)
    goto = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._head = label("", wrap=True)
        self.next_step = NextStep(*NO_MODEL)
        self.next_step.goto.connect(self.goto)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        self._floats = TablePanel(theme, "Nodes that stay float", grows=True, most_px=TABLE_MOST_PX)
        self._nodes = TablePanel(theme, "All nodes")
        self._nodes.setMinimumHeight(220)
        self._nodes.view.chosen.connect(lambda entry: self.node_chosen.emit(entry.cells[0].text))
        self._float_card, floats = card("Stays float in every runtime")
        floats.addWidget(self._floats)
        self._node_card, nodes = card("All nodes")
        nodes.addWidget(label("A double click lets a node stay float.", "muted"))
        nodes.addWidget(self._nodes)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(10)
        inside.addWidget(self.next_step)
        inside.addWidget(self._head)
        inside.addLayout(self._rows)
        inside.addWidget(self._float_card)
        inside.addWidget(self._node_card)
        inside.addStretch(1)
        self.show_words("")

    def show_words(self, text: str, role: str = "muted") -> None:
        """Show a line instead of an answer."""
        self.next_step.hide()
        say(self._head, text, role)
        clear(self._rows)
        self._float_card.hide()
        self._node_card.hide()

    def show_missing(self, error: str = "") -> None:
        """Show that a model must be chosen first, or why the one that is chosen cannot be read."""
        self.show_words("")
        self.next_step.say(*(("No forecast", error, "model", "Go to Model") if error else NO_MODEL))
        self.next_step.show()

    def show_candidate(self, item: dict[str, Any]) -> None:
        """Show one candidate of the answer."""
        if item.get("error"):
            self.show_words(item["error"], "bad")
            return
        self.show_words(head_line(item), "muted")
        for answer in item["rows"]:
            self._rows.addWidget(_row_box(answer))
        if not item["rows"]:
            self._rows.addWidget(label(NO_RUNTIMES, "muted", wrap=True))
        floats = item["float_nodes"]
        self._floats.set_rows(FLOAT_HEADINGS, [text_row(*entry) for entry in floats])
        self._nodes.set_rows(NODE_HEADINGS, [text_row(*entry) for entry in item["nodes"]])
        self._float_card.setVisible(bool(floats))
        self._node_card.setVisible(bool(item["nodes"]) and not item.get("native"))


def head_line(item: dict[str, Any]) -> str:
    """Return how much becomes INT8, in a sentence."""
    if item.get("native"):
        return "The tool-chain chooses by itself what becomes INT8; what it chose is told after the run."
    share = item["mac_share"]
    if share is None or not item["quantized_nodes"]:
        return "Nothing becomes INT8 with this scheme."
    return f"{item['quantized_nodes']:,} nodes with {100 * share:.1f} % of all MACs become INT8."


def verdict_of(answer: dict[str, Any]) -> tuple[str, str]:
    """Return a runtime's answer as a word and the role of its chip."""
    if answer["unavailable"]:
        return "not usable here", "chip-warn"
    if any(item["refuses"] for item in answer["deviations"]):
        return "refused", "chip-bad"
    count = len(answer["deviations"])
    if answer.get("native") and not count:
        return "runs it as it is", "chip-ok"
    return ("as asked", "chip-ok") if not count else (f"{count} changed by the runtime", "chip-warn")


def deviation_lines(answer: dict[str, Any]) -> list[str]:
    """Return what the runtime says, one line per kind of change with the nodes it concerns, the first few kinds."""
    if answer["unavailable"]:
        return [str(answer["unavailable"])]
    kinds: dict[str, list[str]] = {}
    for item in answer["deviations"]:
        text = f"{item['realised']} instead of {item['requested']}. {_sentence(item['reason'])}"
        kinds.setdefault(text, []).append(item["node"] or "")
    lines = [_kind_line(text, [node for node in nodes if node]) for text, nodes in kinds.items()]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"and {more:,} more kinds of change"] if more > 0 else lines


def _kind_line(text: str, nodes: list[str]) -> str:
    """Return a change with the nodes it concerns before it: the first few by name, the rest counted."""
    if not nodes:
        return text
    rest = len(nodes) - NAMED
    return f"{', '.join(nodes[:NAMED])}{f' and {rest:,} more' if rest > 0 else ''}: {text}"


def _sentence(text: str) -> str:
    text = text.strip()
    is_word = text[:2].isalpha() and text[:2].islower()
    return (text[:1].upper() if is_word else text[:1]) + text[1:] + ("" if text.endswith(".") else ".")


def _row_box(answer: dict[str, Any]) -> QFrame:
    frame = QFrame()
    frame.setProperty("role", "card")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(14, 10, 14, 10)
    inside.setSpacing(4)
    word, role = verdict_of(answer)
    inside.addLayout(row(ElidedLabel(answer["label"], "strong"), label(word, role), None, spacing=8))
    for text in deviation_lines(answer):
        inside.addWidget(label(text, "muted", wrap=True, selectable=True))
    return frame
