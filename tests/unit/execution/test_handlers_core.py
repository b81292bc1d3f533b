"""The core's own jobs, called as a worker calls them."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net
from helpers.plans import run_graph

from workbench.errors import JobCancelledError, ModelError
from workbench.execution import importers
from workbench.execution.bundle import bundle_json
from workbench.execution.handlers_core import HANDLERS, IMPORT_SAMPLES
from workbench.execution.import_check import ImportReport
from workbench.execution.preparation import prepare_data, prepare_model
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import load_study
from workbench.execution.worker import Channel
from workbench.model.data import DataSpec, scan
from workbench.model.load import save_proto
from workbench.model.preprocess import Preprocess
from workbench.quant.plan import load_plan


def _channel(folder: Path) -> Channel:
    return Channel(io.StringIO(), folder)


def _arrays_bundle(folder: Path, n: int = studies.N) -> dict[str, Any]:
    studies.write_samples(folder / "x.npz", conv_relu_net(), n)
    spec = DataSpec("arrays", folder / "x.npz")
    (folder / "index.json").write_text(json.dumps(scan(spec).to_json()))
    return bundle_json(spec, folder / "index.json", Preprocess(), ())


def test_a_scan_writes_its_index_and_stops_when_asked(tmp_path: Path) -> None:
    studies.write_samples(tmp_path / "x.npz", conv_relu_net())
    arguments = {
        "spec": DataSpec("arrays", tmp_path / "x.npz").to_json(),
        "preprocess": Preprocess().to_json(),
        "out": str(tmp_path / "data" / "index.json"),
    }
    (tmp_path / "data").mkdir()
    found = HANDLERS["scan"](None, arguments, _channel(tmp_path))
    index = json.loads((tmp_path / "data" / "index.json").read_text())
    assert (found["n"], found["sha256"], found["undecodable"]) == (studies.N, index["sha256"], 0)
    channel = _channel(tmp_path)
    channel.take({"command": "cancel"})
    with pytest.raises(JobCancelledError):
        HANDLERS["scan"](None, arguments, channel)


def test_the_reference_answers_as_a_plain_session_does(tmp_path: Path) -> None:
    study = load_study(studies.write_study(tmp_path))
    store = Store(tmp_path / "run")
    store.open()
    stages = Stages(store, lambda event: None, threading.Event())
    evaluation = prepare_data(stages, study, "evaluation")
    assert evaluation is not None
    model = prepare_model(stages, study, study.candidates[0].source, False, None)
    arguments = {
        "model": str(model.fp32),
        "bundle": evaluation.bundle(study, model.inputs),
        "outputs": model.compared_specs,
        "optimized": True,
        "batch": 1,
        "outputs_dir": str(tmp_path / "outputs"),
    }
    record = HANDLERS["reference"](None, arguments, _channel(tmp_path))
    order = np.random.default_rng(0).permutation(studies.N)
    with np.load(tmp_path / "evaluation.npz") as arrays:
        feeds = [arrays["input"][i : i + 1] for i in order]
    expected = [run_graph(conv_relu_net(), {"input": feed}, optimized=True)["logits"] for feed in feeds]
    assert np.array_equal(np.load(tmp_path / "outputs" / "0.npy"), np.concatenate(expected))
    assert record["n"] == studies.N
    assert record["run_s"] <= record["wall_s"]
    assert "onnx" in record["versions"]
    assert record["input_shapes"] == {"input": list(feeds[0].shape)}


def test_an_output_of_another_shape_than_the_file_states_is_the_models_mistake(tmp_path: Path) -> None:
    bundle = _arrays_bundle(tmp_path, 1)
    save_proto(conv_relu_net(), tmp_path / "model.onnx")
    arguments = {
        "model": str(tmp_path / "model.onnx"),
        "bundle": {**bundle, "inputs": [{"name": "input", "dtype": "float32", "shape": ["N", 3, 16, 16]}]},
        "outputs": [{"name": "logits", "dtype": "float32", "shape": [1]}],
        "optimized": True,
        "batch": 1,
        "outputs_dir": str(tmp_path / "outputs"),
    }
    with pytest.raises(ModelError, match=r"'logits' has shape \(1, 10\).*Set that output's shape in the file"):
        HANDLERS["reference"](None, arguments, _channel(tmp_path))


def test_calibrate_makes_or_takes_a_plan(tmp_path: Path) -> None:
    study = load_study(studies.write_study(tmp_path))
    store = Store(tmp_path / "run")
    store.open()
    stages = Stages(store, lambda event: None, threading.Event())
    calibration = prepare_data(stages, study, "calibration")
    assert calibration is not None
    model = prepare_model(stages, study, study.candidates[0].source, False, None)
    bundle = calibration.bundle(study, model.inputs)
    arguments = {
        "canonical": str(model.canonical),
        "model_sha256": model.sha256,
        "transforms": model.facts["transforms"],
        "scheme": study.candidates[0].scheme.to_json(),
        "calibration": bundle,
        "evaluation": bundle,
        "out": str(tmp_path / "plan.json"),
        "ready": False,
    }
    made = HANDLERS["calibrate"](None, arguments, _channel(tmp_path))
    plan = load_plan(tmp_path / "plan.json")
    assert (made["plan_sha256"], plan.calibration.n) == (plan.sha256, 8)
    assert (tmp_path / made["simulated"]).is_file()
    assert made["representation"]["n"] == 8
    ready = {**arguments, "ready": True, "calibration": None, "evaluation": None}
    taken = HANDLERS["calibrate"](None, ready, _channel(tmp_path))
    assert (taken["plan_sha256"], taken["representation"]) == (plan.sha256, None)


class FakeImporter:
    """Stands for torch: writes a fixed graph, notes what it was given, and may know no shapes."""

    def __init__(self, knows_shapes: bool = True, batch: int | str = "N") -> None:
        self.knows_shapes, self.batch = knows_shapes, batch
        self.own: list[Any] = []
        self.feeds: list[Any] = []
        self.folders: list[Sequence[Path]] = []

    def __call__(
        self, source: str, out: Path, feeds: Any, allow_code: bool, search_path: Sequence[Path] = ()
    ) -> ImportReport:
        self.folders.append(search_path)
        if not self.knows_shapes:
            self.own = feeds.own() if feeds else []
            if not self.own:
                raise ModelError("The input shapes are not known")
        save_proto(conv_relu_net(batch=self.batch), out)
        self.feeds = feeds.of(out) if feeds else []
        rows = sum(len(feed["input"]) for feed in self.feeds)
        return ImportReport("factory", 120.0, 1.0, rows, 18, self.batch == "N", "2.13.0")


@pytest.mark.parametrize(("batch", "per_feed", "feeds"), [("N", 1, IMPORT_SAMPLES), (4, 4, IMPORT_SAMPLES // 4)])
def test_an_import_is_checked_on_the_users_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int | str, per_feed: int, feeds: int
) -> None:
    fake = FakeImporter(batch=batch)
    monkeypatch.setattr(importers, "import_model", fake)
    arguments = {
        "source": "pkg:make",
        "out": str(tmp_path / "model.onnx"),
        "allow_code": True,
        "bundle": _arrays_bundle(tmp_path),
        "search_path": [str(tmp_path)],
    }
    report = HANDLERS["import_model"](None, arguments, _channel(tmp_path))
    assert fake.own == []
    assert [len(feed["input"]) for feed in fake.feeds] == [per_feed] * feeds
    assert report["samples"] == per_feed * feeds
    assert fake.folders[0] == [tmp_path]


def test_an_import_without_shapes_takes_those_of_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeImporter(knows_shapes=False)
    monkeypatch.setattr(importers, "import_model", fake)
    arguments = {"source": "m.pt", "out": str(tmp_path / "m.onnx"), "allow_code": True, "search_path": []}
    bundle = _arrays_bundle(tmp_path)
    report = HANDLERS["import_model"](None, {**arguments, "bundle": bundle}, _channel(tmp_path))
    assert report["samples"] == IMPORT_SAMPLES
    assert fake.own[0]["input"].shape == (1, 3, 16, 16)
    with pytest.raises(ModelError, match="not known"):
        HANDLERS["import_model"](None, {**arguments, "bundle": None}, _channel(tmp_path))


def test_an_image_is_an_input_of_the_declared_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    fake = FakeImporter(knows_shapes=False)
    monkeypatch.setattr(importers, "import_model", fake)
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 20), (255, 0, 0)).save(tmp_path / "images" / "red.png")
    spec = DataSpec("images", tmp_path / "images", "")
    (tmp_path / "index.json").write_text(json.dumps(scan(spec).to_json()))
    bundle = bundle_json(
        spec, tmp_path / "index.json", Preprocess(resize=(16, 16), mean=(0.0,) * 3, std=(1.0,) * 3), ()
    )
    arguments = {"source": "m.pt", "out": str(tmp_path / "m.onnx"), "allow_code": True, "search_path": []}
    HANDLERS["import_model"](None, {**arguments, "bundle": bundle}, _channel(tmp_path))
    (feed,) = fake.own
    assert feed["input"].shape == (1, 3, 16, 16)
    assert feed["input"].dtype == np.float32
    assert feed["input"][0, :, 0, 0].tolist() == [255.0, 0.0, 0.0]
