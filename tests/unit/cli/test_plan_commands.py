"""calibrate, quantize and parity: what they refuse, what they print, which options exclude each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net
from helpers.recurrent import LSTM_STATE, lstm_alone, lstm_net, noisy_speech
from helpers.small_studies import complaint, run_command
from helpers.studies import document, write_study_file
from helpers.workers import PLUGINS

from workbench.cli import plan_commands
from workbench.cli.plan_commands import artifact_text, parity_text, plan_text
from workbench.execution.artifacts import Artifact
from workbench.execution.probing import RuntimeState
from workbench.quant.plan import load_plan

MISMATCH = {"kind": "weight", "name": "conv1_w", "field": "scale[3]", "planned": "0.5", "found": "0.25"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, samples, and the plan that calibrate made of them."""
    folder = tmp_path_factory.mktemp("plans")
    onnx.save(conv_relu_net(3), str(folder / "model.onnx"))
    samples = np.random.default_rng(2).standard_normal((8, 3, 16, 16)).astype(np.float32)
    np.savez(folder / "data.npz", input=samples)
    arguments = ["calibrate", folder / "model.onnx", "--data", folder / "data.npz", "--method", "minmax"]
    assert run_command([*arguments, "-o", folder / "new" / "plan.json"]) == 0
    return folder


def artifact(mismatches: list[dict[str, str]]) -> Artifact:
    record: dict[str, Any] = {
        "artifact_bytes": 12345,
        "artifact_sha256": "ab" * 32,
        "parity": {"checked": 7, "mismatches": mismatches},
    }
    return Artifact(Path("model.onnx"), record)


def test_calibrate_writes_a_plan_by_the_method_named(place: Path) -> None:
    plan = load_plan(place / "new" / "plan.json")
    assert (plan.calibration.method, plan.calibration.n) == ("minmax", 8)
    text = plan_text(plan)
    assert f"{len(plan.tensors)} tensors, {len(plan.weights)} weights" in text
    assert f"minmax on 8 samples, plan {plan.sha256[:12]}" in text


def test_s3_needs_no_samples(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["calibrate", place / "model.onnx", "--scheme", "S3", "-o", tmp_path / "plan.json"]) == 0
    plan = load_plan(tmp_path / "plan.json")
    assert (len(plan.tensors), len(plan.weights) > 0) == (0, True)
    assert "no samples needed" in capsys.readouterr().out


def test_a_recurrent_model_takes_its_state_from_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(lstm_net(), str(tmp_path / "net.onnx"))
    np.savez(tmp_path / "x.npz", frame=noisy_speech(2, 6, 8))
    data = {"kind": "arrays", "path": "x.npz"}
    content = document(model={"path": "net.onnx", "state": dict(LSTM_STATE)}, task={"kind": "divergence"})
    write_study_file(tmp_path / "study.toml", {**content, "data": {"calibration": data, "evaluation": data}})
    arguments = ["calibrate", tmp_path / "net.onnx", "--study", tmp_path / "study.toml"]
    assert run_command([*arguments, "-o", tmp_path / "plan.json"]) == 0
    assert load_plan(tmp_path / "plan.json").calibration.n == 12
    assert run_command([*arguments[:2], "--data", tmp_path / "x.npz", "-o", tmp_path / "other.json"]) == 1
    assert "lacks the input h, c" in capsys.readouterr().err


def test_a_plan_that_quantizes_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(lstm_alone(), str(tmp_path / "net.onnx"))
    feeds = {"frame": np.zeros((2, 1, 8)), "h": np.zeros((2, 1, 16)), "c": np.zeros((2, 1, 16))}
    np.savez(tmp_path / "x.npz", **{name: values.astype(np.float32) for name, values in feeds.items()})
    arguments = ["calibrate", tmp_path / "net.onnx", "--data", tmp_path / "x.npz", "-o", tmp_path / "plan.json"]
    assert run_command(arguments) == 0
    assert "nothing in this model is INT8 under S1" in capsys.readouterr().out


