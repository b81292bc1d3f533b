"""tune as a user runs it: stopped by Ctrl-C, started again, and the study it writes run on a real runtime."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers import studies
from helpers.onnx_models import depthwise_net

from workbench.execution.tune_record import load_tune

GONE_S = 10.0
TARGET = ("--agreement", "0.5", "--sqnr-db", "25")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return studies.write_study(tmp_path, studies.document([{"id": "ort_cpu", "name": "ort"}]), depthwise_net())


def _start(study: Path, *more: str) -> subprocess.Popen[str]:
    out = str(study.parent / "out")
    command = [sys.executable, "-m", "workbench", "tune", str(study), "-o", out, "--most-float-nodes", "2", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _measured(folder: Path) -> int:
    """How many measurements are kept."""
    (kept,) = (folder / "tune" / "S1").glob("[0-9a-f]*.json")
    return len(json.loads(kept.read_text())["errors"])


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a signal")
def test_a_search_that_was_stopped_leaves_no_process_goes_on_and_its_study_runs(study: Path) -> None:
    out = study.parent / "out"
    first = _start(study, "--events", *TARGET)
    assert first.stdout is not None
    for line in first.stdout:
        event = json.loads(line)
        if event.get("text") == "measurements" and event["done"] >= 3:
            break
    children = psutil.Process(first.pid).children(recursive=True)
    assert children
    first.send_signal(signal.SIGINT)
    _, stderr = first.communicate(timeout=30)
    assert first.returncode == 130, stderr
    assert "the same command resumes" in stderr
    _, alive = psutil.wait_procs(children, GONE_S)
    assert not alive
    assert not (out / "tune.json").exists()

    before = _measured(out)
    assert before >= 3
    begun = time.time()
    second = _start(study, *TARGET)
    text, stderr = second.communicate(timeout=120)
    assert second.returncode == 0, stderr
    assert "Chosen: " in text
    assert _measured(out) > before
    assert (out / "plans" / "S1" / "plan.json").stat().st_mtime < begun
    assert _run_of(out / "tuned.toml")["plan_sha256"] == _chosen_plan(out)


def _chosen_plan(out: Path) -> str:
    record = load_tune(out / "tune.json")
    assert record.chosen is not None
    assert record.points[record.chosen].meets_target
    return record.points[record.chosen].plan_sha256


def _run_of(study: Path) -> dict[str, Any]:
    """Run the tuned study; return its INT8 run."""
    command = [sys.executable, "-m", "workbench", "run", str(study), "-o", str(study.parent / "run"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    (run,) = (run for run in json.loads(done.stdout)["runs"] if run["precision"] == "int8")
    assert run["status"] == "ok"
    return dict(run)
