"""Groups of cells, what one cell's worker told becoming its record, and answers kept over an interruption."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.studies import document
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import JobCancelledError
from workbench.execution.cell_run import GROUP_SIZE, KEPT, CellJob, groups_of, turned
from workbench.execution.cells import cells_of
from workbench.execution.engine import RunOptions, run_study
from workbench.execution.study import load_study, study_from_document


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
    rounds = list(zip(starts["fp32"], starts["int8"], strict=True))
    turns = [start for pair in rounds for start in sorted(pair)]
    assert turns == sorted(turns)  # one clock for all processes of a machine
    assert [int8 < fp32 for fp32, int8 in rounds] == [number % 2 == 1 for number in range(len(rounds))]


def test_rates_are_told_of_every_warm_up_and_block_and_not_logged(finished: Any) -> None:
    rates = [event for event in finished.events if event["event"] == "rate"]
    for cell in ("echo · S1 · fp32", "echo · S1 · int8"):
        own = [event for event in rates if event["cell"] == cell]
        assert [event["block"] for event in own if event["phase"] == "block"] == list(range(5))
        ends = [event["start_s"] + event["seconds"] for event in own if event["phase"] == "block"]
        assert ends == sorted(ends)
        assert ends[-1] == pytest.approx(0.3, rel=0.3)
        warm = [event for event in own if event["phase"] == "warm_up"]
        assert len(warm) >= 2
        assert all(event["seconds"] >= 0.5 and event["per_s"] > 0 for event in warm)
    assert '"rate"' not in (finished.folder / "events.jsonl").read_text()


def test_rates_agree_with_the_recorded_latencies(finished: Any) -> None:
    folder = finished.folder / "cells" / "echo" / "S1" / "fp32"
    with np.load(folder / "latencies.npz") as arrays:
        runs = [arrays[f"block_{number}"].size for number in range(5)]
    told = [
        event["per_s"] * event["seconds"]
        for event in finished.events
        if event["event"] == "rate" and event["phase"] == "block" and event["cell"].endswith("fp32")
    ]
    assert told == pytest.approx(runs)


def test_the_time_left_never_rises_while_cells_are_timed(finished: Any) -> None:
    left = [event["remaining_s"] or 0.0 for event in finished.events if event["event"] in ("rate", "stage")]
    start = next(place for place, seconds in enumerate(left) if seconds)
    assert left[start:] == sorted(left[start:], reverse=True)
    assert left[-1] == 0


TIMED = {"profile": "quick", "budget_s": 0.4}
ROWS = [{"id": "echo", "name": "echo"}]
CHECKED = "16 of 24 answers checked equal"


def _interrupted(root: Path, at: str, **tables: Any) -> tuple[Path, Path]:
    """A study on the echo runtime that the user stopped at a stage; its file and its folder."""
    path = studies.write_study(root / "study", studies.document(ROWS, **tables))
    cancel = threading.Event()

    def stop(event: Any) -> None:
        if event["event"] == "stage" and event["name"].startswith(at):
            cancel.set()

    with pytest.raises(JobCancelledError):
        run_study(load_study(path), root / "run", RunOptions(), stop, cancel)
    return path, root / "run"


def _outputs(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path: path.stat() for path in sorted(folder.rglob("cells/*/*/*/outputs/*"))}
    return {path.parts[-3]: (state.st_ino, state.st_mtime_ns) for path, state in found.items()}


@pytest.mark.usefixtures("known_plugins")
def test_answers_before_an_interrupted_speed_part_are_kept(tmp_path: Path, finished: Any) -> None:
    path, folder = _interrupted(tmp_path, "Warm up echo · S1 · fp32", measure=TIMED)
    before = _outputs(folder)
    assert len(before) == 2
    result, events = studies.run(path, folder)
    assert _outputs(folder) == before
    told = [event["text"] for event in events if event["event"] == "stage" and event["name"].startswith("Run echo")]
    assert told == ["", f"answers kept, {CHECKED}"] * 2 + ["", ""]
    for run, straight in zip(result.runs, finished.result.runs, strict=True):
        assert run.outputs_sha256 == straight.outputs_sha256
        assert (run.accuracy, run.status) == (straight.accuracy, straight.status)
        if run.label == "echo":
            assert run.facts == {
                **straight.facts, "answers_kept": f"{CHECKED} after the session was opened again",
            }  # fmt: skip
            assert run.throughput_per_s


@pytest.mark.usefixtures("known_plugins")
def test_answers_are_recorded_when_a_cell_has_given_them_and_hold_no_absolute_path(tmp_path: Path) -> None:
    _, folder = _interrupted(tmp_path, "Run echo · S1 · int8")
    (record,) = folder.rglob("answers.json")
    assert record.parent.name == "fp32"
    document = json.loads(record.read_text())
    assert set(document["value"]) == set(KEPT)
    assert document["files"] == {"outputs/0.npy": (record.parent / "outputs" / "0.npy").stat().st_size}
    assert str(tmp_path) not in record.read_text()
    assert not (record.parent / "stage.json").exists()


@pytest.mark.usefixtures("known_plugins")
def test_answers_that_differ_are_forgotten_before_they_are_given_again(tmp_path: Path, finished: Any) -> None:
    path, folder = _interrupted(tmp_path, "Run echo · S1 · int8")
    cell = folder / "cells" / "echo" / "S1" / "fp32"
    content = bytearray((cell / "outputs" / "0.npy").read_bytes())
    content[-4 * 10 * (24 - 15)] ^= 1  # a bit of the sixteenth of 24 rows of ten values
    (cell / "outputs" / "0.npy").write_bytes(content)
    before = _outputs(folder)
    recorded: list[bool] = []

    def look(event: Any) -> None:
        if event["event"] == "stage" and "answered again" in event["text"]:
            recorded.append((cell / "answers.json").exists())

    result = run_study(load_study(path), folder, RunOptions(), look)
    assert recorded == [False]
    assert _outputs(folder)["fp32"] != before["fp32"]
    run, straight = (
        next(run for run in found.runs if (run.label, run.precision) == ("echo", "fp32"))
        for found in (result, finished.result)
    )
    assert "answers_kept" not in run.facts
    assert run.outputs_sha256 == straight.outputs_sha256
    assert (cell / "answers.json").is_file()


CLOSING = """
    def __exit__(self, kind, error, trace):
        import os, signal, time
        way = self.options["close"]
        if way == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if way == "hang":
            time.sleep(1000)
        raise KeyError("handle")
