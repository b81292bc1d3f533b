"""Core ML's stand-alone file on a stand-in library: what is fed and read, what is missing, what is freed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from workbench_plugins.coreml import elsewhere
from workbench_plugins.coreml.sidecar import SUFFIX

FEATURES = {
    "inputs": {"x/0": {"name": "x_0", "dtype": "int64", "shape": [1, 3]}},
    "outputs": {"y/0": {"name": "y_0", "dtype": "float32", "shape": [1, 3]}},
}
OPTIONS = {"settings": {"compute_units": "cpu_only"}, "inputs": [], "outputs": []}


class StandIn:
    """Stands for a compiled model: doubles, and remembers what it was given."""

    given: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, path: str, compute_units: str) -> None:
        if not Path(path).is_dir():
            raise RuntimeError("it cannot be loaded")

    def predict(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """Answer in another dtype and shape than the model declares."""
        self.given.append(feeds)
        return {"y_0": (feeds["x_0"] * 2).astype(np.float16).reshape(-1)}


def compiled(path: str, to: str) -> str:
    Path(to).mkdir()
    return to


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    models = SimpleNamespace(utils=SimpleNamespace(compile_model=compiled), CompiledMLModel=StandIn)
    library = SimpleNamespace(models=models, ComputeUnit=SimpleNamespace(CPU_ONLY="cpu"), __version__="9.0")
    monkeypatch.setitem(sys.modules, "coremltools", library)
    (tmp_path / f"m.mlpackage{SUFFIX}").write_text(json.dumps(FEATURES))
    return tmp_path / "m.mlpackage"


def test_it_is_fed_and_read_by_the_names_beside_the_package(package: Path) -> None:
    model = elsewhere.open_model(package, OPTIONS)
    found = model.run({"x/0": np.array([[1, 2, 3]], np.int64)})
    assert StandIn.given[-1]["x_0"].dtype == np.int32
    assert (found["y/0"].dtype, found["y/0"].tolist()) == (np.float32, [[2, 4, 6]])
    facts = model.facts()
    assert facts["compute_units"] == "cpu_only"
    assert facts["placement_source"].startswith("MLComputePlan did not answer")
    assert facts["compiled"] == "while loading"
    kept = Path(model._folder)
    assert kept.is_dir()
    model.close()
    assert not kept.exists()


def test_a_model_that_does_not_load_leaves_nothing(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = package.with_name("scratch")
    kept.mkdir()
    monkeypatch.setattr(elsewhere, "mkdtemp", lambda prefix: str(kept))
    monkeypatch.setattr(sys.modules["coremltools"].models.utils, "compile_model", lambda path, to: to)
    with pytest.raises(RuntimeError, match="it cannot be loaded"):
        elsewhere.open_model(package, OPTIONS)
    assert not kept.exists()


def test_the_suffix_is_the_plugins_own() -> None:
    assert elsewhere.NAMES_SUFFIX == SUFFIX


def test_everything_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere.sys, "platform", "linux")
    monkeypatch.setattr(elsewhere.importlib.util, "find_spec", lambda _name: None)
    versions, missing = elsewhere.probe()
    assert versions == {}
    assert missing is not None
    assert missing.startswith("Core ML runs on macOS alone, this is ")
    assert "; coremltools is missing: pip install coremltools" in missing


def test_on_a_mac_the_library_is_all_it_needs(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere.sys, "platform", "darwin")
    monkeypatch.setattr(elsewhere.importlib.util, "find_spec", lambda _name: "there")
    assert elsewhere.probe() == ({"coremltools": "9.0"}, None)
