"""A study killed at any instant and resumed: the same plan, outputs and figures, no finished cell run twice.

The full run of fifty kills over every stage is tests/benchmarks/kill_fifty.py.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import helpers.kill as killing
import helpers.kill_checks as checks
import pytest

from workbench.execution.store import Store

RUNTIMES = ("ort_cpu", "echo")

# Programs with one fault each, to see the checks fail.
RECORDS_TOO_EARLY = """
import os, signal, sys
from workbench.cli import main
from workbench.execution.store import Store
finish = Store.finish
def early(self, folder, key, value):
    outputs = folder / "outputs" / "0.npy"
    if outputs.exists():
        os.truncate(outputs, outputs.stat().st_size // 2)  # the rest would be written after the record
        finish(self, folder, key, value)
        os.kill(os.getpid(), signal.SIGKILL)
    finish(self, folder, key, value)
Store.finish = early
sys.exit(main())
"""
FORGETS_CELLS = """
import sys
from workbench.cli import main
from workbench.execution.store import Store
finished = Store.finished
Store.finished = lambda self, folder, key: None if "cells" in folder.parts else finished(self, folder, key)
sys.exit(main())
"""
FORGETS_ANSWERS = """
import sys
from workbench.cli import main
from workbench.execution.store import Store
Store.answers = lambda self, folder, key: None
sys.exit(main())
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> killing.Case:
    return killing.Case(killing.write_study(tmp_path_factory.mktemp("kill") / "study", RUNTIMES), "none")


@pytest.fixture(scope="module")
def plain(case: killing.Case, tmp_path_factory: pytest.TempPathFactory) -> checks.Undisturbed:
    return killing.undisturbed(case, tmp_path_factory.mktemp("plain") / "folder")


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> killing.Case:
    return killing.Case(killing.write_study(tmp_path_factory.mktemp("timed") / "study", ("ort_cpu",)), "quick")


@pytest.fixture(scope="module")
def plain_timed(timed: killing.Case, tmp_path_factory: pytest.TempPathFactory) -> checks.Undisturbed:
    return killing.undisturbed(timed, tmp_path_factory.mktemp("plain_timed") / "folder")


@pytest.fixture
def finished(case: killing.Case, plain: checks.Undisturbed, tmp_path: Path) -> Path:
    """A copy of a finished study folder."""
    return Path(shutil.copytree(plain.folder, tmp_path / "copy"))


def with_fault(case: killing.Case, code: str) -> killing.Case:
    return killing.Case(case.study, case.profile, (sys.executable, "-c", code))


def test_undisturbed_study_has_figures_to_compare(plain: checks.Undisturbed) -> None:
    runs = {(run["label"], run["precision"]): run for run in plain.facts["runs"]}
    assert all(runs[label, "int8"]["nmse"] > 0 for label in RUNTIMES)
    assert all(runs[label, "fp32"]["answers_changed"]["changed"] == 0 for label in RUNTIMES)
    assert len({run["outputs_sha256"] for run in runs.values()}) > len(RUNTIMES)
    assert plain.facts["candidates"][0]["plan_sha256"]


@pytest.mark.parametrize(("code", "was_hit"), [("pass", False), ("import sys; sys.exit(1)", True)])
def test_a_program_that_had_just_finished_was_not_killed(
    code: str, was_hit: bool, plain: checks.Undisturbed, tmp_path: Path
) -> None:
    program = subprocess.Popen([sys.executable, "-c", code])
    program.wait()
    assert killing.Target(program, tmp_path, plain, random.Random(0)).kill() is was_hit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("aims", "seed"),
    [
        (("stage:Plan S1 start", "write", "worker:cells/echo/S1/int8"), 1),
        (("worker:plans/S1", "stage:Run echo", "instant"), 2),
    ],
    ids=["store write", "random"],
)
def test_killed_study_ends_as_if_undisturbed(
    case: killing.Case, plain: checks.Undisturbed, tmp_path: Path, aims: tuple[str, ...], seed: int
) -> None:
    done = killing.trial(case, tmp_path / "folder", plain, aims, seed)
    assert len(done.kills) >= 2  # the last one may come after the end
    assert not done.defects, done.kills


@pytest.mark.slow
def test_killed_worker_is_a_crashed_cell_and_only_it_is_done_again(
    case: killing.Case, finished: Path, plain: checks.Undisturbed
) -> None:
    shutil.rmtree(finished / "cells" / "echo")
    (finished / "events.jsonl").unlink()  # it tells that those cells were finished
    done = killing.trial(case, finished, plain, ["worker:cells/echo/S1/int8"], seed=0)
    (kill,) = done.kills
    assert kill.exit_code == 4
    assert not done.defects
    events = checks.stages_of(checks.events_of(finished))
    starts = [name for name in events if name.startswith("Run ") and name.endswith(" start")]
    assert starts == [
        "Run echo · S1 · fp32 start",
        "Run echo · S1 · int8 start",  # killed
        "Run echo · S1 · int8 start",  # resumed
    ]