"""


def test_what_was_measured_outlives_a_session_that_cannot_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "plugins" / "mine"
    shutil.copytree(studies.PLUGINS / "echo", folder, ignore=shutil.ignore_patterns("__pycache__", "elsewhere.py"))
    manifest = (folder / "plugin.toml").read_text(encoding="utf-8").replace('elsewhere = "elsewhere.py"', "")
    (folder / "plugin.toml").write_text(manifest.replace('id = "echo"', 'id = "mine"'), encoding="utf-8")
    code = (folder / "runtime.py").read_text(encoding="utf-8")
    refusal = code[code.index("        if options.settings:") : code.index("        self.artifact =")]
    code = code.replace(refusal, "        self.options = options.settings\n")
    code = code.replace("    def run(self, feeds", f"{CLOSING}\n    def run(self, feeds")
    (folder / "runtime.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(folder))
    monkeypatch.setattr("workbench.execution.cell_run.CLOSE_LIMIT_S", 1.0)
    ways = ("crash", "hang", "raise")
    rows = [{"id": "mine", "name": way, "precisions": ["fp32"], "options": {"close": way}} for way in ways]
    result, _ = studies.run(studies.write_study(tmp_path / "study", document(rows)), tmp_path / "run")
    found = {run.label: run for run in result.runs if run.label in ways}
    assert {run.status for run in found.values()} == {"ok"}
    assert {run.top1_agreement.value for run in found.values() if run.top1_agreement} == {1.0}
    told = {way: run.findings[-1].partition("its session was not closed: ")[2] for way, run in found.items()}
    assert told["crash"].startswith("Crashed: mine (cell) was ended by SIGSEGV.")
    assert told["hang"] == "Timed out: mine (cell): the end did not come within 1 s."
    assert told["raise"].startswith("Failed: KeyError: 'handle' (runtime.py, line ")
    assert found["hang"].peak_rss_bytes is None
    assert found["hang"].reasons["peak_rss_bytes"] == "its worker ended without a last word"


@pytest.mark.usefixtures("known_plugins")
def test_a_longer_measurement_keeps_the_answers(tmp_path: Path) -> None:
    rows = [{"id": "echo", "name": "echo", "precisions": ["fp32"]}]
    path = studies.write_study(tmp_path / "study", document(rows))
    first, _ = studies.run(path, tmp_path / "run")
    before = _outputs(tmp_path / "run")
    assert first.runs[0].throughput_per_s is None
    studies.write_study_file(path, document(rows, measure={"profile": "quick", "budget_s": 0.2}))
    result, events = studies.run(path, tmp_path / "run")
    assert _outputs(tmp_path / "run") == before
    assert result.runs[0].outputs_sha256 == first.runs[0].outputs_sha256
    assert result.runs[0].facts["answers_kept"].startswith(CHECKED)
    assert result.runs[0].throughput_per_s is not None
    assert studies.states(events, "Run echo")[-1] == "done"


def test_no_stage_record_names_an_absolute_path(finished: Any) -> None:
    """A study folder may be moved; only where the user's own data lie is absolute."""
    for path in finished.folder.rglob("stage.json"):
        assert str(finished.folder) not in path.read_text(), path


def test_each_round_begins_with_another_cell() -> None:
    cells: list[Any] = ["a", "b", "c"]
    assert [turned(cells, number) for number in (0, 1, 3)] == [["a", "b", "c"], ["b", "c", "a"], ["a", "b", "c"]]
    assert turned([], 2) == []
