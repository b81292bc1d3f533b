"""ONNX Runtime's own quantizer: its defaults are its own, its options are its arguments, the samples are ours."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.native_models import quantized
from onnx import numpy_helper
from workbench_plugins.ort_quantize_static import quantizer as plugin
from workbench_plugins.ort_quantize_static.quantizer import QUANTIZER, Reader, arguments

from workbench.execution.discovery import find_plugin
from workbench.execution.tool_options import checked_options

MANIFEST = find_plugin("ort_quantize_static", kind="quantizer")


def options(**given: Any) -> dict[str, Any]:
    return checked_options(MANIFEST.options, given, MANIFEST.title)


def scales(path: Path) -> dict[str, Any]:
    tensors = onnx.load(path).graph.initializer
    return {item.name: numpy_helper.to_array(item) for item in tensors if item.name.endswith("_scale")}


def test_the_defaults_of_the_manifest_are_those_of_the_function() -> None:
    from onnxruntime.quantization import CalibrationMethod, quantize_static

    own = inspect.signature(quantize_static).parameters
    ours = arguments(options())
    for name in ("calibrate_method", "per_channel", "reduce_range", "activation_type", "weight_type"):
        assert ours[name] == own[name].default, name
    assert ours["extra_options"] == {}
    assert ours["nodes_to_exclude"] == []
    choices = MANIFEST.options["calibrate_method"]
    assert all(choice in CalibrationMethod.__members__ for choice in choices)


def test_options_become_its_arguments() -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantType

    found = arguments(
        options(
            calibrate_method="Percentile", percentile=99.9, per_channel=True, activation_type="QUInt8",
            activation_symmetric=True, nodes_to_exclude=["conv"],
        )
    )  # fmt: skip
    assert found["calibrate_method"] is CalibrationMethod.Percentile
    assert found["activation_type"] is QuantType.QUInt8
    assert found["extra_options"] == {"ActivationSymmetric": True, "CalibPercentile": 99.9}
    assert found["nodes_to_exclude"] == ["conv"]


def test_the_reader_gives_every_sample_once_in_order() -> None:
    samples = [{"x": np.full(1, place)} for place in range(3)]
    reader = Reader(samples)
    found = [reader.get_next() for _ in range(4)]
    assert [item and int(item["x"][0]) for item in found] == [0, 1, 2, None]


def test_min_and_max_of_the_input_are_those_of_the_samples(tmp_path: Path) -> None:
    made = quantized("ort_quantize_static", tmp_path)
    name = next(iter(made.samples[0]))
    values = np.concatenate([item[name] for item in made.samples])
    expected = (max(0.0, float(values.max())) - min(0.0, float(values.min()))) / 255
    assert float(scales(made.prepared.artifact)[f"{name}_scale"]) == pytest.approx(expected, rel=1e-6)
    assert [path.name for path in made.context.work_dir.iterdir()] == ["model.onnx"], "nothing else is left"


def test_what_it_chose_is_read_back(tmp_path: Path) -> None:
    made = quantized("ort_quantize_static", tmp_path, options={"per_channel": True, "activation_type": "QUInt8"})
    facts = QUANTIZER.read_back(made.prepared.artifact)
    assert "int8, symmetric, per channel" in facts["weights"]
    assert facts["activations"].endswith("uint8, asymmetric, per tensor")
    assert made.prepared.notes["pre-processing"].startswith("quant_pre_process: ")


def test_without_pre_processing_the_model_is_taken_as_it_is(tmp_path: Path) -> None:
    made = quantized("ort_quantize_static", tmp_path, options={"pre_process": False})
    assert made.prepared.notes["pre-processing"] == "left out"
    assert scales(made.prepared.artifact)


def test_without_sympy_one_step_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plugin.importlib.util.find_spec
    monkeypatch.setattr(plugin.importlib.util, "find_spec", lambda name: None if name == "sympy" else found(name))
    made = quantized("ort_quantize_static", tmp_path)
    assert made.prepared.notes["pre-processing"] == "quant_pre_process: basic optimizations, shapes"


def test_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert QUANTIZER.probe().ok
    monkeypatch.setattr(plugin, "versions_of", lambda *names: {})
    missing = QUANTIZER.probe()
    assert (missing.ok, missing.remedy) == (False, 'pip install "onnxruntime==1.31.1"')
