"""probe on a test plugin: text, JSON, exit codes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from helpers.small_studies import complaint, run_command
from helpers.workers import PLUGINS

from workbench.cli.probe_command import probe_text
from workbench.execution import pattern_probe
from workbench.quant.probe_graphs import PATTERNS


@pytest.fixture(autouse=True)
def two_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test plugins are known; two patterns are enough to see what is printed."""
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(PLUGINS))
    short = partial(pattern_probe.probe_runtime, patterns=PATTERNS[:2])
    monkeypatch.setattr(pattern_probe, "probe_runtime", short)


def test_text_has_a_line_per_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["probe", "echo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "no pattern departs (2 patterns: 2 equal but not run in INT8)" in lines[0]
    assert [line.split("  ")[1] for line in lines[1:]] == ["Conv", "Conv 1x1"]


def test_json_tells_state_and_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["probe", "echo", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert (document["id"], document["ok"], document["first_departure"]) == ("echo", True, None)
    assert [item["pattern"] for item in document["patterns"]] == ["Conv", "Conv 1x1"]
    assert document["patterns"][0]["text"].startswith("equal but not run in INT8; Conv in fp32")


def test_a_runtime_that_cannot_be_used_has_exit_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["probe", "missing_library"]) == 4
    assert ": not usable: " in capsys.readouterr().out


def test_a_runtime_that_is_not_there_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["probe", "tvm"]) == 1
    assert "There is no runtime 'tvm'" in complaint(capsys.readouterr().err)


def test_a_finding_is_the_first_line() -> None:
    document = {
        "title": "OpenVINO",
        "versions": {"openvino": "1"},
        "ok": True,
        "summary": "Conv+Add: rounds once less",
        "patterns": [{"pattern": "Conv+Add", "text": "rounds once less"}],
    }
    assert probe_text(document) == "OpenVINO (openvino 1): Conv+Add: rounds once less\n  Conv+Add  rounds once less"
