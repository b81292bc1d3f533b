"""doctor, runtimes and inspect as a person reads them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import onnx
import pytest
from helpers.onnx_models import conv_relu_net, detection_head_net, encoder_like, half_precision
from helpers.recurrent import LSTM_STATE, lstm_net
from helpers.small_studies import run_command

from workbench.cli import setup_commands
from workbench.cli.setup_commands import inspect_document, inspect_text, runtime_text
from workbench.execution.probing import RuntimeState

REMEDY = "Install it: pip install thing"


def state(*, ok: bool) -> RuntimeState:
    return RuntimeState(
        id="thing",
        title="Thing",
        ok=ok,
        reason="" if ok else f"No thing here. {REMEDY}",
        remedy="" if ok else REMEDY,
        versions={"thing": "1.2"} if ok else {},
        devices=("CPU",) if ok else (),
        precisions=("fp32", "int8"),
        schemes=("S1",),
    )


def test_a_usable_runtime_shows_versions_devices_and_what_it_takes() -> None:
    text = runtime_text(state(ok=True))
    assert text.splitlines()[0] == "usable   thing  Thing"
    assert "thing 1.2" in text
    assert "precisions fp32, int8; schemes S1" in text


def test_a_missing_runtime_shows_its_remedy_once() -> None:
    text = runtime_text(state(ok=False))
    assert text.splitlines()[0] == "missing  thing  Thing"
    assert text.count(REMEDY) == 1
    assert "No thing here." in text


def test_doctor_names_the_extra_of_each_optional_part_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_commands, "probe_all", list)
    parts = [(module, *rest) for module, (_, *rest) in zip(("numpy", "no_such"), setup_commands.OPTIONAL, strict=True)]
    monkeypatch.setattr(setup_commands, "OPTIONAL", parts)
    assert run_command(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4] == "ok       torch (optional)       PyTorch models can be imported"
    assert lines[-3].startswith("absent   nvidia (optional)")
    assert re.search(r'-m pip install "nvidia-ml-py[^"]*"$', lines[-2])


def test_every_extra_that_the_doctor_names_is_one() -> None:
    root = Path(setup_commands.__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {extra for _, extra, *_ in setup_commands.OPTIONAL} <= set(project["optional-dependencies"])


def test_doctor_needs_packages_but_no_runtime(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_commands, "probe_all", lambda: [state(ok=False)])
    assert run_command(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "absent   runtime thing" in text
    assert text.count(REMEDY) == 1
    monkeypatch.setattr(setup_commands, "PARTS", ("numpy", "no-such-package"))
    assert run_command(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "MISSING  no-such-package" in text
    assert '-m pip install "no-such-package"' in text
    assert text.strip().endswith("ready without network: no")
    assert run_command(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ready_without_network"] is False


def test_runtimes_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(setup_commands, "probe_all", lambda: [state(ok=True)])
    assert run_command(["runtimes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "thing"


def test_inspect_tells_what_stays_float_and_why(tmp_path: Path) -> None:
    onnx.save(encoder_like(), str(tmp_path / "encoder.onnx"))
    document = inspect_document(tmp_path / "encoder.onnx")
    assert 0 < document["quantizable_mac_share"] <= 1
    assert all(value["reason"] for value in document["float_nodes"].values())
    text = inspect_text(document)
    assert "stays float under S1:" in text
    assert "LayerNormalization" in text


def test_inspect_tells_for_which_sizes_it_counts(tmp_path: Path) -> None:
    model = conv_relu_net()
    onnx.save(model, str(tmp_path / "fixed.onnx"))
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "width"
    onnx.save(model, str(tmp_path / "free.onnx"))
    fixed, free = (inspect_text(inspect_document(tmp_path / f"{name}.onnx")) for name in ("fixed", "free"))
    assert "multiply-accumulates per sample\n" in fixed
    assert "per sample with width at 1; a study takes its samples' sizes\n" in free


def test_inspect_promises_no_int8_that_a_plan_cannot_give(tmp_path: Path) -> None:
    onnx.save(half_precision(conv_relu_net()), str(tmp_path / "m.onnx"))
    document = inspect_document(tmp_path / "m.onnx")
    assert (document["quantized_nodes"], document["quantizable_mac_share"]) == (0, 0)
    reasons = {entry["reason"] for entry in document["float_nodes"].values()}
    assert "its weight is float16, not float32" in reasons


def test_inspect_proposes_tables_that_are_toml(tmp_path: Path) -> None:
    onnx.save(conv_relu_net(softmax=True), str(tmp_path / "net.onnx"))
    text = inspect_text(inspect_document(tmp_path / "net.onnx"))
    proposal = text.partition("proposed for the study file")[2].partition("\n")[2]
    tables = tomllib.loads(proposal)
    assert set(tables) == {"preprocess", "task"}
    assert "  mean = [127.5, 127.5, 127.5]\n" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_inspect_says_how_a_state_is_fed_back(tmp_path: Path) -> None:
    onnx.save(lstm_net(), str(tmp_path / "net.onnx"))
    note = inspect_document(tmp_path / "net.onnx")["proposed"]["notes"][-1]
    (line,) = [part for part in note.split(" in [model]")[0].split(": ") if part.startswith("state")]
    assert tomllib.loads(line) == {"state": LSTM_STATE}


def test_long_lists_of_float_nodes_are_grouped(tmp_path: Path) -> None:
    onnx.save(detection_head_net(), str(tmp_path / "net.onnx"))
    document = inspect_document(tmp_path / "net.onnx")
    document["float_nodes"] = {f"node{i}": {"op_type": "Slice", "reason": "late"} for i in range(9)}
    line = next(line for line in inspect_text(document).splitlines() if "Slice" in line and "late" in line)
    assert " ".join(line.split()) == "9 Slice late node0, node1, node2, node3, and 5 more"


def test_tool_chains_stand_under_their_own_heading(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"method": ["a", "b"], "deep": [False, True], "skipped": [], "share": 99.9}
    tool = RuntimeState("tool", "Tool", ok=True, versions={"tool": "1.0"}, kind="quantizer", options=options)
    monkeypatch.setattr(setup_commands, "probe_all", lambda: [state(ok=True), tool])
    assert run_command(["runtimes"]) == 0
    text = capsys.readouterr().out
    runtimes, _, tools = text.partition("native tool-chains")
    assert "usable   thing" in runtimes
    assert "usable   tool  Tool" in tools
    assert "precisions" not in tools
    for line in ("method = a | b", "deep = false | true", "skipped = [] (a list of names)", "share = 99.9"):
        assert f"option {line}" in tools
    assert run_command(["runtimes", "--json"]) == 0
    assert [item["kind"] for item in json.loads(capsys.readouterr().out)] == ["runtime", "quantizer"]
    assert run_command(["doctor"]) == 0
    assert "ok       tool-chain tool" in capsys.readouterr().out
