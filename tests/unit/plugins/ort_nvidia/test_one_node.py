"""The one-node program tells what ONNX Runtime really gave, CPU sessions in disguise included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from workbench_plugins.ort_nvidia import one_node
from workbench_plugins.ort_nvidia.one_node import one_conv, run_one_node


def test_the_model_is_valid_and_doubles() -> None:
    onnx.checker.check_model(onnx.load_from_string(one_conv()))
    session = onnxruntime.InferenceSession(one_conv(), providers=["CPUExecutionProvider"])
    value = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(session.run(None, {"x": value})[0], 2 * value)


def test_the_cpu_takes_its_node() -> None:
    assert run_one_node("CPUExecutionProvider") == {
        "providers": ["CPUExecutionProvider"],
        "nodes": ["CPUExecutionProvider"],
        "error": "",
    }


def test_an_error_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bytes:
        return b"no model"

    monkeypatch.setattr(one_node, "one_conv", broken)
    assert "INVALID_PROTOBUF" in run_one_node("CPUExecutionProvider")["error"]


def test_as_a_program_it_prints_json_last() -> None:
    command = [sys.executable, str(Path(one_node.__file__)), "CPUExecutionProvider", "[]"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["nodes"] == ["CPUExecutionProvider"]
