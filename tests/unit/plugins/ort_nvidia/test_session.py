"""A provider's session: never a CPU session unnoticed, options checked, nodes of other providers named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds
from workbench_plugins.ort_nvidia import session as module
from workbench_plugins.ort_nvidia.gpus import find_gpus
from workbench_plugins.ort_nvidia.probing import CUDA, TENSORRT, Provider
from workbench_plugins.ort_nvidia.session import (
    COMMON_SETTINGS,
    ProviderSession,
    checked_settings,
    fallback_words,
    load_shipped,
    moved,
    told_options,
)

from workbench.errors import ModelError
from workbench.model.load import save_proto
from workbench.spi import OpenOptions, Placement, Prepared, RuntimeUnavailableError

STAND_IN = Provider("CPUExecutionProvider", "stand-in", "", "CPU")


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    save_proto(conv_relu_net(), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def session(artifact: Path, provider: Provider = STAND_IN, **settings: Any) -> ProviderSession:
    options = OpenOptions("fp32", 1, 1, artifact.parent)
    return ProviderSession(Prepared(artifact), options, provider, checked_settings("x", COMMON_SETTINGS, settings))


def test_defaults_are_filled_in_and_strangers_refused() -> None:
    assert checked_settings("x", COMMON_SETTINGS, {}) == {"device": 0, "fallback": "report", "tf32": False}
    with pytest.raises(ValueError, match="x has no option 'devise'; known: device"):
        checked_settings("x", COMMON_SETTINGS, {"devise": 0})
    for key, value, allowed in (("device", True, "0 to 63"), ("device", -1, "0 to 63"), ("tf32", 1, "false, true")):
        with pytest.raises(ValueError, match=f"{key} = .* is not one of {allowed}"):
            checked_settings("x", COMMON_SETTINGS, {key: value})


def test_answers_and_facts_come_from_the_session(artifact: Path) -> None:
    feeds = random_feeds(conv_relu_net(), 1)
    plain = onnxruntime.InferenceSession(str(artifact), providers=["CPUExecutionProvider"])
    with session(artifact) as opened:
        found, facts = opened.run(feeds), opened.facts()
        assert set(opened.assignment().values()) == {"CPUExecutionProvider"}
    np.testing.assert_allclose(found["logits"], plain.run(["logits"], feeds)[0], rtol=1e-5)
    assert facts["providers"] == "CPUExecutionProvider"
    assert (facts["fallback"], facts["tf32"], facts["allow_spinning"]) == ("none", "off", "0")


def test_tf32_is_switched_off_only_while_the_session_lives(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.TF32_VARIABLE, raising=False)
    with session(artifact):
        assert os.environ[module.TF32_VARIABLE] == "0"
    assert module.TF32_VARIABLE not in os.environ
    with session(artifact, tf32=True) as opened:
        assert module.TF32_VARIABLE not in os.environ
        assert opened.facts()["tf32"] == "allowed"


@pytest.mark.parametrize("provider", [CUDA, TENSORRT], ids=["cuda", "tensorrt"])
@pytest.mark.parametrize("fallback", ["report", "error"])
def test_a_provider_that_does_not_start_is_an_error(artifact: Path, provider: Provider, fallback: str) -> None:
    if find_gpus().names:
        pytest.skip("this machine has a GPU: the provider may really start")
    with pytest.raises((RuntimeUnavailableError, ModelError), match=r"TensorRT|CUDAExecutionProvider|fallback"):
        session(artifact, provider, fallback=fallback).__enter__()


def test_onnx_runtime_is_told_to_refuse_the_cpu_where_the_row_says_so(artifact: Path) -> None:
    told = session(artifact, CUDA, fallback="error").session_options()
    assert told.get_session_config_entry(module.NO_FALLBACK_KEY) == "1"
    assert told.get_session_config_entry(module.ASSIGNMENT_KEY) == "1"
    for other in (session(artifact, CUDA), session(artifact, STAND_IN, fallback="error")):
        with pytest.raises(RuntimeError, match="does not have configuration with key"):
            other.session_options().get_session_config_entry(module.NO_FALLBACK_KEY)


@pytest.mark.skipif(module.provider_library(CUDA) is None, reason="this ONNX Runtime has no CUDA provider")
def test_onnx_runtime_itself_refuses_then(artifact: Path) -> None:
    if find_gpus().names:
        pytest.skip("this machine has a GPU: the provider may really start")
    options = session(artifact, CUDA, fallback="error").session_options()
    with pytest.raises(Exception, match="fallback to CPU EP has been explicitly disabled"):
        onnxruntime.InferenceSession(str(artifact), options, providers=["CUDAExecutionProvider"], enable_fallback=0)


def test_a_session_on_another_provider_is_named(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: ProviderSession, options: Any) -> Any:
        return onnxruntime.InferenceSession(str(self.artifact), options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(ProviderSession, "open", silent)
    with pytest.raises(RuntimeUnavailableError, match="silently opened a session on CPUExecutionProvider instead of"):
        session(artifact, Provider("CUDAExecutionProvider", "CUDA", "")).__enter__()


class Divided(ProviderSession):
    """Half of its nodes were taken by another provider."""

    def assignment(self) -> dict[str, str]:
        return {name: "CPUExecutionProvider" if n else "OtherExecutionProvider" for n, name in enumerate("abc")}


def test_nodes_elsewhere_are_told_or_refused(artifact: Path) -> None:
    settings = checked_settings("x", COMMON_SETTINGS, {})
    options = OpenOptions("fp32", 1, 1, artifact.parent)
    with Divided(Prepared(artifact), options, STAND_IN, settings) as opened:
        assert opened.facts()["fallback"] == "1 node on OtherExecutionProvider: a"
    with pytest.raises(ModelError, match=r'1 node on OtherExecutionProvider: a instead of .*fallback = "error"'):
        Divided(Prepared(artifact), options, STAND_IN, {**settings, "fallback": "error"}).__enter__()


def test_a_damaged_artifact_is_refused_and_leaves_the_environment_alone(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="is refused by ONNX Runtime with stand-in"):
        session(tmp_path / "model.onnx").__enter__()
    assert module.TF32_VARIABLE not in os.environ


def test_long_lists_of_nodes_are_cut() -> None:
    words = fallback_words({f"n{i}": "CPUExecutionProvider" for i in range(10)})
    assert words.startswith("10 nodes on CPUExecutionProvider: n0, n1")
    assert words.endswith("n7 and 2 more")
    assert fallback_words({}) == "none"


def test_options_are_told_without_paths() -> None:
    given = {"use_tf32": "0", "trt_engine_cache_path": "/home/me/engines", "device_id": "0", "trt_tactic_sources": ""}
    assert told_options(given) == "device_id=0, use_tf32=0"


def test_placements_are_moved_to_their_device() -> None:
    rows = [Placement("a", "Conv", "CPU", "fp32", reason="x"), Placement("b", "Relu", "CPU", "fp32")]
    found = moved(rows, {"b": "CPUExecutionProvider"}, "CUDA:0")
    assert [(item.device, item.reason) for item in found] == [
        ("CUDA:0", "x"),
        ("CPU", "another provider took it: CPUExecutionProvider"),
    ]


def test_devices_have_their_index(artifact: Path) -> None:
    assert session(artifact, CUDA, device=1).device == "CUDA:1"
    assert session(artifact, CUDA, device=1).provider_options() == {"device_id": "1"}
    assert session(artifact).device == "CPU"


def test_shipped_libraries_are_loaded_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(module, "preload", seen.append)
    load_shipped(STAND_IN)
    assert seen == []
    if module.provider_library(CUDA) is not None:
        load_shipped(CUDA)
        assert len(seen) == 1
