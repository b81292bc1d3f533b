"""Artifacts are built, read back in a fresh worker, and compared with their plan."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers import studies

from workbench.errors import StudyError
from workbench.execution.artifacts import (
    CellFailedError,
    announced_deviations,
    make_artifact,
    read_back_and_compare,
)
from workbench.execution.cells import Cell, cells_of
from workbench.execution.discovery import Manifest, find_plugin
from workbench.execution.preparation import prepare_model
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import load_study
from workbench.model.summary import graph_summary
from workbench.quant.plan import load_plan
from workbench.quant.scheme import Scheme

pytestmark = pytest.mark.usefixtures("known_plugins")


def _parts(finished: Any, root: Path) -> tuple[Stages, Cell, Manifest, Any, Any]:
    study = load_study(finished.path)
    store = Store(root)
    store.open()
    stages = Stages(store, lambda event: None, threading.Event())
    cell = next(cell for cell in cells_of(study) if cell.precision == "int8")
    model = prepare_model(stages, study, cell.candidate.source, False, None)
    path = finished.folder / "plans/S1/plan.json"
    return stages, cell, find_plugin("echo"), model, (load_plan(path), path)


def test_an_artifact_holds_the_plans_numbers_and_is_kept(finished: Any, tmp_path: Path) -> None:
    stages, cell, manifest, model, plan = _parts(finished, tmp_path)
    made = make_artifact(stages, cell, manifest, {"onnx": "1"}, model, plan)
    assert made.record["parity"]["mismatches"] == []
    assert made.record["parity"]["checked"] >= len(plan[0].tensors) + len(plan[0].weights)
    assert made.record["announced"] == []
    assert not Path(made.record["artifact"]).is_absolute()
    before = (made.path / "model.onnx").stat().st_mtime_ns
    again = make_artifact(stages, cell, manifest, {"onnx": "1"}, model, plan)
    assert again.record == made.record
    assert (again.path / "model.onnx").stat().st_mtime_ns == before
    other = make_artifact(stages, cell, manifest, {"onnx": "2"}, model, plan)
    assert (other.path / "model.onnx").stat().st_mtime_ns != before
    assert other.record["artifact_sha256"] == made.record["artifact_sha256"]


def test_a_flipped_scale_in_a_stored_artifact_is_named(finished: Any, tmp_path: Path) -> None:
    place = tmp_path / "artifact"
    shutil.copytree(finished.folder / "artifacts/echo/S1/int8", place)
    plan = load_plan(finished.folder / "plans/S1/plan.json")
    cell = next(cell for cell in cells_of(load_study(finished.path)) if cell.precision == "int8")
    assert read_back_and_compare(cell, find_plugin("echo"), plan, place)["mismatches"] == []
    file = place / "artifact" / "echo" / "model.onnx"
    model = onnx.load(str(file))
    scale = next(item for item in model.graph.initializer if item.name == "input__scale")
    value = onnx.numpy_helper.to_array(scale) * 2
    scale.CopyFrom(onnx.numpy_helper.from_array(value, scale.name))
    onnx.save(model, str(file))
    found = read_back_and_compare(cell, find_plugin("echo"), plan, place)["mismatches"]
    assert [(item["kind"], item["name"], item["field"]) for item in found] == [("tensor", "input", "scale")]
    file.write_bytes(b"cut off")
    with pytest.raises(StudyError, match="cannot be read back"):
        read_back_and_compare(cell, find_plugin("echo"), plan, place)


def test_a_scheme_that_the_manifest_does_not_list_is_refused(finished: Any, tmp_path: Path) -> None:
    manifest = find_plugin("echo")
    graph = graph_summary(onnx.load(str(finished.path.parent / "net.onnx")))
    assert announced_deviations(manifest, graph, Scheme()) == []
    (refusal,) = announced_deviations(manifest, graph, Scheme(name="S2"))
    assert refusal.refuses
    assert "accepts S1, fp32" in refusal.reason
    stages, cell, _, model, plan = _parts(finished, tmp_path)
    narrow = Manifest(manifest.id, manifest.title, "runtime", 1, manifest.folder, ("fp32",))
    with pytest.raises(CellFailedError) as raised:
        make_artifact(stages, cell, narrow, {}, model, plan)
    assert raised.value.refused[0].refuses


def test_a_plugin_that_cannot_prepare_is_an_outcome(finished: Any, tmp_path: Path) -> None:
    stages, cell, _, model, _ = _parts(finished, tmp_path)
    with pytest.raises(CellFailedError) as raised:
        make_artifact(stages, cell, find_plugin("missing_library"), {}, model, None)
    assert raised.value.outcome.status == "failed"
    assert "no-such-runtime-library==1.0" in raised.value.outcome.remedy
    assert raised.value.refused == []
    assert studies.PLUGINS.is_dir()


def test_a_plugins_own_words_are_the_refusal_where_it_has_some(finished: Any) -> None:
    graph = graph_summary(
        onnx.load(finished.folder / "models" / next((finished.folder / "models").iterdir()).name / "canonical.onnx")
    )
    (found,) = announced_deviations(find_plugin("no_device"), graph, Scheme(name="S2"))
    assert found.refuses
    assert found.reason.startswith("symmetric only")
    (listed,) = announced_deviations(find_plugin("echo"), graph, Scheme(name="S2"))
    assert listed.reason.endswith("accepts S1, fp32")
