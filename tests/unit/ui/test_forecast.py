"""What each runtime would refuse or change, in words."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from typing import Any

from pytestqt.qtbot import QtBot

from workbench.ui.forecast import SHOWN, Forecast, deviation_lines, head_line, verdict_of
from workbench.ui.theme import Theme


def change(node: str | None = "add", *, refuses: bool = False) -> dict[str, Any]:
    return {"node": node, "requested": "int8", "realised": "float32", "reason": "it fuses both", "refuses": refuses}


def answer(*changes: dict[str, Any], unavailable: str = "") -> dict[str, Any]:
    return {"id": "x", "label": "X", "unavailable": unavailable, "deviations": list(changes)}


def test_verdicts() -> None:
    assert verdict_of(answer()) == ("as asked", "chip-ok")
    assert verdict_of(answer(change()))[0] == "1 changed by the runtime"
    assert verdict_of(answer(change(refuses=True))) == ("refused", "chip-bad")
    assert verdict_of(answer(unavailable="needs macOS"))[0] == "not usable here"


def test_lines_name_node_change_and_reason() -> None:
    assert deviation_lines(answer(change())) == ["add: float32 instead of int8. It fuses both."]


def test_equal_changes_are_one_line_with_their_nodes() -> None:
    alike = deviation_lines(answer(*[change(f"add{number}") for number in range(20)]))
    assert alike == ["add0, add1, add2 and 17 more: float32 instead of int8. It fuses both."]
    assert deviation_lines(answer(change(None))) == ["float32 instead of int8. It fuses both."]


def test_more_kinds_than_can_be_read_are_counted() -> None:
    many = [{**change(), "reason": f"reason {number}"} for number in range(SHOWN + 3)]
    assert len(deviation_lines(answer(*many))) == SHOWN + 1
    assert deviation_lines(answer(*many))[-1] == "and 3 more kinds of change"


def test_head_line() -> None:
    assert head_line({"mac_share": 0.5, "quantized_nodes": 2}) == "2 nodes with 50.0 % of all MACs become INT8."
    assert head_line({"mac_share": None, "quantized_nodes": 0}).startswith("Nothing becomes INT8")


def test_an_answer_is_shown_and_a_mistake_said(theme: Theme, qtbot: QtBot) -> None:
    forecast = Forecast(theme)
    qtbot.addWidget(forecast)
    item = {
        "mac_share": 1.0,
        "quantized_nodes": 1,
        "float_nodes": [["s", "Softmax", "not asked"]],
        "nodes": [["c", "Conv"]],
        "rows": [answer(change())],
    }
    forecast.show_candidate(item)
    assert forecast._rows.count() == 1
    assert not forecast._float_card.isHidden()
    forecast.show_candidate({"error": "There is no node 'z'"})
    assert forecast._rows.count() == 0
    assert forecast._node_card.isHidden()
    assert forecast._head.text() == "There is no node 'z'"
    assert forecast.next_step.isHidden()
    forecast.show_missing()
    assert forecast._head.isHidden()
    assert not forecast.next_step.isHidden()
