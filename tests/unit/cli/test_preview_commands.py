"""scan and explain: what the data are, what runtimes would do; nothing runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.onnx_models import conv_relu_net, half_precision
from helpers.studies import document, write_study
from PIL import Image

from workbench.cli import main
from workbench.cli.preview_commands import explain_document, scan_document
from workbench.execution.study import load_study, study_from_document


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for label, colour in (("cat", 10), ("cat", 20), ("dog", 30)):
        (tmp_path / "eval" / label).mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), colour).save(tmp_path / "eval" / label / f"{colour}.png")
    (tmp_path / "calib").mkdir()
    Image.new("L", (8, 8), 10).save(tmp_path / "calib" / "same.png")
    (tmp_path / "calib" / "broken.png").write_bytes(b"no picture")
    return tmp_path


def study_of(folder: Path):
    values = {
        "schema_version": 1,
        "model": {"path": "m.onnx"},
        "data": {"evaluation": {"path": "eval"}, "calibration": {"path": "calib", "labels": ""}},
    }
    return study_from_document(values, folder, "s.toml")


def test_scan_finds_classes_overlap_and_what_is_broken(images: Path) -> None:
    found = scan_document(study_of(images))
    assert found["parts"]["evaluation"]["classes"] == [["cat", 2], ["dog", 1]]
    assert found["parts"]["calibration"]["classes"] is None
    assert found["parts"]["calibration"]["undecodable"][0][0] == "broken.png"
    assert found["overlap"] == 1
    json.dumps(found, allow_nan=False)


def test_one_part_that_fails_does_not_hide_the_other(images: Path) -> None:
    (images / "calib" / "same.png").unlink()
    (images / "calib" / "broken.png").unlink()
    found = scan_document(study_of(images))
    assert found["parts"]["calibration"]["error"]
    assert found["parts"]["evaluation"]["n"] == 3
    assert found["overlap"] is None


def test_scan_prints_for_people_and_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path)
    assert main(["scan", str(path)]) == 0
    assert "samples" in capsys.readouterr().out
    assert main(["scan", str(path), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["parts"]) == {"calibration", "evaluation"}


def test_explain_names_changes_per_runtime(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, document(({"id": "ort_cpu"}, {"id": "openvino"})))
    found = explain_document(load_study(path))["candidates"][0]
    assert [row["id"] for row in found["rows"]] == ["ort_cpu", "openvino"]
    assert found["quantized_nodes"] > 0
    assert 0 < found["mac_share"] <= 1
    assert {name for name, _, _ in found["float_nodes"]} <= {name for name, _ in found["nodes"]}
    assert main(["explain", str(path)]) == 0
    assert "INT8:" in capsys.readouterr().out


def test_explain_promises_no_int8_that_a_plan_cannot_give(tmp_path: Path) -> None:
    path = write_study(tmp_path, document([{"id": "ort_cpu"}]), half_precision(conv_relu_net()))
    (found,) = explain_document(load_study(path))["candidates"]
    assert (found["quantized_nodes"], found["mac_share"]) == (0, 0)
    assert "its weight is float16, not float32" in {reason for _, _, reason in found["float_nodes"]}


def test_explain_says_a_candidates_mistake_and_goes_on(tmp_path: Path) -> None:
    content = document(({"id": "ort_cpu"},))
    content["candidates"] = [
        {"name": "bad", "scheme": {"name": "S1", "exclude_nodes": ["no_such_node"]}},
        {"name": "good", "scheme": {"name": "S3"}},
    ]
    bad, good = explain_document(load_study(write_study(tmp_path, content)))["candidates"]
    assert "no_such_node" in bad["error"]
    assert "error" not in good


def test_explain_asks_every_runtime_where_the_study_names_none(tmp_path: Path) -> None:
    path = write_study(tmp_path, document(()))
    rows = explain_document(load_study(path))["candidates"][0]["rows"]
    assert {"ort_cpu", "openvino"} <= {row["id"] for row in rows}


def test_a_model_that_cannot_be_explained_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, document([{"id": "ort_cpu"}]))
    (tmp_path / "net.onnx").write_bytes(b"no model")
    assert main(["explain", str(path)]) == 1
    assert "net.onnx" in capsys.readouterr().out
    assert main(["explain", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["candidates"][0]["error"]


def test_scan_says_values_that_are_not_finite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(b"not read by a scan")
    np.savez(tmp_path / "x.npz", input=np.array([[1.0, np.nan], [np.inf, 2.0]], np.float32))
    (tmp_path / "s.toml").write_text(
        'schema_version = 1\n[model]\npath = "m.onnx"\n[data.evaluation]\nkind = "arrays"\npath = "x.npz"\n'
    )
    assert main(["scan", str(tmp_path / "s.toml")]) == 0
    assert "2 values are NaN or infinite" in capsys.readouterr().out
