"""Ours and native tool-chains on both CPU runtimes, command line to sheet: what a tool-chain alone changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.small_studies import SHAPE, STUDY, run_command, write_workplace
from onnx import numpy_helper

from workbench.execution.load_result import load_result
from workbench.execution.result import Result
from workbench.execution.store import Store
from workbench.report.sheet import Sheet, load_sheet

MINMAX = "ONNX Runtime quantize_static, MinMax"
PERCENTILE = "ONNX Runtime quantize_static, Percentile, per_channel"
NNCF = "OpenVINO NNCF quantize, performance"
TABLES = """
[[candidates]]
name = "S1"
[[candidates]]
name = "ort_quantize_static"
native = "ort_quantize_static"
[[candidates]]
name = "wide"
native = "ort_quantize_static"
native_options = {calibrate_method = "Percentile", per_channel = true}
[[candidates]]
name = "nncf"
native = "nncf"
[[runtimes]]
id = "openvino"
name = "openvino"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study: one scheme of ours and three native candidates, ONNX Runtime and OpenVINO."""
    folder = write_workplace(tmp_path_factory.mktemp("native"), n=32)
    (folder / "study.toml").write_text(STUDY + TABLES, encoding="utf-8")
    command = [sys.executable, "-m", "workbench", "run", "study.toml", "-o", "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if has_nncf() else 4), done.stderr
    (folder / "console.txt").write_text(done.stdout, encoding="utf-8")
    return folder


def has_nncf() -> bool:
    from workbench_plugins.nncf.quantizer import QUANTIZER

    return QUANTIZER.probe().ok


@pytest.fixture
def result(place: Path) -> Result:
    return load_result(place / "run" / "result.json")


@pytest.fixture
def sheet(place: Path) -> Sheet:
    return load_sheet(place / "run" / "sheet.json")


def runs_of(result: Result) -> dict[tuple[str, str], Any]:
    return {(run.label, run.candidate): run for run in result.runs if run.precision == "int8"}


def test_every_row_carries_its_tool_chain(result: Result) -> None:
    assert [item.name for item in result.candidates] == ["S1", MINMAX, f"wide ({PERCENTILE})", f"{NNCF}"]
    for candidate in result.candidates[1:3]:
        assert candidate.native is not None
        assert candidate.scheme_title == f"native tool-chain: {candidate.native.title}"
        assert candidate.plan_sha256 is None
    statuses = {key: run.status for key, run in runs_of(result).items()}
    assert statuses.pop(("ort_cpu", NNCF)) == "not_available"
    nncf = statuses.pop(("openvino", NNCF))
    assert nncf == ("ok" if has_nncf() else "not_available")
    assert set(statuses.values()) == {"ok"}


def test_the_samples_are_the_ones_of_ours(result: Result) -> None:
    ours, *native = result.candidates
    assert ours.calibration is not None
    for candidate in native:
        if candidate.calibration:
            assert candidate.calibration["sha256"] == ours.calibration["sha256"]
            assert candidate.calibration["n"] == ours.calibration["n"] == 32


def test_the_file_is_what_the_function_writes_when_called_by_hand(place: Path, tmp_path: Path) -> None:
    """The program adds nothing: the same scales as from a loop over the same samples, as a user would write it."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    index = json.loads((place / "run" / "data" / "calibration" / "index.json").read_text(encoding="utf-8"))
    rows = np.load(place / "calibration.npz")["input"][index["rows"]]
    assert rows.shape == (32, *SHAPE)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds = iter({"input": row[None]} for row in rows)

        def get_next(self) -> Any:
            return next(self.feeds, None)

    (model,) = (place / "run" / "models").glob("*/fp32.onnx")
    quant_pre_process(model, tmp_path / "pre.onnx")
    quantize_static(tmp_path / "pre.onnx", tmp_path / "by_hand.onnx", Reader())
    made = next((Store(place / "run").folder("native", MINMAX) / "artifact").glob("*.onnx"))
    assert constants(made) == constants(tmp_path / "by_hand.onnx")


def constants(path: Path) -> dict[str, bytes]:
    return {item.name: numpy_helper.to_array(item).tobytes() for item in onnx.load(path).graph.initializer}


def test_coverage_is_read_from_what_the_runtime_built(result: Result) -> None:
    for (_, name), run in runs_of(result).items():
        if run.status == "ok":
            assert run.int8_mac_share is not None, name
            assert run.placement, name
    assert runs_of(result)["openvino", MINMAX].int8_mac_share > 0.9


def test_what_the_tool_chain_alone_changes_is_said_everywhere(place: Path, result: Result, sheet: Sheet) -> None:
    pairs = {(item.label, item.candidate) for item in result.exchanges}
    assert {("ort_cpu", MINMAX), ("openvino", MINMAX)} <= pairs
    assert {item.instead_of for item in result.exchanges} == {"S1"}
    line = next(note for note in sheet.notes if note.startswith(f"ort_cpu: {MINMAX} instead of S1 changes"))
    console = " ".join((place / "console.txt").read_text(encoding="utf-8").split())
    assert line in console
    assert MINMAX in console
    assert "what differs: the runtime, the tool-chain" in sheet.title


def test_the_sheet_says_that_parity_does_not_apply(sheet: Sheet) -> None:
    run = next(run for run in sheet.runs if (run.label, run.candidate, run.precision) == ("ort_cpu", MINMAX, "int8"))
    assert run.fields["parity"] == {
        "not_applicable": f"{MINMAX} chose the numbers itself, there is no plan to compare with"
    }
    assert run.fields["realised"][0] == f"native tool-chain: {MINMAX}"
    part = next(part for part in sheet.candidates if part.name == MINMAX)
    assert part.fields["scheme.requested"] == f"native tool-chain: {MINMAX}"
    assert "int8, symmetric, per tensor" in part.fields["scheme.tensors"]
    missing = [line for line in sheet.not_disclosed if "tool-chain" in line or MINMAX in line]
    assert missing == []


def test_a_runtime_that_cannot_read_it_has_one_reason(result: Result, sheet: Sheet) -> None:
    if not has_nncf():
        pytest.skip("nncf is not installed")
    reason = f"{NNCF} writes OpenVINO IR, ONNX Runtime CPU reads ONNX with Q/DQ nodes"
    assert runs_of(result)["ort_cpu", NNCF].problem.message == reason
    sentence = next(item for item in sheet.sentences if (item.label, item.candidate) == ("ort_cpu", NNCF))
    assert (sentence.word, sentence.detail) == ("not measured", f"{reason}.")


def test_parity_and_export_know_native_rows(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parity", place / "run", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["candidate"] for row in rows} == {"S1"}
    assert run_command(["export", place / "run", "-o", place / "handed"]) == 0
    exported = [folder for folder in (place / "handed").iterdir() if "quantize_static-MinMax" in folder.name]
    assert len(exported) == 2
    assert all((folder / "model.onnx").is_file() for folder in exported)


def test_a_second_run_keeps_all_of_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_command(["run", place / "study.toml", "-o", place / "run"])
    err = capsys.readouterr().err
    assert f"= Quantize {MINMAX} (kept)" in err
    done = [line for line in err.splitlines() if line.startswith("+ ")]
    assert [line for line in done if not line.startswith("+ Evaluate")] == []
