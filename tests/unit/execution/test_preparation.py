"""What stages depend on: files, graphs, labels, factories; and the plan's belonging to its model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net
from onnx import TensorProto, helper

from workbench.errors import DataError
from workbench.execution import preparation
from workbench.execution.preparation import (
    is_onnx,
    listing_sha256,
    overlap_of,
    prepare_data,
    prepare_model,
)
from workbench.execution.stages import Stages
from workbench.execution.study import load_study
from workbench.model.load import save_proto


def test_a_listing_changes_with_names_sizes_and_times(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    found = [listing_sha256(tmp_path)]
    (tmp_path / "a" / "1.png").rename(tmp_path / "b" / "1.png")  # another label; size, count and times stay
    found.append(listing_sha256(tmp_path))
    (tmp_path / "b" / "1.png").write_bytes(b"123")
    os.utime(tmp_path / "b" / "1.png", ns=(10**18, 10**18))
    found.append(listing_sha256(tmp_path))
    os.utime(tmp_path / "b" / "1.png", ns=(10**18, 2 * 10**18))
    found.append(listing_sha256(tmp_path))
    (tmp_path / "b" / "1.png").write_bytes(b"321")
    os.utime(tmp_path / "b" / "1.png", ns=(10**18, 2 * 10**18))
    found.append(listing_sha256(tmp_path))
    assert len(set(found)) == 5
    assert listing_sha256(tmp_path) == found[-1]
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert listing_sha256(tmp_path) == found[-1]


def test_data_are_scanned_again_when_their_labels_change(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "images" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    table = tmp_path / "labels.csv"
    content = studies.document()
    content["data"]["evaluation"] = {"kind": "images", "path": "images", "labels": "labels.csv"}
    study = load_study(studies.write_study(tmp_path, content))
    stages, events = studies.stages(tmp_path / "run")
    seen = []
    names = ("0.png", "1.png", "2.png", "broken.png")
    for labels in ([0, 1, 2, 0], None, [2, 1, 0, 0]):
        if labels:
            table.write_text("file,label\n" + "".join(f"{n},{v}\n" for n, v in zip(names, labels, strict=True)))
            os.utime(table, ns=(10**18, 10**18))  # as archives do that give every file the same time
        found = prepare_data(stages, study, "evaluation")
        assert found is not None
        seen.append(dict(zip(found.index.files, found.index.labels or (), strict=True)))
    assert seen == [{"0.png": 0, "1.png": 1, "2.png": 2}] * 2 + [{"0.png": 2, "1.png": 1, "2.png": 0}]
    assert [event["state"] for event in events if event["event"] == "stage"] == [
        "start",
        "done",
        "kept",
        "start",
        "done",
    ]
    assert [file for file, _ in found.index.undecodable] == ["broken.png"]


def test_pixels_lie_beside_the_list_and_are_made_again_when_damaged_or_of_another_fit(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.new("RGB", (9 + number, 9), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    content = studies.document()
    content["data"]["evaluation"] = {"kind": "images", "path": "images", "labels": ""}
    stages, events = studies.stages(tmp_path / "run")

    def prepared(**preprocess: Any) -> Path | None:
        study = load_study(studies.write_study(tmp_path, {**content, "preprocess": preprocess}))
        found = prepare_data(stages, study, "evaluation")
        assert found is not None
        kept = found.bundle(study, ())["pixels"]
        return Path(kept) if kept else None

    pixels = prepared(resize=[8, 8])
    assert pixels is not None
    assert prepared(resize=[8, 8], mean=[127.5]) == pixels
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[:-1])
    assert prepared(resize=[8, 8]) == pixels
    assert pixels.read_bytes() == whole
    assert prepared(resize=[7, 8]) == pixels
    assert len(pixels.read_bytes()) < len(whole)
    assert prepared() is None
    states = [event["state"] for event in events if event["event"] == "stage"]
    assert states == ["start", "done", "kept", *["start", "done"] * 3]


def test_data_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    study = load_study(studies.write_study(tmp_path))
    (tmp_path / "evaluation.npz").unlink()
    stages, _ = studies.stages(tmp_path / "run")
    with pytest.raises(DataError, match=r"evaluation\.npz"):
        prepare_data(stages, study, "evaluation")


def test_graphs_follow_the_compared_outputs(tmp_path: Path) -> None:
    proto = conv_relu_net(softmax=True)
    hashes = {}
    for compare in ("logits", "outputs"):
        content = studies.document(task={"kind": "classification", "compare": compare})
        study = load_study(studies.write_study(tmp_path, content, proto))
        stages, _ = studies.stages(tmp_path / "run")
        model = prepare_model(stages, study, study.candidates[0].source, False, None)
        hashes[compare] = (model.sha256, tuple(model.graphs_sha256), tuple(model.compared))
    (sha_a, graphs_a, names_a), (sha_b, graphs_b, names_b) = hashes.values()
    assert sha_a == sha_b
    assert graphs_a != graphs_b
    assert (names_a, names_b) == (("logits",), ("probabilities",))


def test_overlap_needs_two_sets(tmp_path: Path) -> None:
    study = load_study(studies.write_study(tmp_path))
    stages, _ = studies.stages(tmp_path / "run")
    evaluation = prepare_data(stages, study, "evaluation")
    assert evaluation is not None
    assert overlap_of(None, evaluation) is None
    assert overlap_of(evaluation, evaluation) == studies.N


def test_sources_by_their_name() -> None:
    assert is_onnx("Model.ONNX")
    assert not is_onnx("model.pt2")
    assert not is_onnx("package.module:onnx")


def test_a_factory_is_imported_again_when_its_package_changes(tmp_path: Path) -> None:
    package = tmp_path / "my_models_of_test"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('this code must not run')\n")
    (package / "net.py").write_text("width = 1\n")
    found = [preparation._factory_signature("my_models_of_test.net:make", [tmp_path])]
    (package / "net.py").write_text("width = 12\n")
    found.append(preparation._factory_signature("my_models_of_test.net:make", [tmp_path]))
    found.append(preparation._factory_signature("my_models_of_test.net:other", [tmp_path]))
    found.append(preparation._factory_signature("absent_package_of_test:make", [tmp_path]))
    assert len(set(found)) == 4


def test_an_import_is_done_again_with_other_libraries_samples_or_preprocessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def imported(stages: Stages, kind: str, arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
        save_proto(conv_relu_net(), Path(arguments["out"]))
        return dict.fromkeys(("kind", "torch_version", "samples"), "x") | {"sqnr_db": None, "agreement": 1, "notes": []}

    def state(**preprocess: Any) -> str:
        study = load_study(studies.write_study(tmp_path, studies.document(preprocess=preprocess)))
        samples = prepare_data(stages, study, "calibration") if data else None
        with monkeypatch.context() as patch:
            patch.setattr(Stages, "core_job", imported)
            prepare_model(stages, study, str(tmp_path / "net.pt"), True, samples)
        return studies.states(events, "Import")[-1]

    (tmp_path / "net.pt").write_bytes(b"1")
    stages, events = studies.stages(tmp_path / "run")
    data = False
    assert [state(), state()] == ["done", "kept"]
    data = True
    assert [state(), state()] == ["done", "kept"]
    assert [state(mean=[1.0], std=[2.0]), state(mean=[1.0], std=[2.0])] == ["done", "kept"]
    monkeypatch.setattr(preparation, "library_versions", lambda names: dict.fromkeys(names, "99.0"))
    assert state(mean=[1.0], std=[2.0]) == "done"


def test_the_import_report_becomes_facts_of_the_model() -> None:
    report = {
        "kind": "TorchScript",
        "torch_version": "2.13.0",
        "sqnr_db": 123.456,
        "agreement": 0.998,
        "samples": 16,
        "notes": ["Compared with torch on the given data."],
    }
    facts = preparation._import_facts(report, ["opset raised"])
    assert facts["format"] == "TorchScript as ONNX"
    assert facts["notes"] == [
        "imported from TorchScript with torch 2.13.0: SQNR 123.5 dB against torch, 99.8 % equal answers on 16 samples",
        "Compared with torch on the given data.",
        "opset raised",
    ]
    same = preparation._import_facts({**report, "sqnr_db": None, "agreement": None}, [])
    assert same["notes"][0].endswith("equal to torch bit for bit on 16 samples")
    assert preparation._import_facts({}, ["opset raised"]) == {}


def test_inputs_without_axes_become_constants_with_the_value_of_all_samples(tmp_path: Path) -> None:
    study = load_study(studies.write_study(tmp_path))
    model = conv_relu_net()
    model.graph.input.append(helper.make_tensor_value_info("gain", TensorProto.FLOAT, []))
    model.graph.node.append(helper.make_node("Mul", ["logits", "gain"], ["loud"], name="loud_node"))
    model.graph.output[0].name = "loud"
    save_proto(model, tmp_path / "gained.onnx")
    for part in ("calibration", "evaluation"):
        with np.load(tmp_path / f"{part}.npz") as arrays:
            np.savez(tmp_path / f"{part}.npz", **arrays, gain=np.full(studies.N, 2.0, np.float32))
    bound, scalars = preparation.load_for(study, tmp_path / "gained.onnx")
    assert (scalars, [spec.name for spec in bound.inputs]) == ({"gain": 2.0}, ["input"])
    stages, _ = studies.stages(tmp_path / "run")
    prepared = prepare_model(stages, study, str(tmp_path / "gained.onnx"), False, None)
    assert [spec.name for spec in prepared.inputs] == ["input"]
    assert prepared.facts["notes"][-1] == "Input gain is 2.0 in all samples: it is a constant here."
    np.savez(tmp_path / "evaluation.npz", gain=np.full(studies.N, 3.0, np.float32))
    with pytest.raises(DataError, match="the input gain has 2 values"):
        preparation.load_for(study, tmp_path / "gained.onnx")
    for part in ("calibration", "evaluation"):
        (tmp_path / f"{part}.npz").unlink()
    assert preparation.load_for(study, tmp_path / "gained.onnx")[1] == {}
