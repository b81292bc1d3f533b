"""OpenVINO's stand-alone file: no telemetry, float32 or an error, the plugin's own properties."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds
from helpers.plans import run_graph
from workbench_plugins.openvino import elsewhere
from workbench_plugins.openvino.session import compile_config

from workbench.spi import OpenOptions

SCRIPT = """
import sys
events = []
def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(("socket.", "subprocess.", "os.system", "os.mkdir")):
        events.append((event, str(arguments)[:200]))
sys.addaudithook(watch)
from workbench_plugins.openvino.elsewhere import load_openvino
load_openvino().Core().get_property("CPU", "FULL_DEVICE_NAME")
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules), "telemetry was loaded"
print([event for event in events if "__pycache__" not in event[1]])
"""


def test_loading_opens_no_socket_and_writes_no_file() -> None:
    done = subprocess.run([sys.executable, "-B", "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_model_is_compiled_with_the_sessions_own_properties(tmp_path: Path) -> None:
    for settings in ({}, {"cpu_pinning": True}):
        options = OpenOptions("int8", 3, 1, tmp_path, settings)
        assert elsewhere.properties(3, settings) == compile_config(options)


def opened(net: Any, folder: Path, **changes: Any) -> Any:
    onnx.save(net, folder / "m.onnx")
    outputs = [{"name": item.name} for item in net.graph.output]
    options = {"precision": "fp32", "threads": 1, "batch": 2, "settings": {}, "outputs": outputs, "linear_nodes": []}
    return elsewhere.open_model(folder / "m.onnx", {**options, **changes})


def test_answers_are_the_models_and_kernels_name_its_nodes(tmp_path: Path) -> None:
    net = conv_relu_net()
    feeds = random_feeds(net, 2)
    model = opened(net, tmp_path)
    found, expected = model.run(feeds), run_graph(net, feeds)
    kept = {name: value.copy() for name, value in found.items()}
    model.run({name: value * 2 for name, value in feeds.items()})
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found[name], kept[name])
    names = {node.name for node in net.graph.node}
    kernels = model.kernels(feeds)
    assert {kernel["precision"] for kernel in kernels if kernel["op_type"] == "Convolution"} == {"fp32"}
    assert names & {name for kernel in kernels for name in kernel["nodes"]}
    assert model.facts()["inference_precision_hint"] == "f32"
    model.close()


def test_another_precision_than_float32_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = elsewhere.properties(1, {})
    monkeypatch.setattr(elsewhere, "properties", lambda *_: {**given, "INFERENCE_PRECISION_HINT": "bf16"})
    monkeypatch.setattr(elsewhere, "_name_of", lambda _kind: "bf16")
    with pytest.raises(RuntimeError, match="precision hint reads bf16"):
        opened(conv_relu_net(), tmp_path)


def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert elsewhere.probe()[1] is None
    monkeypatch.setitem(sys.modules, "openvino", None)
    versions, missing = elsewhere.probe()
    assert versions == {}
    assert missing is not None
    assert missing.startswith("OpenVINO is missing (")
    assert missing.endswith("): pip install openvino")
