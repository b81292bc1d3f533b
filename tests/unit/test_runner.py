"""The stand-alone runner: clocks by the core's rules, facts as the core tells them, one line for what is missing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers.elsewhere import RUNNER, alone, flipped, only_numpy_and_onnxruntime, runner_module
from hypothesis import given
from hypothesis import strategies as st

from workbench.execution.facts import machine_id
from workbench.measure import latency
from workbench.measure.machine import machine_facts
from workbench.measure.steady import is_steady

SHA = "0" * 64


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return runner_module()


class Clock:
    """A clock that only runs of a model move."""

    def __init__(self, steps_ns: list[int]) -> None:
        self.now, self._steps, self._count = 0, steps_ns, 0

    def read(self) -> int:
        """Return the time in ns."""
        return self.now

    def run_once(self) -> None:
        """A run: time passes."""
        self.now += self._steps[self._count % len(self._steps)]
        self._count += 1


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=200))
def test_steady_means_what_it_means_in_the_core(values: list[int]) -> None:
    found = np.array(values, np.int64)
    assert bool(runner_module().is_steady(found)) == is_steady(found)


@given(st.integers(10**4, 10**8), st.integers(1000, 1060), st.integers(2, 60))
def test_the_limit_of_two_per_cent_is_the_cores(base: int, permille: int, n: int) -> None:
    """A series that changes by a few per cent, without noise, in the middle of its later half."""
    found = np.array([base] * (3 * n) + [base * permille // 1000] * n, np.int64)
    assert bool(runner_module().is_steady(found)) == is_steady(found)


@pytest.mark.parametrize("steps", [[10**7], [10**7, 3 * 10**7, 10**8], [10**9 * k for k in range(1, 30)], [3 * 10**5]])
def test_the_warm_up_ends_where_the_cores_ends(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch, steps: list[int]
) -> None:
    one, other = Clock(steps), Clock(steps)
    monkeypatch.setattr(latency, "perf_counter_ns", one.read)
    monkeypatch.setattr(runner.time, "perf_counter_ns", other.read)
    expected = latency.warm_up(one.run_once)
    seconds, latencies, steady = runner.warm_up(other.run_once)
    assert (seconds, steady) == (expected.seconds, expected.steady)
    np.testing.assert_array_equal(latencies, expected.latencies_ns)


@pytest.mark.parametrize("steps", [[10**7], [10**6, 5 * 10**6]])
def test_a_block_is_as_long_as_the_cores(runner: ModuleType, monkeypatch: pytest.MonkeyPatch, steps: list[int]) -> None:
    """With a pause of 0.05 s every 64 runs, which counts in neither."""
    one, other = Clock(steps), Clock(steps)

    def pause(clock: Clock) -> None:
        clock.now += 5 * 10**7

    monkeypatch.setattr(latency, "perf_counter_ns", one.read)
    monkeypatch.setattr(runner.time, "perf_counter_ns", other.read)
    expected = latency.run_block(one.run_once, 1.0, lambda _runs: pause(one), 64)
    start, wall, latencies = runner.run_block(other.run_once, 1.0, lambda: pause(other))
    assert (start, wall) == (expected.start_ns, expected.wall_ns)
    np.testing.assert_array_equal(latencies, expected.latencies_ns)


@pytest.mark.skipif(sys.platform != "linux", reason="the readings of other systems are untested")
def test_it_describes_this_machine_as_the_core_does(runner: ModuleType) -> None:
    found = runner.machine_facts()
    assert machine_id(found) == machine_id(machine_facts())
    told = json.dumps(found)
    assert os.uname().nodename not in told
    assert str(Path.home()) not in told


def job_folder(place: Path, **updates: Any) -> Path:
    """A job made by hand: one input, one model that is no model."""
    place.mkdir()
    np.save(place / "x.npy", np.zeros((2, 3), np.float32))
    (place / "runner.py").write_text(RUNNER.read_text())
    files = {"x.npy": {"sha256": runner_module().sha256_of(place / "x.npy"), "bytes": (place / "x.npy").stat().st_size}}
    (place / "m.mlpackage").mkdir()
    cell = {
        "number": 0, "label": "L", "candidate": "S1", "precision": "fp32", "artifact": "m.mlpackage", "threads": 1,
        "batch": 1, "settings": {}, "linear_nodes": [],
    }  # fmt: skip
    job = {
        "schema_version": 1, "runtime": "coreml", "n": 2, "frames": 1, "state": {}, "start": [], "cells": [cell],
        "inputs": [{"name": "x", "path": "x.npy", "dtype": "float32", "shape": [2, 3]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": ["N", 3]}],
        "measure": {"profile": "none", "seconds": 0.0, "rounds": 0}, "files": files, **updates,
    }  # fmt: skip
    (place / "job.json").write_text(json.dumps(job))
    return place


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return only_numpy_and_onnxruntime(tmp_path_factory.mktemp("alone") / "seen")


def test_the_program_cannot_be_seen_from_where_it_runs(seen: Path, tmp_path: Path) -> None:
    assert alone(["-c", "import numpy, onnxruntime"], seen, tmp_path).returncode == 0
    assert alone(["-c", "import workbench"], seen, tmp_path).returncode != 0
    assert alone(["-c", "import onnx"], seen, tmp_path).returncode != 0


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is there")
def test_a_core_ml_job_elsewhere_says_what_is_missing_and_exits_4(seen: Path, tmp_path: Path) -> None:
    done = alone(["runner.py"], seen, job_folder(tmp_path / "job"))
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert line.startswith("runner: Core ML runs on macOS alone, this is ")
    assert "coremltools is missing" in line
    assert not (tmp_path / "job" / "result.zip").exists()


@pytest.mark.parametrize(("runtime", "words"), [("openvino", "OpenVINO is missing"), ("ort_cuda", "CUDA")])
def test_a_runtime_that_is_missing_exits_4(seen: Path, tmp_path: Path, runtime: str, words: str) -> None:
    folder = job_folder(tmp_path / "job", runtime=runtime)
    done = alone(["runner.py"], seen, folder)
    assert done.returncode == 4
    assert words in done.stdout + done.stderr


def _changed(folder: Path) -> None:
    (folder / "x.npy").write_bytes(flipped((folder / "x.npy").read_bytes()))


def _missing(folder: Path) -> None:
    (folder / "x.npy").unlink()


def _newer(folder: Path) -> None:
    (folder / "job.json").write_text(
        (folder / "job.json").read_text().replace('"schema_version": 1', '"schema_version": 2')
    )


def _no_job(folder: Path) -> None:
    (folder / "job.json").write_text("[")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed, "x.npy is not what was bundled"),
        (_missing, "x.npy is missing"),
        (_newer, "job.json has version 2"),
        (_no_job, "job.json is missing or damaged"),
    ],
)
def test_a_changed_bundle_is_one_line_and_exits_1(
    seen: Path, tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    folder = job_folder(tmp_path / "job", runtime="ort_cpu")
    change(folder)
    done = alone(["runner.py"], seen, folder)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line


def test_a_model_that_does_not_load_is_told_and_exits_4(seen: Path, tmp_path: Path) -> None:
    folder = job_folder(tmp_path / "job", runtime="ort_cpu")
    done = alone(["runner.py"], seen, folder)
    assert done.returncode == 4
    assert "0 of 1 models ran" in done.stdout
    assert (folder / "result.zip").is_file()


def test_state_goes_from_frame_to_frame_and_begins_anew(runner: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.float32).reshape(6, 1))
    np.save(tmp_path / "h.npy", np.full((1, 1), 7, np.float32))
    job = {
        "n": 6, "frames": 3, "state": {"h": "h_out"},
        "inputs": [{"name": "x", "path": "x.npy"}], "start": [{"name": "h", "path": "h.npy"}],
    }  # fmt: skip
    samples = runner.Samples(tmp_path, job)
    seen_states = []
    for _, start, _, inputs in samples.batches(1):
        feeds = samples.with_state(start, inputs)
        seen_states.append(float(feeds["h"][0]))
        samples.keep({"h_out": feeds["h"] + feeds["x"][0]})
    assert seen_states == [7, 7, 8, 7, 10, 14]


def test_a_short_last_batch_is_filled_with_its_last_sample(runner: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(5, dtype=np.float32).reshape(5, 1))
    job = {"n": 5, "frames": 1, "state": {}, "inputs": [{"name": "x", "path": "x.npy"}], "start": []}
    parts = list(runner.Samples(tmp_path, job).batches(3))
    assert [(start, size) for _, start, size, _ in parts] == [(0, 3), (3, 2)]
    np.testing.assert_array_equal(parts[1][3]["x"], [[3], [4], [4]])


class _Model:
    """Stands for a compiled Core ML model: doubles, and remembers what it was given."""

    given: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, path: str, compute_units: str) -> None:
        self.path, self.units = path, compute_units

    def predict(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """Answer in another dtype and shape than the model declares."""
        self.given.append(feeds)
        return {"y_0": (feeds["x_0"] * 2).astype(np.float16).reshape(-1)}


def test_core_ml_is_fed_and_read_by_the_names_beside_the_package(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = SimpleNamespace(utils=SimpleNamespace(compile_model=lambda path, to: to), CompiledMLModel=_Model)
    library = SimpleNamespace(models=models, ComputeUnit=SimpleNamespace(CPU_ONLY="cpu"), __version__="9.0")
    monkeypatch.setitem(sys.modules, "coremltools", library)
    features = {
        "inputs": {"x/0": {"name": "x_0", "dtype": "int64", "shape": [1, 3]}},
        "outputs": {"y/0": {"name": "y_0", "dtype": "float32", "shape": [1, 3]}},
    }
    (tmp_path / "m.mlpackage.names.json").write_text(json.dumps(features))
    cell = {"settings": {"compute_units": "cpu_only"}, "inputs": [], "outputs": []}
    session = runner.CoreMl().open(cell, tmp_path / "m.mlpackage")
    found = session.run({"x/0": np.array([[1, 2, 3]], np.int64)})
    assert _Model.given[-1]["x_0"].dtype == np.int32
    assert (found["y/0"].dtype, found["y/0"].tolist()) == (np.float32, [[2, 4, 6]])
    assert session.facts["compute_units"] == "cpu_only"
    assert session.facts["placement_source"].startswith("MLComputePlan did not answer")
