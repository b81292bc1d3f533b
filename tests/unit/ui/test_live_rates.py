"""Rates of a running study as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.studies import document

from workbench.execution.cells import cells_of
from workbench.execution.study import study_from_document
from workbench.ui.live_rates import LiveCell, LiveRates, live_cells


def rate(cell: str, start_s: float, per_s: float, block: int | None = None) -> dict[str, Any]:
    event = {"event": "rate", "cell": cell, "start_s": start_s, "seconds": 1.0, "per_s": per_s}
    return event | ({"phase": "warm_up"} if block is None else {"phase": "block", "block": block})


def test_rates_go_to_their_cell_and_part() -> None:
    rates = LiveRates()
    rates.begin([LiveCell("a", "A", 0, True), LiveCell("b", "B", 1, False)], 5.0, 5)
    assert rates.measured == []
    for event in (rate("a", 0, 90), rate("b", 0, 50), rate("a", 0, 100, 0), rate("x", 0, 1), {"event": "progress"}):
        rates.take(event)
    first, second = rates.measured
    assert [told.per_s for told in first.warm_up] == [90]
    assert [(told.per_s, told.block, told.end_s) for told in first.blocks] == [(100, 0, 1.0)]
    assert first.last == first.blocks[-1]
    assert second.last == second.warm_up[-1]
    rates.clear()
    assert rates.measured == []
    assert list(rates.cells) == ["a", "b"]


def _names(**tables: Any) -> list[tuple[str, int, bool]]:
    rows = [{"id": "echo", "name": "one"}, {"id": "echo", "name": "two"}]
    study = study_from_document(document(rows, **tables), Path("x"), "s.toml")
    return [(cell.name, cell.series, cell.is_float) for cell in live_cells(cells_of(study))]


def test_cells_of_a_row_share_its_colour_and_marker() -> None:
    assert _names() == [
        ("one FP32", 0, True), ("one INT8", 0, False), ("two FP32", 1, True), ("two INT8", 1, False),
    ]  # fmt: skip


def test_candidates_are_named_where_there_are_several() -> None:
    found = _names(candidates=[{"name": "a"}, {"name": "b"}])
    assert found[:3] == [("one · a FP32", 0, True), ("one · a INT8", 0, False), ("one · b INT8", 1, False)]
