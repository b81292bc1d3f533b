"""The stand-alone runner: clocks by the core's rules, facts as the core tells them, one line for what is missing."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import py_compile
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers.elsewhere import RUNNER, alone, flipped, members, only_numpy_and_onnxruntime, opens, runner_module
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


def job_folder(place: Path, opened_by: str | Path = "coreml", **updates: Any) -> Path:
    """A job made by hand: one input, one model that is no model.

    Args:
        opened_by: id of one of the program's runtimes, or a file.
    """
    place.mkdir()
    source = opened_by if isinstance(opened_by, Path) else opens(opened_by)
    (place / "elsewhere.py").write_bytes(source.read_bytes())
    np.save(place / "x.npy", np.zeros((2, 3), np.float32))
    (place / "runner.py").write_text(RUNNER.read_text())
    files = {
        name: {"sha256": runner_module().sha256_of(place / name), "bytes": (place / name).stat().st_size}
        for name in ("x.npy", "elsewhere.py")
    }
    (place / "m.mlpackage").mkdir()
    cell = {
        "number": 0, "label": "L", "candidate": "S1", "precision": "fp32", "artifact": "m.mlpackage", "threads": 1,
        "batch": 1, "settings": {}, "linear_nodes": [],
    }  # fmt: skip
    job = {
        "schema_version": 2, "runtime": "any", "elsewhere": "elsewhere.py", "n": 2, "frames": 1, "state": {},
        "start": [], "cells": [cell],
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


@pytest.mark.parametrize(
    ("runtime", "words"),
    [("openvino", "OpenVINO is missing"), ("tensorrt", "TensorRT's Python package is missing")],
)
def test_a_runtime_that_is_missing_exits_4(seen: Path, tmp_path: Path, runtime: str, words: str) -> None:
    done = alone(["runner.py"], seen, job_folder(tmp_path / "job", runtime))
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert words in line


FACE = "def probe():\n    {probe}\ndef open_model(artifact, options):\n    {opened}\n"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("x = (", 1, "elsewhere.py does not load: SyntaxError"),
        ("import no_such_thing", 1, "elsewhere.py does not load: ModuleNotFoundError"),
        ("def probe():\n    return {}, None\n", 1, "has no attribute 'open_model'"),
        (FACE.format(probe="raise OSError('a\\nb')", opened="pass"), 4, "whether it is here: OSError: a"),
        (FACE.format(probe="return {}, 'get a board'", opened="pass"), 4, "runner: get a board"),
    ],
)
def test_a_file_that_does_not_do_its_part_is_one_line(
    seen: Path, tmp_path: Path, text: str, code: int, words: str
) -> None:
    (tmp_path / "file.py").write_text(text)
    done = alone(["runner.py"], seen, job_folder(tmp_path / "job", tmp_path / "file.py"))
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert words in line


DOUBLES = """
import numpy as np
class Model:
    def run(self, feeds):
        return {"y": feeds["x"] * 2}
    def facts(self):
        return {"threads": 1}
    def close(self):
        print("closed")
def probe():
    return {"doubler": 3}, None
def open_model(artifact, options):
    assert options["inputs"] == [{"name": "x", "dtype": "float32", "shape": [1, 3]}], options
    return Model()
"""


def test_the_smallest_file_runs_and_what_it_is_is_told(seen: Path, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(DOUBLES)
    folder = job_folder(tmp_path / "job", tmp_path / "file.py")
    done = alone(["runner.py"], seen, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("closed") == 1
    content = members(folder / "result.zip")
    told = json.loads(content["returned.json"])
    assert told["versions"]["doubler"] == "3"
    assert told["elsewhere_sha256"] == runner_module().sha256_of(tmp_path / "file.py")
    assert (told["cells"][0]["facts"], told["cells"][0]["kernels"]) == ({"threads": "1"}, [])


def test_bytes_that_python_kept_of_another_file_are_not_run(seen: Path, tmp_path: Path) -> None:
    """A compiled file beside it is what an import would have taken."""
    (tmp_path / "file.py").write_text(DOUBLES)
    folder = job_folder(tmp_path / "job", tmp_path / "file.py")
    (tmp_path / "bad.py").write_text("raise SystemExit('not what was bundled')")
    kept = Path(importlib.util.cache_from_source(str(folder / "elsewhere.py")))
    kept.parent.mkdir()
    py_compile.compile(
        str(tmp_path / "bad.py"), str(kept), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert alone(["runner.py"], seen, folder).returncode == 0


def test_a_job_of_version_1_runs_by_the_programs_own_file_alone(seen: Path, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(DOUBLES)
    folder = job_folder(tmp_path / "job", tmp_path / "file.py", schema_version=1, elsewhere=None)
    done = alone(["runner.py"], seen, folder)
    assert (done.returncode, "an older program" in done.stderr) == (1, True)
    assert alone(["runner.py", "--elsewhere", str(tmp_path / "file.py")], seen, folder).returncode == 0


def _changed(folder: Path) -> None:
    (folder / "x.npy").write_bytes(flipped((folder / "x.npy").read_bytes()))


def _missing(folder: Path) -> None:
    (folder / "x.npy").unlink()


def _newer(folder: Path) -> None:
    (folder / "job.json").write_text(
        (folder / "job.json").read_text().replace('"schema_version": 2', '"schema_version": 3')
    )


def _unlisted(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text())
    del job["files"]["elsewhere.py"]
    (folder / "job.json").write_text(json.dumps(job))


def _other_code(folder: Path) -> None:
    with (folder / "elsewhere.py").open("a") as stream:
        stream.write("print('run')\n")


def _no_job(folder: Path) -> None:
    (folder / "job.json").write_text("[")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed, "x.npy is not what was bundled"),
        (_missing, "x.npy is missing"),
        (_newer, "job.json has version 3"),
        (_unlisted, "elsewhere.py is not on the list"),
        (_other_code, "elsewhere.py is not what was bundled"),
        (_no_job, "job.json is missing or damaged"),
    ],
)
def test_a_changed_bundle_is_one_line_and_exits_1(
    seen: Path, tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    folder = job_folder(tmp_path / "job", "ort_cpu")
    change(folder)
    done = alone(["runner.py"], seen, folder)
    assert (done.returncode, done.stdout.count("run\n")) == (1, 0)
    (line,) = done.stderr.splitlines()
    assert words in line


def test_a_model_that_does_not_load_is_told_and_exits_4(seen: Path, tmp_path: Path) -> None:
    folder = job_folder(tmp_path / "job", "ort_cpu")
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


def test_it_reads_as_python_3_9_and_knows_neither_the_program_nor_a_runtime() -> None:
    tree = ast.parse(RUNNER.read_text(), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    outside = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside == {"numpy", "psutil"}
    words = RUNNER.read_text().lower()
    assert not [name for name in ("onnxruntime", "openvino", "coreml", "tensorrt") if name in words]