@pytest.mark.slow
def test_kill_in_the_speed_rounds_costs_no_answers(
    timed: killing.Case, plain_timed: checks.Undisturbed, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    done = killing.trial(timed, folder, plain_timed, ["stage:Warm up", "stage:Speed, round 3"], seed=3)
    assert [kill.stage.partition(",")[0] for kill in done.kills] == ["Warm up ort_cpu · S1 · fp32 start", "Speed"]
    for kill in done.kills:
        assert len(kill.answered) == 2
        assert not any(name.startswith("cells/") for name in kill.finished)
    assert not done.defects  # the output files are those of the first run, and what was found is as undisturbed
    events = [event for event in checks.events_of(folder) if event["name"].startswith("Run ")]
    kept = [event["name"] for event in events if event["text"] == "answers kept, 16 of 60 answers checked equal"]
    assert len(kept) == 2 * 2
    runs = json.loads((folder / "result.json").read_text(encoding="utf-8"))["runs"]
    told = {run["facts"].get("answers_kept") for run in runs if run["label"] == "ort_cpu"}
    assert told == {"16 of 60 answers checked equal after the session was opened again"}


@pytest.mark.slow
def test_answers_given_twice_are_caught(timed: killing.Case, plain_timed: checks.Undisturbed, tmp_path: Path) -> None:
    kill = killing.killed_once(timed, tmp_path / "folder", plain_timed, "stage:Speed, round 2", random.Random(4))
    assert kill
    done = killing.Trial(tmp_path / "folder", [kill])
    killing.finish(with_fault(timed, FORGETS_ANSWERS), done, plain_timed)
    again = [text for text in done.defects if text.endswith("written again")]
    assert len(again) == len(done.defects) == 2


@pytest.mark.slow
def test_record_written_before_its_files_is_caught(
    case: killing.Case, finished: Path, plain: checks.Undisturbed
) -> None:
    shutil.rmtree(finished / "cells" / "ort_cpu")
    killing.wait_end(killing.start(with_fault(case, RECORDS_TOO_EARLY), finished))
    done = killing.Trial(finished)
    killing.finish(case, done, plain)
    assert done.defects


@pytest.mark.slow
def test_cell_run_twice_is_caught(case: killing.Case, finished: Path, plain: checks.Undisturbed) -> None:
    kill = checks.Kill("instant", "Evaluate start", finished=checks.finished_stages(finished))
    done = killing.Trial(finished, [kill])
    killing.finish(with_fault(case, FORGETS_CELLS), done, plain)
    twice = [text for text in done.defects if text.endswith("started again")]
    again = [text for text in done.defects if text.endswith("written again")]
    assert len(twice) == len(again) == 2 * len(RUNTIMES)
    assert len(done.defects) == len(twice) + len(again)


def test_process_that_survives_is_caught(case: killing.Case) -> None:
    stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=case.environment)
    names, seconds = killing.survivors(case.tag, time.monotonic())
    assert len(names) == 1
    assert seconds >= killing.ORPHAN_LIMIT_S
    assert stray.wait(10) < 0


def test_changed_answer_and_changed_figure_are_caught(finished: Path, plain: checks.Undisturbed) -> None:
    assert not list(checks.defects_of_result(finished, plain))
    outputs = finished / "cells" / "echo" / "S1" / "int8" / "outputs" / "0.npy"
    content = bytearray(outputs.read_bytes())
    content[-1] ^= 1
    outputs.write_bytes(content)
    result = json.loads((finished / "result.json").read_text(encoding="utf-8"))
    result["runs"][0]["outputs_sha256"] = "0" * 64
    (finished / "result.json").write_text(json.dumps(result), encoding="utf-8")
    first, second = checks.defects_of_result(finished, plain)
    assert "runs[0].outputs_sha256" in first
    assert second == "cells/echo/S1/int8/outputs/0.npy is different"


def test_stage_killed_while_it_is_emptied_is_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = Store(tmp_path), {"model": "first"}
    folder = store.begin(store.folder("plans", "S1"))
    (folder / "plan.npz").write_bytes(b"weights")
    store.finish(folder, key, {"n": 1})

    def killed_inside(path: Path, **_: bool) -> None:
        (path / "plan.npz").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed_inside)
    with pytest.raises(KeyboardInterrupt):
        store.begin(folder)  # for another key
    assert store.finished(folder, key) is None
