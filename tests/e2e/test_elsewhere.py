"""The whole way by the commands: run, bundle, run-bundle, import-result, and the sheet that has both machines."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from helpers import studies
from helpers.elsewhere import flipped, rewritten
from helpers.small_studies import complaint, run_command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("elsewhere")
    path = studies.write_study(root, studies.document([{"id": "ort_cpu", "name": "ORT"}]))
    assert run_command(["run", path, "-o", root / "run"]) == 0
    with contextlib.chdir(root):
        assert run_command(["bundle", "run", "--runtime", "ort_cpu", "-o", "job.zip"]) == 0
        assert run_command(["bundle", "run", "--runtime", "openvino", "-o", "openvino.zip"]) == 0
    return root


def test_there_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run-bundle", folder / "job.zip", "-o", folder / "result.zip"]) == 0
    assert run_command(["import-result", folder / "result.zip", folder / "run", "--name", "the other one"]) == 0
    assert "ORT (the other one) S1 int8: 24 answers" in capsys.readouterr().out
    result = json.loads((folder / "run/result.json").read_text())
    runs = {(run["label"], run["precision"]): run for run in result["runs"]}
    assert len(runs) == 6
    for precision in ("fp32", "int8"):
        here, there = runs["ORT", precision], runs["ORT (the other one)", precision]
        assert there["outputs_sha256"] == here["outputs_sha256"]
        assert there["sqnr_db"] == here["sqnr_db"]
    for name in ("sheet.html", "comparison.txt"):
        assert "ORT (the other one)" in (folder / "run" / name).read_text()


def test_another_runtime_than_the_study_had(folder: Path) -> None:
    assert run_command(["run-bundle", folder / "openvino.zip", "-o", folder / "openvino-result.zip"]) == 0
    assert run_command(["import-result", folder / "openvino-result.zip", folder / "run", "--name", "there"]) == 0
    runs = {run["label"]: run for run in json.loads((folder / "run/result.json").read_text())["runs"]}
    found = runs["OpenVINO (there)"]
    assert found["status"] == "ok"
    assert found["sqnr_db"] > 20
    assert found["int8_mac_share"] == 1.0


def test_one_changed_byte_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "inputs/0.npy"
    bad = rewritten(folder / "job.zip", folder / "bad.zip", lambda items: items.update({name: flipped(items[name])}))
    capsys.readouterr()
    assert run_command(["run-bundle", bad, "-o", folder / "no.zip"]) == 1
    assert f"{name} is not what its list says" in complaint(capsys.readouterr().err)
    assert not (folder / "no.zip").exists()
