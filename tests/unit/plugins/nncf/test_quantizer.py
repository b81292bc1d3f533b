"""NNCF: its arguments follow the manifest, it sees every sample in order, its IR is read by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from workbench_plugins.nncf import quantizer as plugin
from workbench_plugins.nncf.quantizer import QUANTIZER, arguments

from workbench.execution.discovery import find_plugin
from workbench.execution.tool_options import checked_options

MANIFEST = find_plugin("nncf", kind="quantizer")
STAND_IN = SimpleNamespace(
    QuantizationPreset=lambda value: f"preset {value}",
    TargetDevice=lambda value: f"device {value}",
    ModelType=SimpleNamespace(TRANSFORMER="transformer"),
    IgnoredScope=lambda names: ("ignored", names),
)


def options(**given: Any) -> dict[str, Any]:
    return checked_options(MANIFEST.options, given, MANIFEST.title)


def test_arguments_follow_the_options() -> None:
    found = arguments(STAND_IN, options(), 40)
    assert found == {
        "preset": "preset performance",
        "model_type": None,
        "target_device": "device ANY",
        "fast_bias_correction": True,
        "subset_size": 40,
        "ignored_scope": None,
    }
    changed = arguments(STAND_IN, options(model_type="transformer", subset_size=7, ignored_names=["a"]), 40)
    assert (changed["model_type"], changed["subset_size"]) == ("transformer", 7)
    assert changed["ignored_scope"] == ("ignored", ["a"])


def test_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "versions_of", lambda *names: {"openvino": "2026.4.1"})
    missing = QUANTIZER.probe()
    assert (missing.ok, missing.reason) == (False, "nncf is not installed")
    assert missing.remedy == 'pip install "nncf==3.4.0"'
    monkeypatch.setattr(plugin, "versions_of", lambda *names: {"openvino": "1", "nncf": "9.9"})
    other = QUANTIZER.probe()
    assert (other.ok, other.reason) == (True, "written for nncf 3.4.0, found 9.9")


def test_its_defaults_are_nncfs_own() -> None:
    nncf = pytest.importorskip("nncf", reason=QUANTIZER.probe().reason)
    import inspect

    own = inspect.signature(nncf.quantize).parameters
    ours = arguments(nncf, options(), 300)
    for name in ("model_type", "target_device", "subset_size", "fast_bias_correction", "ignored_scope"):
        assert ours[name] == own[name].default, name
    assert own["preset"].default is None
    assert ours["preset"] == nncf.QuantizationPreset.PERFORMANCE, "what NNCF takes for None, but for transformers"


def test_it_sees_every_sample_and_writes_an_ir(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason=QUANTIZER.probe().reason)
    from helpers.native_models import quantized

    made = quantized("nncf", tmp_path)
    assert sorted(path.name for path in made.prepared.artifact.iterdir()) == ["model.bin", "model.xml"]
    facts = QUANTIZER.read_back(made.prepared.artifact)
    assert "int8, symmetric, per channel" in facts["weights"]
    assert "levels" in facts["activations"]
    assert facts["float nodes"] == "no convolution or product"
