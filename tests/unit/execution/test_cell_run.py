"""Groups of cells, and what one cell's worker told becoming its record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from helpers.studies import document
from hypothesis import given
from hypothesis import strategies as st

from workbench.execution.cell_run import GROUP_SIZE, CellJob, groups_of
from workbench.execution.cells import cells_of
from workbench.execution.study import study_from_document


def _jobs(sizes: list[int]) -> list[Any]:
    rows = [{"id": "echo", "name": f"row {number}"} for number, _ in enumerate(sizes)]
    candidates = [{"name": f"c{number}"} for number in range(12)]
    if not rows:
        return []
    cells = cells_of(study_from_document(document(rows, candidates=candidates), Path("x"), "s.toml"))
    jobs = []
    for number, size in enumerate(sizes):
        own = [cell for cell in cells if cell.row.label == f"row {number}"]
        jobs += [CellJob(cell, None, None, {}, {}) for cell in own[:size]]  # type: ignore[arg-type]
    return jobs


@given(st.lists(st.integers(1, 12), max_size=8))
def test_groups_keep_rows_whole_and_order(sizes: list[int]) -> None:
    jobs = _jobs(sizes)
    groups = groups_of(jobs)
    assert [job.cell.name for group in groups for job in group] == [job.cell.name for job in jobs]
    of_row: dict[str, set[int]] = {}
    for number, group in enumerate(groups):
        rows = {job.cell.row.label for job in group}
        assert len(group) <= GROUP_SIZE or len(rows) == 1
        for row in rows:
            of_row.setdefault(row, set()).add(number)
    assert all(len(numbers) == 1 for numbers in of_row.values())


def test_a_record_is_whole_and_holds_no_absolute_path(finished: Any) -> None:
    for precision in ("fp32", "int8"):
        folder = finished.folder / "cells" / "echo" / "S1" / precision
        text = (folder / "stage.json").read_text()
        assert str(finished.folder) not in text.replace(str(finished.folder / "nothing"), "")
        record = json.loads(text)["value"]
        assert [item["path"] for item in record["outputs"]] == ["outputs/0.npy"]
        assert len(record["blocks"]) == 5
        with np.load(folder / "latencies.npz") as arrays:
            assert sorted(arrays) == [*(f"block_{number}" for number in range(5)), "warm_up"]
            assert all(arrays[name].dtype == np.int64 and arrays[name].size for name in arrays)
        assert record["warm_up"]["runs"] > 0
        assert all(block["load"] for block in record["blocks"])


def test_cells_of_one_group_take_turns(finished: Any) -> None:
    sessions = set()
    starts = {}
    for precision in ("fp32", "int8"):
        folder = finished.folder / "cells" / "echo" / "S1" / precision
        record = json.loads((folder / "stage.json").read_text())["value"]
        sessions.add(record["speed_session"])
        starts[precision] = [block["start_ns"] for block in record["blocks"]]
    assert len(sessions) == 1
    turns = [item for pair in zip(starts["fp32"], starts["int8"], strict=True) for item in pair]
    assert turns == sorted(turns)  # one clock for all processes of a machine


def test_no_stage_record_names_an_absolute_path(finished: Any) -> None:
    """A study folder may be moved; only where the user's own data lie is absolute."""
    for path in finished.folder.rglob("stage.json"):
        assert str(finished.folder) not in path.read_text(), path
