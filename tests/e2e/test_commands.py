"""Every command of the main job by its exit code and its output, on a small model and both runtimes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from helpers.small_studies import STUDY, complaint, run_command, write_workplace

BOTH = STUDY + '[[runtimes]]\nid = "openvino"\nname = "ov"\n'
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workplace with a finished study of both runtimes in result/, and plan.json made apart from it."""
    folder = write_workplace(tmp_path_factory.mktemp("commands") / "place")
    (folder / "study.toml").write_text(BOTH, encoding="utf-8")
    assert run_command(["run", folder / "study.toml", "-o", folder / "result"]) == 0
    assert run_command(["calibrate", folder / "model.onnx", *data(folder), "-o", folder / "plan.json"]) == 0
    return folder


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished workplace that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "place"))


def data(folder: Path) -> list[object]:
    return ["--data", folder / "calibration.npz"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def in_process(folder: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def printed_json(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    capsys.readouterr()
    assert run_command(arguments) == code
    return json.loads(capsys.readouterr().out)


def test_calibrate_gives_the_plan_of_the_study(finished: Path) -> None:
    alone, of_study = read(finished / "plan.json"), read(finished / "result" / "plans" / "S1" / "plan.json")
    assert alone["model"] == of_study["model"]
    assert alone["tensors"] == of_study["tensors"]
    assert alone["weights"] == of_study["weights"]
    assert alone["biases"] == of_study["biases"]
    assert alone["calibration"]["n"] == 24
    assert sha256(finished / "plan.npz") == sha256(finished / "result" / "plans" / "S1" / "plan.npz")


@pytest.mark.parametrize("runtime", ["ort_cpu", "openvino"])
def test_a_plan_lowers_to_the_same_bytes_elsewhere(finished: Path, tmp_path: Path, runtime: str) -> None:
    hashes = set()
    for number, seed in enumerate(("1", "2")):
        folder = tmp_path / f"folder {number}"
        folder.mkdir()
        for name in ("model.onnx", "plan.json", "plan.npz"):
            shutil.copy(finished / name, folder / name)
        done = in_process(
            folder,
            *("quantize", "model.onnx", "--plan", "plan.json", "--runtime", runtime, "-o", "quantized.onnx"),
            PYTHONHASHSEED=seed,
        )
        assert done.returncode == 0, done.stderr
        assert "same numbers as the plan: yes" in done.stdout
        hashes.add(sha256(folder / "quantized.onnx"))
        assert sha256(folder / "quantized.onnx") in done.stdout
    assert len(hashes) == 1
    study = read(finished / "result" / "result.json")
    artifacts = {run["runtime"]: run["artifact_sha256"] for run in study["runs"] if run["precision"] == "int8"}
    assert hashes == {artifacts[runtime]}


def test_the_model_file_loads_and_quantizes(finished: Path, tmp_path: Path) -> None:
    target, plan_out = tmp_path / "new" / "quantized.onnx", tmp_path / "new" / "plan.json"
    code = run_command(
        [
            *("quantize", finished / "model.onnx", *data(finished), "--runtime", "ort_cpu"),
            *("-o", target, "--plan-out", plan_out),
        ]
    )
    assert code == 0
    assert read(plan_out) == read(finished / "plan.json")
    samples = np.load(finished / "evaluation.npz")["input"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    outputs = [
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(
            None, {"input": samples}
        )
        for path in (finished / "model.onnx", target)
    ]
    error = outputs[0][0] - outputs[1][0]
    assert 0 < float(np.square(error).sum()) < 0.01 * float(np.square(outputs[0][0]).sum())


def test_quantize_names_what_the_runtime_changes(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["quantize", finished / "model.onnx", "--plan", finished / "plan.json", "--runtime", "ort_cpu"]
    assert run_command([*command, "-o", tmp_path / "q.onnx"]) == 0
    assert "changed by the runtime: int8 activations" in capsys.readouterr().out
    assert run_command([*command, "-o", tmp_path / "q.bin"]) == 1
    assert "ends in .onnx" in complaint(capsys.readouterr().err)
    assert not (tmp_path / "q.bin").exists()
    command[-1] = "openvino"
    assert run_command([*command, "--target", "wasm", "-o", tmp_path / "w.onnx"]) == 1
    assert "prepares for x64" in complaint(capsys.readouterr().err)


def test_parity_of_a_study_and_of_a_changed_plan(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed_json(capsys, "parity", place / "result", "--json")
    assert [(row["label"], row["mismatches"]) for row in rows] == [("ort_cpu", []), ("ov", [])]
    assert all(row["checked"] > 5 for row in rows)
    assert run_command(["parity", place / "result"]) == 0
    assert capsys.readouterr().out.count("same numbers: yes") == 2
    plan = read(place / "result" / "plans" / "S1" / "plan.json")
    name = next(iter(plan["tensors"]))
    plan["tensors"][name]["scale"] *= 2
    (place / "result" / "plans" / "S1" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    code = run_command(["parity", place / "result"])
    shown = capsys.readouterr()
    assert code in (1, 3), shown.err
    assert code == 1 or name in shown.out


def test_a_sheet_in_every_format(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["sheet", finished / "result", "-f", "html,pdf,json,md,csv", "-o", tmp_path / "out"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    starts = {"html": b"<!doctype html", "pdf": b"%PDF-", "json": b"{", "md": b"model, INT8 S1", "csv": b""}
    for name, start in starts.items():
        content = (tmp_path / "out" / f"sheet.{name}").read_bytes()
        assert content.lower().startswith(start.lower()), name
        assert len(content) > 1000
    from_sheet = tmp_path / "again.md"
    assert run_command(["sheet", tmp_path / "out" / "sheet.json", "-f", "md", "-o", from_sheet]) == 0
    assert from_sheet.read_bytes() == (tmp_path / "out" / "sheet.md").read_bytes()
    assert str(finished) not in (tmp_path / "out" / "sheet.json").read_text(encoding="utf-8")


def test_a_sheet_does_not_land_under_another_formats_name(finished: Path, tmp_path: Path) -> None:
    assert run_command(["sheet", finished / "result", "-f", "md", "-o", tmp_path / "sheet.html"]) == 1
    assert run_command(["sheet", finished / "result", "-f", "docx", "-o", tmp_path / "out"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_check_finds_an_edited_sheet(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "result" / "sheet.json"
    report = printed_json(capsys, "check", path, "--json", code=3 if read(path)["not_disclosed"] else 0)
    assert report["hash_matches"] is True
    sheet = read(path)
    sheet["runs"][0]["fields"]["n"] = 4000
    path.write_text(json.dumps(sheet), encoding="utf-8")
    assert printed_json(capsys, "check", path, "--json", code=3)["hash_matches"] is False
    assert run_command(["check", path]) == 3
    assert "it was edited" in capsys.readouterr().out


def test_check_verifies_a_pasted_line(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = finished / "result" / "sheet.json"
    sheet = read(path)
    line = f"{sheet['headline']} [sheet {sheet['sheet_sha256'][:12]}]"
    assert run_command(["check", path, "--line", line]) == 0
    assert printed_json(capsys, "check", path, "--line", line, "--json")["words_match"] is True
    assert run_command(["check", path, "--line", line.replace("INT8", "INT4")]) == 3
    assert run_command(["check", path, "--line", line[:-14] + "000000000000]"]) == 3
    assert run_command(["check", path, "--line", ""]) == 3


def test_check_lists_what_a_claim_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "claim.toml").write_text('name = "vendor"\n[model]\nname = "their net"\n', encoding="utf-8")
    report = printed_json(capsys, "check", tmp_path / "claim.toml", "--json", code=3)
    assert report["kind"] == "claim"
    assert not any("(model.name)" in entry for entry in report["missing"])
    assert any("(model.sha256)" in entry for entry in report["missing"])


def test_compare_two_schemes_and_refuse_other_data(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = STUDY.replace("[measure]", '[scheme]\nname = "S3"\n[measure]').replace(
        'id = "ort_cpu"', 'id = "ort_cpu"\nprecisions = ["int8"]'
    )
    (place / "other.toml").write_text(text, encoding="utf-8")
    assert run_command(["run", place / "other.toml", "-o", place / "other"]) == 0
    sheets = [place / name / "sheet.json" for name in ("result", "other")]
    assert "the scheme" in printed_json(capsys, "compare", *sheets, "--json")["title"]
    assert run_command(["compare", *sheets]) == 0
    assert "what differs" in capsys.readouterr().out
    result = read(place / "other" / "result.json")
    result["data"]["evaluation"]["sha256"] = "0" * 64
    (place / "other" / "result.json").write_text(json.dumps(result), encoding="utf-8")
    assert run_command(["compare", sheets[0], place / "other"]) == 1
    assert "evaluation set differs" in complaint(capsys.readouterr().err)
    assert run_command(["compare", sheets[0]]) == 1


def test_json_of_every_command_parses(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = printed_json(capsys, "run", finished / "study.toml", "-o", finished / "result", "--json")
    assert {run["precision"] for run in result["runs"]} == {"fp32", "int8", "simulated", "reference"}
    model = printed_json(capsys, "inspect", finished / "model.onnx", "--json")
    assert model["op_counts"]["Conv"] == 2
    doctor = printed_json(capsys, "doctor", "--json")
    assert doctor["ready_without_network"] is True
    runtimes = printed_json(capsys, "runtimes", "--json")
    assert {"ort_cpu", "openvino"} <= {state["id"] for state in runtimes if state["ok"]}


def test_a_finished_study_is_kept_on_a_second_run(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", finished / "study.toml", "-o", finished / "result"]) == 0
    shown = capsys.readouterr()
    started = [line for line in shown.err.splitlines() if line.startswith("- ")]
    assert started == ["- Evaluate"]
    assert shown.out.endswith("Exit code 0: no gates set.\n")
    assert "Look at this first" not in shown.out or "FP32 reference" in shown.out


@pytest.mark.parametrize(
    ("gates", "code", "words"),
    [
        ("min_sqnr_db = 3.0", 0, "all 2 gates passed"),
        ("min_sqnr_db = 300.0", 3, "2 of 2 gates failed: ort_cpu S1 min_sqnr_db"),
        ("max_accuracy_drop_points = 0.1", 4, "cannot tell for 2 of 2 gates: ort_cpu S1 max_accuracy_drop_points"),
    ],
)
def test_gates_decide_the_exit_code(
    place: Path, capsys: pytest.CaptureFixture[str], gates: str, code: int, words: str
) -> None:
    (place / "study.toml").write_text(f"{BOTH}[gates]\n{gates}\n", encoding="utf-8")
    junit = place / "reports" / "junit.xml"
    found = run_command(["run", place / "study.toml", "-o", place / "result", "--junit", junit])
    last = capsys.readouterr().out.splitlines()[-1]
    assert (found, last.startswith(f"Exit code {code}: ")) == (code, True), last
    assert words in last
    assert b"<testsuite" in junit.read_bytes()


def test_a_crashed_runtime_gives_exit_code_4_unless_not_required(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(PLUGINS))
    row = '[[runtimes]]\nid = "crash"\nname = "crash"\nprecisions = ["fp32"]\n'
    (place / "study.toml").write_text(STUDY + row, encoding="utf-8")
    assert run_command(["run", place / "study.toml", "-o", place / "result"]) == 4
    shown = capsys.readouterr().out
    assert "Did not run:\n  crash S1 fp32: " in shown
    assert "SIGSEGV" in shown
    assert shown.splitlines()[-1].startswith("Exit code 4: required and did not run: crash fp32 (crashed)")
    statuses = {run["label"]: run["status"] for run in read(place / "result" / "result.json")["runs"]}
    assert (statuses["crash"], statuses["ort_cpu"]) == ("crashed", "ok")
    (place / "study.toml").write_text(STUDY + row + "required = false\n", encoding="utf-8")
    assert run_command(["run", place / "study.toml", "-o", place / "result"]) == 0


def test_usage_errors_give_2_and_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["rnu"], ["run"], ["quantize", "m.onnx", "--data", "a", "--plan", "b", "--runtime", "c"]):
        assert run_command(arguments) == 2
    assert "Did you mean run?" in capsys.readouterr().err


def test_interrupt_ends_soon_keeps_what_is_finished_and_resumes(place: Path) -> None:
    (place / "study.toml").write_text(STUDY, encoding="utf-8")
    command = [sys.executable, "-m", "workbench", "run", "study.toml", "-o", "interrupted", "--profile", "standard"]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("- Run"):
            break
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    rest = process.communicate(timeout=60)[1]
    assert time.monotonic() - start < 20
    assert process.returncode == 130
    assert "the same command resumes" in rest
    assert "Traceback" not in rest
    again = in_process(place, "run", "study.toml", "-o", "interrupted", "--profile", "none")
    assert again.returncode == 0, again.stderr
    assert "= Plan S1 (kept)" in again.stderr
