"""Runtime rows with an interpreter of their own: it runs their workers, and one that cannot is that row's problem."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.onnx_models import random_feeds, resnet_like
from helpers.real_models import run_document

from workbench.execution.result import Result, Run
from workbench.model.load import save_proto

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links to installed packages need rights on Windows")

SITE_PACKAGES = Path(np.__file__).parents[1]
OTHER_VERSION = "1.0+other"
NOTE_INTERPRETER = """import sys
with open({log!r}, "a", encoding="utf-8") as log:
    log.write(sys.executable + "\\n")
"""


@dataclass(frozen=True)
class Environment:
    """A second virtual environment, without network: what is installed here is linked there."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    @property
    def log(self) -> Path:
        return self.folder / "interpreters.log"

    @property
    def started(self) -> list[str]:
        """Interpreter of every process started from here, in order."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


def make_environment(folder: Path) -> Environment:
    """Make an empty one that notes each of its processes."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    environment = Environment(folder)
    note = NOTE_INTERPRETER.format(log=str(environment.log))
    (environment.packages / "sitecustomize.py").write_text(note, encoding="utf-8")
    return environment


def full_environment(folder: Path) -> Environment:
    """Everything that is installed here, through a .pth file, and metadata of another onnxruntime version."""
    environment = make_environment(folder)
    (environment.packages / "here.pth").write_text(f"{SITE_PACKAGES}\n", encoding="utf-8")
    metadata = environment.packages / "onnxruntime-1.0+other.dist-info"
    metadata.mkdir()
    text = f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {OTHER_VERSION}\n"
    (metadata / "METADATA").write_text(text, encoding="utf-8")
    return environment


def bare_environment(folder: Path) -> Environment:
    """Everything that is installed here but ONNX Runtime."""
    environment = make_environment(folder)
    for entry in SITE_PACKAGES.iterdir():
        if not entry.name.startswith("onnxruntime") and entry.suffix != ".pth":
            (environment.packages / entry.name).symlink_to(entry)
    return environment


@dataclass(frozen=True)
class Studied:
    """One study with four rows of the same runtime."""

    result: Result
    full: Environment
    bare: Environment

    def runs(self, label: str) -> list[Run]:
        """The float and the INT8 run of a row."""
        found = [run for run in self.result.runs if run.label == label]
        assert [run.precision for run in found] == ["fp32", "int8"]
        return found


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    folder = tmp_path_factory.mktemp("interpreters")
    full, bare = full_environment(folder / "full"), bare_environment(folder / "bare")
    return Studied(run_document(document(folder, full, bare), folder / "study"), full, bare)


def document(folder: Path, full: Environment, bare: Environment) -> dict[str, Any]:
    model = resnet_like()
    save_proto(model, folder / "model.onnx")
    np.savez(folder / "samples.npz", **random_feeds(model, 8))
    samples = {"kind": "arrays", "path": str(folder / "samples.npz"), "labels": ""}
    rows = {"here": None, "full": full.python, "bare": bare.python, "nowhere": folder / "none" / "bin" / "python"}
    return {
        "schema_version": 1,
        "name": "interpreters",
        "model": {"path": str(folder / "model.onnx")},
        "data": {"calibration": samples, "evaluation": samples},
        "runtimes": [
            {"id": "ort_cpu", "name": name, **({"python": str(python)} if python else {})}
            for name, python in rows.items()
        ],
        "measure": {"profile": "none"},
    }


def test_a_row_runs_in_its_own_interpreter(studied: Studied) -> None:
    assert [run.status for run in studied.runs("full")] == ["ok", "ok"], [run.problem for run in studied.runs("full")]
    assert set(studied.full.started) == {str(studied.full.python)}
    jobs = 1 + 2 + 1 + 2  # probe, two artifacts, one read back, two cells
    assert len(studied.full.started) >= jobs


def test_its_versions_are_those_found_there(studied: Studied) -> None:
    for here, there in zip(studied.runs("here"), studied.runs("full"), strict=True):
        assert there.versions["onnxruntime"] == OTHER_VERSION
        assert here.versions.get("onnxruntime") != OTHER_VERSION
        assert here.outputs_sha256 == there.outputs_sha256


def test_its_artifact_is_verified_like_any_other(studied: Studied) -> None:
    parity = studied.runs("full")[1].parity
    assert parity is not None
    assert parity.checked > 0
    assert parity.mismatches == []
    assert studied.runs("full")[1].artifact_sha256 == studied.runs("here")[1].artifact_sha256


def test_an_interpreter_that_does_not_exist_is_that_rows_problem(studied: Studied) -> None:
    for run in studied.runs("nowhere"):
        assert run.status == "not_available"
        assert run.problem is not None
        assert str(Path("none") / "bin" / "python") in run.problem.message
        assert "\n" not in run.problem.message
        assert run.problem.remedy
        assert run.problem.remedy not in run.problem.message
    assert [run.status for run in studied.runs("here")] == ["ok", "ok"]


def test_an_interpreter_without_the_runtime_is_reported_with_the_remedy(studied: Studied) -> None:
    for run in studied.runs("bare"):
        assert run.status == "not_available"
        assert run.problem is not None
        assert "ONNX Runtime is not installed" in run.problem.message
        assert "pip install" in run.problem.remedy
        assert "onnxruntime" in run.problem.remedy
    assert studied.bare.started == [str(studied.bare.python)]
