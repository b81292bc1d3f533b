"""Native TensorRT's stand-alone file on a stand-in package and driver: answers, engine, layers, everything freed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.cuda_driver import OUT_OF_MEMORY, Driver
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import run_graph
from helpers.tensorrt_standin import load_standin
from workbench_plugins.ort_tensorrt.layers import read_layers
from workbench_plugins.tensorrt import elsewhere

from workbench.model.canonical import canonical_graph

CANONICAL = canonical_graph(resnet_like())[0]


class Network(dict[str, bytes]):
    """As tensorrt.INetworkDefinition: knows the inputs of the file that was parsed into it; open axes are -1."""

    def _inputs(self) -> list[Any]:
        return list(onnx.load_from_string(self["content"]).graph.input)

    @property
    def num_inputs(self) -> int:
        return len(self._inputs())

    def get_input(self, index: int) -> Any:
        item = self._inputs()[index]
        sizes = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in item.type.tensor_type.shape.dim]
        return SimpleNamespace(name=item.name, shape=tuple(sizes))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Any:
    standin = load_standin()
    monkeypatch.setattr(standin.Builder, "create_network", lambda self, flags: Network())
    return standin.PACKAGE


def options(batch: int, **settings: Any) -> dict[str, Any]:
    shape = [batch, *(dim.dim_value for dim in CANONICAL.graph.input[0].type.tensor_type.shape.dim[1:])]
    inputs = [{"name": CANONICAL.graph.input[0].name, "dtype": "float32", "shape": shape}]
    return {"precision": "fp32", "threads": 1, "batch": batch, "settings": settings, "inputs": inputs}


def opened(package: Any, driver: Driver, folder: Path, batch: int = 3, **settings: Any) -> Any:
    onnx.save(CANONICAL, folder / "m.onnx")
    return elsewhere.Model(package, driver, folder / "m.onnx", options(batch, **settings))


def test_a_second_engine_that_was_asked_for_is_told_to_be_missing(package: Any, tmp_path: Path) -> None:
    model = opened(package, Driver(), tmp_path, build_twice=True)
    assert model.facts()["rebuild_noise"].startswith("not measured: build_twice does not travel")


def test_answers_are_the_graphs_and_the_callers_own(package: Any, tmp_path: Path) -> None:
    driver, feeds = Driver(), random_feeds(CANONICAL, 3)
    model = opened(package, driver, tmp_path)
    found = model.run(feeds)
    kept = found["logits"].copy()
    model.run(random_feeds(CANONICAL, 3, seed=9))
    np.testing.assert_array_equal(found["logits"], kept)
    np.testing.assert_allclose(kept, run_graph(CANONICAL, feeds)["logits"], rtol=1e-4, atol=1e-5)
    facts = model.facts()
    assert (facts["tf32"], facts["builder_optimization_level"], facts["fallback"]) == ("off", "3", "none")
    assert facts["optimization_profile"] == "input:3x" + "x".join(map(str, options(3)["inputs"][0]["shape"][1:]))
    assert "rebuild_noise" not in facts
    assert {name for item in model.kernels(feeds) for name in item["nodes"]} == {n.name for n in CANONICAL.graph.node}
    model.close()
    model.close()
    assert driver.memory == {}
    assert driver.calls.count("cuDevicePrimaryCtxRelease_v2") == 1


def test_a_parser_that_refuses_and_a_run_that_fails_are_told_and_freed(package: Any, tmp_path: Path) -> None:
    driver = Driver()
    model = opened(package, driver, tmp_path)
    model._context.execute_async_v3 = lambda stream: False
    with pytest.raises(RuntimeError, match="did not run"):
        model.run(random_feeds(CANONICAL, 3))
    model.close()
    error = SimpleNamespace(parse_from_file=lambda path: False, num_errors=1, get_error=lambda index: "node 7: no")
    package.OnnxParser = lambda network, logger: error
    with pytest.raises(RuntimeError, match=r"m\.onnx is refused by TensorRT's parser: node 7: no"):
        opened(package, driver, tmp_path)
    assert driver.memory == {}
    assert driver.calls.count("cuStreamDestroy_v2") == 2


def test_the_drivers_own_name_of_an_error(package: Any, tmp_path: Path) -> None:
    driver = Driver(cuMemAlloc_v2=OUT_OF_MEMORY)
    model = opened(package, driver, tmp_path, device=1)
    with pytest.raises(RuntimeError, match="GPU 1: cuMemAlloc_v2 failed: CUDA_ERROR_OUT_OF_MEMORY"):
        model.run(random_feeds(CANONICAL, 3))
    model.close()


@pytest.mark.parametrize(
    "layer",
    [
        {"Name": "l", "LayerType": "CaskConvolution", "Metadata": "[ONNX Layer: a]\x1e[ONNX Layer: b]",
         "Inputs": [{"Name": "x", "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"}]},
        {"Name": "l", "LayerType": "kgen", "Metadata": "[ONNX Layer: a]",
         "Inputs": [{"Name": "x", "Format": "Row major", "DataType": "Half"}]},
        {"Name": "a + b", "LayerType": "NoOp"},
        {"Name": "Reformatting CopyNode for Input Tensor 0 to a", "LayerType": "Reformat"},
        {"Name": "l", "LayerType": "PointWise", "Metadata": "[ONNX Layer: a]",
         "Inputs": [{"Name": "x", "DataType": "Int8"}], "Outputs": [{"Name": "y", "DataType": "Float"}]},
        "conv1 + relu1",
        "PWN(a, b)",
    ],
)  # fmt: skip
def test_layers_are_read_as_the_plugin_reads_them(layer: Any) -> None:
    text = json.dumps({"Layers": [layer]})
    (kernel,), (expected,) = elsewhere.layers_in(text, "CUDA:0"), read_layers(text)
    assert tuple(kernel["nodes"]) == expected.nodes
    assert kernel["precision"] == (expected.precision or "unknown")


def test_everything_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise OSError(name)

    monkeypatch.setattr(elsewhere.ctypes, "CDLL", absent)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    missing = elsewhere.probe()[1]
    assert missing is not None
    assert "there is no NVIDIA driver here" in missing
    assert "; TensorRT's Python package is missing (" in missing
    assert "\n" not in missing


def test_with_both_it_starts_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    monkeypatch.setattr(elsewhere.ctypes, "CDLL", lambda name: driver)
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="10.9"))
    assert elsewhere.probe() == ({"TensorRT": "10.9"}, None)
    assert driver.calls == []
