"""TensorRT's provider options, cache, profile; placement through the engine's layers, with a stand-in package."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import conv_relu_net, lstm_net, random_feeds, resnet_like
from helpers.plans import make_plan
from workbench_plugins.ort_nvidia.gpus import Gpus, engine_folder, find_gpus
from workbench_plugins.ort_nvidia.probing import TENSORRT, Provider, provider_library
from workbench_plugins.ort_nvidia.session import ProviderSession, checked_settings
from workbench_plugins.ort_tensorrt import session as module
from workbench_plugins.ort_tensorrt.runtime import OrtTensorRtRuntime
from workbench_plugins.ort_tensorrt.session import (
    FROM_CACHE,
    SECOND_BUILD,
    SETTINGS,
    WHILE_LOADING,
    WITH_SAMPLES,
    WITHOUT_PACKAGE,
    OrtTensorRtSession,
    profile_options,
    profile_shapes,
    provider_major,
)

from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.spi import OpenOptions, Prepared

STAND_IN = Provider("CPUExecutionProvider", "stand-in", "", "CPU")


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    save_proto(conv_relu_net(), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def session(artifact: Path, precision: str = "int8", batch: int = 4, **settings) -> OrtTensorRtSession:
    options = OpenOptions(precision, 1, batch, artifact.parent / "scratch")
    return OrtTensorRtSession(
        Prepared(artifact), options, TENSORRT, checked_settings("ort_tensorrt", SETTINGS, settings)
    )


def test_options_follow_precision_batch_and_row(artifact: Path) -> None:
    found = session(artifact).provider_options()
    assert (found["trt_int8_enable"], found["trt_fp16_enable"]) == ("1", "0")
    assert found["trt_profile_min_shapes"] == found["trt_profile_max_shapes"]
    assert found["trt_profile_opt_shapes"].startswith("input:4x")
    assert found["trt_builder_optimization_level"] == "3"
    assert found["trt_engine_cache_path"] == found["trt_timing_cache_path"]
    assert f"{artifact.parent}/scratch/engines/" in found["trt_engine_cache_path"]
    assert found["trt_engine_cache_enable"] == found["trt_timing_cache_enable"] == "1"
    half = session(artifact, "fp16").provider_options()
    assert (half["trt_int8_enable"], half["trt_fp16_enable"]) == ("0", "1")
    mixed = session(artifact, remainder="fp16", builder_level=5).provider_options()
    assert (mixed["trt_int8_enable"], mixed["trt_fp16_enable"], mixed["trt_builder_optimization_level"]) == (
        "1", "1", "5",
    )  # fmt: skip


def test_the_engine_is_written_as_a_file_of_its_own_where_the_row_asks(artifact: Path) -> None:
    assert "trt_dump_ep_context_model" not in session(artifact).provider_options()
    found = session(artifact, context_dump=True).provider_options()
    assert (found["trt_dump_ep_context_model"], found["trt_ep_context_embed_mode"]) == ("1", "0")
    assert found["trt_ep_context_file_path"] == f"{found['trt_timing_cache_path']}/context.onnx"
    assert "trt_engine_cache_path" not in found, "a context file with an absolute path to its engine is not loaded"


def test_nodes_that_tensorrt_leaves_go_to_cuda_on_the_same_gpu(artifact: Path) -> None:
    found = session(artifact, device=1).next_providers()
    assert found == [("CUDAExecutionProvider", {"device_id": "1", "use_tf32": "0"})]


def test_the_float_row_never_computes_in_less(artifact: Path) -> None:
    found = session(artifact, "fp32", remainder="fp16").provider_options()
    assert (found["trt_int8_enable"], found["trt_fp16_enable"]) == ("0", "0")


@pytest.mark.skipif(provider_library(TENSORRT) is None, reason="this ONNX Runtime has no TensorRT provider")
def test_the_installed_provider_knows_every_option(artifact: Path) -> None:
    content = provider_library(TENSORRT).read_bytes()  # type: ignore[union-attr]
    missing = [key for key in session(artifact, context_dump=True).provider_options() if key.encode() not in content]
    assert missing == []
    assert provider_major(TENSORRT) == 10


def test_an_engine_beside_the_artifact_is_used_on_the_gpu_it_was_built_on(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_gpus", lambda: Gpus(("NVIDIA L4",)))
    engines = artifact.parent / "engines" / "NVIDIA_L4"
    engines.mkdir(parents=True)
    assert not session(artifact).was_built
    (engines / "x.engine").write_bytes(b"")
    assert session(artifact).was_built
    assert session(artifact).engines == engines
    monkeypatch.setattr(module, "find_gpus", lambda: Gpus(("NVIDIA RTX 4090",)))
    other = session(artifact)
    assert (other.was_built, other.engines) == (False, artifact.parent / "scratch" / "engines" / "NVIDIA_RTX_4090")


@pytest.mark.parametrize(
    ("was_built", "is_written", "expected"),
    [(True, True, FROM_CACHE), (False, True, WHILE_LOADING), (False, False, WITH_SAMPLES)],
)
def test_how_the_engine_came_about_is_read_from_its_cache(
    was_built: bool, is_written: bool, expected: str, artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = session(artifact)
    made.was_built = was_built
    made.engines.mkdir(parents=True)
    if is_written:
        (made.engines / "x.engine").write_bytes(b"")
    monkeypatch.setattr(ProviderSession, "__enter__", lambda self: self)
    monkeypatch.setattr(ProviderSession, "facts", lambda self: {})
    assert made.__enter__().facts()["engine"] == expected


def test_profiles_are_for_a_symbolic_first_axis_alone(artifact: Path, tmp_path: Path) -> None:
    (shape,) = profile_shapes(artifact, 4).values()
    assert shape[0] == 4
    save_proto(lstm_net(), tmp_path / "lstm.onnx")
    assert all(0 not in shape for shape in profile_shapes(tmp_path / "lstm.onnx", 2).values())
    assert profile_options({}) == {}
    assert profile_options({"x": (1, 2), "y": (3,)})["trt_profile_opt_shapes"] == "x:1x2,y:3"


def prepared(folder: Path):
    canonical = canonical_graph(resnet_like())[0]
    plan = make_plan(canonical, random_feeds(canonical, 2))
    context = PlainContext(folder, "int8", canonical, plan)
    return OrtTensorRtRuntime(STAND_IN).prepare(folder / "m.onnx", plan, context), context.graph


def test_without_the_package_precisions_are_unknown_and_why(tmp_path: Path) -> None:
    done, graph = prepared(tmp_path)
    with OrtTensorRtRuntime(STAND_IN).open(done, OpenOptions("int8", 1, 1, tmp_path)) as opened:
        rows, facts = opened.placement(), opened.facts()
    assert [row.node for row in rows] == [node.name for node in graph.nodes]
    assert {(row.precision, row.reason) for row in rows} == {("unknown", WITHOUT_PACKAGE)}
    assert facts["engine"] == "none: stand-in provider"
    assert facts["graph_optimization_level"] == "ORT_DISABLE_ALL"
    assert facts["optimization_profile"].startswith("input:1x")


def test_a_second_engine_has_caches_of_its_own_and_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = prepared(tmp_path)
    built = tmp_path / "engines" / engine_folder(find_gpus())
    built.mkdir(parents=True, exist_ok=True)
    (built / "x.engine").write_bytes(b"")
    used: list[Path] = []
    open_session = OrtTensorRtSession.open
    monkeypatch.setattr(
        OrtTensorRtSession, "open", lambda self, made: used.append(self.engines) or open_session(self, made)
    )
    feeds = random_feeds(canonical_graph(resnet_like())[0], 2)
    with OrtTensorRtRuntime(STAND_IN).open(done, OpenOptions("int8", 1, 2, tmp_path, {"build_twice": True})) as opened:
        opened.run(feeds)
        assert opened.facts()["rebuild_noise"] == opened.facts()["rebuild_noise"] == "none: bit-equal in 1 run"
    first, second = used
    assert first == built
    assert second.parent.parent.name.startswith("rebuild")
    assert not second.exists(), "the second engine is not kept"


def test_what_a_second_engine_moves_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = prepared(tmp_path)
    with OrtTensorRtRuntime(STAND_IN).open(done, OpenOptions("int8", 1, 2, tmp_path, {"build_twice": True})) as opened:
        opened.run(random_feeds(canonical_graph(resnet_like())[0], 2))
        run = OrtTensorRtSession.run
        monkeypatch.setattr(
            OrtTensorRtSession, "run", lambda self, feeds: {key: value + 0.5 for key, value in run(self, feeds).items()}
        )
        assert opened.facts()["rebuild_noise"].startswith("largest difference 0.5, nmse ")


def test_layers_of_a_second_build_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, graph = prepared(tmp_path)
    names = [node.name for node in graph.nodes]
    layers = [{"Name": "all", "LayerType": "Myelin", "Inputs": [{"DataType": "Int8"}],
               "Metadata": "".join(f"[ONNX Layer: {name}]" for name in names[:-1])}]  # fmt: skip
    monkeypatch.setattr(module, "tensorrt_package", lambda major: SimpleNamespace())
    monkeypatch.setattr(module, "layer_information", lambda package, path, flags: json.dumps({"Layers": layers}))
    options = OpenOptions("int8", 1, 1, tmp_path)
    settings = checked_settings("ort_tensorrt", SETTINGS, {})
    opened = OrtTensorRtSession(done, options, TENSORRT, settings)
    monkeypatch.setattr(opened, "assignment", lambda: {names[-1]: "CUDAExecutionProvider"})
    rows = {row.node: row for row in opened.placement()}
    assert rows[names[0]].precision == "int8"
    assert rows[names[0]].reason == SECOND_BUILD
    assert rows[names[0]].device == "CUDA:0"
    assert rows[names[-1]].reason == "another provider took it: CUDAExecutionProvider"
    assert (tmp_path / "layers.json").is_file()
