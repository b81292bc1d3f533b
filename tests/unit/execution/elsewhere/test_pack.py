"""Bundles: what is in one, that it is the study's own, and why something is not in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.elsewhere import Trip, bundle, members, opens

from workbench.errors import DataError, StudyError
from workbench.execution.artifacts import Artifact
from workbench.execution.discovery import find_plugin
from workbench.execution.elsewhere.pack import (
    BundleOptions,
    _cells,
    _measure,
    _why_not,
    _write_cell,
    is_known_job,
    runner_text,
)
from workbench.execution.elsewhere.stored import open_stored
from workbench.files import sha256_of_bytes


def test_a_bundle_holds_what_its_list_says_and_the_study_without_folders(trip: Trip) -> None:
    content = members(trip.bundle)
    job = json.loads(content["job.json"])
    assert set(job["files"]) == set(content) - {"job.json"}
    assert all(sha256_of_bytes(content[name]) == known["sha256"] for name, known in job["files"].items())
    assert content["runner.py"].decode() == runner_text()
    text = b" ".join(content[name] for name in ("job.json", "study.toml", "README.txt", "runner.py")).decode()
    assert str(trip.folder) not in text
    assert str(Path.home()) not in text
    assert 'path = "net.onnx"' in content["study.toml"].decode()


def test_models_and_inputs_are_the_studys_own(trip: Trip, finished: Any) -> None:
    content = members(trip.bundle)
    job = json.loads(content["job.json"])
    assert [cell["label"] for cell in job["cells"]] == ["ONNX Runtime CPU"] * 2
    for cell in job["cells"]:
        assert sha256_of_bytes(content[cell["artifact"]]) == cell["artifact_sha256"]
    assert job["cells"][1]["plan_sha256"] == finished.result.candidates[0].plan_sha256
    assert job["cells"][1]["parity"] == {"checked": 13, "mismatches": [], "declared": 0}
    assert job["cells"][1]["linear_nodes"] == ["logits_node"]
    rows = json.loads((trip.folder / "data/evaluation/index.json").read_text())["rows"]
    kept = np.load(trip.folder.parent / "job" / job["inputs"][0]["path"])
    with np.load(finished.path.parent / "evaluation.npz") as arrays:
        np.testing.assert_array_equal(kept, arrays[job["inputs"][0]["name"]][rows])


def test_the_job_is_remembered_and_the_study_is_left_as_it_was(trip: Trip, finished: Any) -> None:
    assert is_known_job(trip.folder, trip.packed.job_sha256)
    assert not is_known_job(trip.folder, "0" * 64)
    assert (trip.folder / "result.json").read_bytes() == (finished.folder / "result.json").read_bytes()
    kept = sorted(path.name for path in (trip.folder / "artifacts").rglob("*"))
    assert kept == sorted(path.name for path in (finished.folder / "artifacts").rglob("*"))


def test_the_same_study_gives_the_same_bytes_and_another_target_other_models(trip: Trip, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(trip.folder, folder)
    (folder / "bundles" / "job-of-a-killed-program").mkdir()
    assert bundle(folder, tmp_path / "again.zip").job_sha256 == trip.packed.job_sha256
    assert list((folder / "bundles").glob("job-*")) == []
    assert (tmp_path / "again.zip").read_bytes() == trip.bundle.read_bytes()
    made = bundle(folder, tmp_path / "arm.zip", target="arm64")
    assert made.job_sha256 != trip.packed.job_sha256
    assert json.loads(members(tmp_path / "arm.zip")["job.json"])["cells"][1]["notes"]["target"] == "arm64"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runtime": "tensor"}, "tensor"),
        ({"runtime": "ort_quantize_static"}, "not a runtime"),
        ({"candidates": ("S9",)}, "no candidate 'S9'"),
    ],
)
def test_what_cannot_be_bundled_is_one_line(trip: Trip, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words) as caught:
        bundle(trip.folder, tmp_path / "x.zip", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x.zip").exists()


def test_a_runtime_whose_plugin_has_no_file_for_it_is_refused(trip: Trip, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"Its author adds one and names it in plugin\.toml") as caught:
        bundle(trip.folder, tmp_path / "x.zip", runtime="coreml_evaluator")
    assert "\n" not in str(caught.value)


def test_the_runtime_is_one_file_of_its_plugin(trip: Trip) -> None:
    content = members(trip.bundle)
    assert json.loads(content["job.json"])["elsewhere"] == "elsewhere.py"
    assert content["elsewhere.py"] == opens("ort_cpu").read_bytes()


def test_samples_that_changed_are_refused(trip: Trip, finished: Any, tmp_path: Path) -> None:
    folder, data = tmp_path / "study", tmp_path / "evaluation.npz"
    shutil.copytree(trip.folder, folder)
    with np.load(finished.path.parent / "evaluation.npz") as arrays:
        np.savez(data, **{name: values + 1 for name, values in arrays.items()})
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace(str(finished.path.parent / "evaluation.npz"), str(data)))
    with pytest.raises(DataError, match="changed"):
        bundle(folder, tmp_path / "x.zip")


def test_what_lies_beside_an_artifact_comes_along_but_nothing_compiled_for_a_device(
    trip: Trip, finished: Any, tmp_path: Path
) -> None:
    cell = _cells(
        open_stored(finished.folder, finished.result).study, find_plugin("ort_cpu"), BundleOptions("ort_cpu")
    )[0]
    work = tmp_path / "stage" / "artifact"
    for name in ("m.mlpackage/data.bin", "m.mlpackage.names.json", "engines/gpu.bin", "model.engine"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    record = {"artifact_sha256": "0" * 64, "artifact_bytes": 1, "build_s": 0.0, "notes": {}, "deviations": []}
    stored = open_stored(finished.folder, finished.result)
    told = _write_cell(0, cell, Artifact(work / "m.mlpackage", record), stored, tmp_path / "a")
    assert told.artifact == "artifacts/0/m.mlpackage"
    found = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert found == {"artifacts/0/m.mlpackage/data.bin", "artifacts/0/m.mlpackage.names.json"}
    (work.parent / "stage.json").write_text("{}")
    told = _write_cell(1, cell, Artifact(work, record), stored, tmp_path / "b")
    assert told.artifact == "artifacts/1/artifact"
    assert (tmp_path / "b" / told.artifact / "m.mlpackage.names.json").is_file()
    assert not (tmp_path / "b" / "artifacts/1/stage.json").exists()


def _cell(source: str = "a", precision: str = "int8", native: str = "", batch: int = 1) -> Any:
    candidate = SimpleNamespace(source=source, native=native, name="S1")
    return SimpleNamespace(candidate=candidate, precision=precision, row=SimpleNamespace(batch=batch))


@pytest.mark.parametrize(
    ("cell", "plans", "why"),
    [
        (_cell(), ("S1",), ""),
        (_cell(), (), "the study has no plan of it"),
        (_cell(precision="fp32"), (), ""),
        (_cell(native="nncf"), ("S1",), "what a native tool-chain made is not bundled"),
        (_cell("b"), ("S1",), "it is of another model: choose its candidate for a bundle of its own"),
        (_cell(batch=2), ("S1",), "the model is fixed at a batch of 1"),
    ],
)
def test_what_is_left_out_has_its_reason(cell: Any, plans: tuple[str, ...], why: str) -> None:
    model = SimpleNamespace(prepared=SimpleNamespace(fixed_batch=1))
    stored = SimpleNamespace(models={"a": model, "b": model}, plans=dict.fromkeys(plans), model_of=lambda _: model)
    assert _why_not(stored, cell, _cell()) == why  # type: ignore[arg-type]


@pytest.mark.parametrize(("budget_s", "seconds"), [(None, 60.0), (30.0, 15.0), (1000.0, 60.0)])
def test_the_studys_budget_holds_elsewhere_too(budget_s: float | None, seconds: float) -> None:
    study = SimpleNamespace(file=SimpleNamespace(measure=SimpleNamespace(budget_s=budget_s)))
    found = _measure("standard", 2, study)  # type: ignore[arg-type]
    assert (found.seconds, found.rounds) == (seconds, 6)