def test_an_artifact_says_whether_it_holds_the_plans_numbers() -> None:
    change = {"node": "conv1", "requested": "int8", "realised": "uint8", "reason": "kernels"}
    text = artifact_text(Path("out.onnx"), "Thing for x64", artifact([]), [change, {**change, "node": None}])
    assert text.splitlines() == [
        "out.onnx: 12,345 bytes for Thing for x64",
        "  same numbers as the plan: yes (7 checked)",
        f"  SHA-256 {'ab' * 32}",
        "  changed by the runtime: conv1: int8 -> uint8 (kernels)",
        "  changed by the runtime: int8 -> uint8 (kernels)",
    ]
    assert "NO, 1 differ (7 checked)" in artifact_text(Path("o"), "t", artifact([MISMATCH]), [])


def test_parity_names_every_mismatch() -> None:
    rows = [
        {"label": "a", "candidate": "S1", "checked": 7, "mismatches": []},
        {"label": "b", "candidate": "S1", "checked": 7, "mismatches": [MISMATCH]},
        {"label": "c", "candidate": "S1", "checked": 7, "mismatches": [], "declared": 2},
    ]
    assert parity_text(rows).splitlines() == [
        "a  S1  7 checked  same numbers: yes",
        "b  S1  7 checked  same numbers: NO, 1 differ",
        "c  S1  7 checked  same numbers: yes, but for 2 that a deviation declares",
        "  b: weight conv1_w scale[3]: planned 0.5, found 0.25",
    ]


def test_a_mismatch_in_a_study_gives_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.json").write_text("{}", encoding="utf-8")
    for mismatches, code in (([], 0), ([MISMATCH], 3)):
        row = {"label": "a", "candidate": "S1", "checked": 7, "mismatches": mismatches}
        monkeypatch.setattr(plan_commands, "parity_rows", lambda folder, row=row: [row])
        assert run_command(["parity", tmp_path]) == code
    assert "conv1_w" in capsys.readouterr().out


SOURCES: dict[str, tuple[list[str], str]] = {
    "calibrate without numbers": (["calibrate", "model.onnx", "-o", "p.json"], "calibrate needs numbers"),
    "quantize without numbers": (
        ["quantize", "model.onnx", "--runtime", "ort_cpu", "-o", "q.onnx"],
        "Give --plan plan.json, or calibration samples",
    ),
    "a plan and a scheme": (
        ["quantize", "model.onnx", "--plan", "new/plan.json", "--scheme", "S2", "--runtime", "ort_cpu", "-o", "q.onnx"],
        "A plan brings its own scheme",
    ),
    "an unknown runtime": (
        ["quantize", "model.onnx", "--plan", "new/plan.json", "--runtime", "ort_cup", "-o", "q.onnx"],
        "Did you mean 'ort_cpu'?",
    ),
    "a plan of another ending": (
        ["calibrate", "model.onnx", "--data", "data.npz", "-o", "plan.npz"],
        "does not end in .json",
    ),
    "a parity of nothing": (["parity", "nowhere"], "does not exist"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_what_cannot_work_is_refused_at_once(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(plan_commands, "_scratch", None)
    arguments, words = SOURCES[kind]
    assert run_command(arguments) == 1
    assert words in complaint(capsys.readouterr().err)


def test_sources_of_numbers_exclude_each_other(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    head = ["quantize", "model.onnx", "--runtime", "ort_cpu", "-o", "q.onnx", "--data", "data.npz"]
    assert run_command([*head, "--plan", "new/plan.json"]) == 2
    assert run_command([*head, "--study", "study.toml"]) == 2


def test_an_unusable_runtime_is_told_with_its_remedy(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = RuntimeState("ort_cpu", "Thing", ok=False, reason="No thing here.", remedy="Install thing.")
    monkeypatch.setattr(plan_commands, "probe", lambda manifest: missing)
    command = ["quantize", place / "model.onnx", "--plan", place / "new" / "plan.json", "--runtime", "ort_cpu"]
    assert run_command([*command, "-o", tmp_path / "q.onnx"]) == 1
    assert "cannot be used here: No thing here. Install thing." in complaint(capsys.readouterr().err)


def test_an_artifact_is_written_where_only_the_device_is_missing(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(PLUGINS))
    command = ["quantize", place / "model.onnx", "--plan", place / "new" / "plan.json", "--runtime", "no_device"]
    assert run_command([*command, "-o", tmp_path / "q.onnx"]) == 0
    assert "same numbers as the plan: yes" in capsys.readouterr().out
    assert (tmp_path / "q.onnx").is_file()
