"""Artifacts are built, read back in a fresh worker, and compared with their plan."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import studies

from workbench.errors import StudyError
from workbench.execution.artifacts import (
    CellFailedError,
    announced_deviations,
    make_artifact,
    parity_record,
    read_back_and_compare,
    refuse_undeclared,
)
from workbench.execution.cells import Cell, cells_of
from workbench.execution.discovery import Manifest, find_plugin
from workbench.execution.preparation import prepare_model
from workbench.execution.realised import biases_json, save_realised, tensors_json
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import load_study
from workbench.model.summary import graph_summary
from workbench.quant.parity import RealisedParameters
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


def test_declared_tensors_are_compared_with_what_is_declared(finished: Any, tmp_path: Path) -> None:
    plan = load_plan(finished.folder / "plans/S1/plan.json")
    changed = replace(plan.tensors["input"], dtype="uint8", clamp=(0, 255))
    save_realised(
        RealisedParameters({**plan.tensors, "input": changed}, plan.weights, plan.biases), tmp_path / "r.json"
    )
    told = parity_record(plan, {"declared": tensors_json({"input": changed})}, tmp_path / "r.json")
    assert (told["mismatches"], told["declared"]) == ([], 1)
    assert told["checked"] == len(plan.tensors) + len(plan.weights) + len(plan.biases)
    untold = parity_record(plan, {}, tmp_path / "r.json")
    assert {item["name"] for item in untold["mismatches"]} == {"input"}
    wrong = replace(changed, scale=2 * changed.scale)
    still = parity_record(plan, {"declared": tensors_json({"input": wrong})}, tmp_path / "r.json")
    assert [item["field"] for item in still["mismatches"]] == ["scale"]


def test_declared_biases_are_compared_with_what_is_declared(finished: Any, tmp_path: Path) -> None:
    plan = load_plan(finished.folder / "plans/S1/plan.json")
    name, bias = next(iter(plan.biases.items()))
    changed = bias + np.float32(0.5)
    save_realised(RealisedParameters(plan.tensors, plan.weights, {**plan.biases, name: changed}), tmp_path / "r.json")
    told = parity_record(plan, {"declared_biases": biases_json({name: changed})}, tmp_path / "r.json")
    assert (told["mismatches"], told["declared"]) == ([], 1)
    untold = parity_record(plan, {}, tmp_path / "r.json")
    assert [(item["kind"], item["name"]) for item in untold["mismatches"]] == [("bias", name)]
    wrong = parity_record(plan, {"declared_biases": biases_json({name: changed * 2})}, tmp_path / "r.json")
    assert [(item["kind"], item["name"]) for item in wrong["mismatches"]] == [("bias", name)]


@pytest.mark.parametrize("kind", ["declared", "declared_biases"])
@pytest.mark.parametrize(
    ("announced", "deviations", "is_told"),
    [([], [], False), ([False], [None], False), ([True], [], True), ([], [True], True)],
)
def test_other_numbers_than_the_plans_need_a_deviation(
    announced: Any, deviations: Any, is_told: bool, kind: str
) -> None:
    record = {
        "declared": {},
        kind: {"input": {}},
        "announced": [{"codes_change": value} for value in announced],
        "deviations": [{"codes_change": value} for value in deviations],
    }
    refuse_undeclared(find_plugin("echo"), {**record, kind: {}})
    if is_told:
        refuse_undeclared(find_plugin("echo"), record)
        return
    with pytest.raises(CellFailedError, match="echo declares other numbers"):
        refuse_undeclared(find_plugin("echo"), record)


def test_an_option_that_a_plugin_does_not_know_is_one_line(finished: Any) -> None:
    graph = graph_summary(onnx.load(str(finished.path.parent / "net.onnx")))
    with pytest.raises(StudyError, match=r"no option 'x'.*Mend"):
        announced_deviations(find_plugin("ort_cpu"), graph, Scheme(), {"x": 1})


def test_a_scheme_that_the_manifest_does_not_list_is_refused(finished: Any, tmp_path: Path) -> None:
    manifest = find_plugin("echo")
    graph = graph_summary(onnx.load(str(finished.path.parent / "net.onnx")))
    assert announced_deviations(manifest, graph, Scheme(), {}) == []
    (refusal,) = announced_deviations(manifest, graph, Scheme(name="S2"), {})
    assert refusal.refuses
    assert "accepts S1, fp32" in refusal.reason
    stages, cell, _, model, plan = _parts(finished, tmp_path)
    narrow = Manifest(manifest.id, manifest.title, "runtime", manifest.spi_version, manifest.folder, ("fp32",))
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
    (found,) = announced_deviations(find_plugin("no_device"), graph, Scheme(name="S2"), {})
    assert found.refuses
    assert found.reason.startswith("symmetric only")
    (listed,) = announced_deviations(find_plugin("echo"), graph, Scheme(name="S2"), {})
    assert listed.reason.endswith("accepts S1, fp32")
