"""A session on a stand-in package: answers, engines built or loaded, the measured engine's layers, everything freed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from helpers.tensorrt_standin import load_standin
from workbench_plugins.ort_nvidia.gpus import Gpus
from workbench_plugins.ort_tensorrt.layers import Layer
from workbench_plugins.tensorrt import session as module
from workbench_plugins.tensorrt.session import SETTINGS, changed_layers, engine_file

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.spi import OpenOptions, Prepared

CANONICAL = canonical_graph(resnet_like())[0]


@pytest.fixture
def standin() -> Any:
    return load_standin()


def prepare(standin: Any, folder: Path, precision: str) -> Prepared:
    save_proto(CANONICAL, folder / "source" / "model.onnx")
    plan = make_plan(CANONICAL, random_feeds(CANONICAL, 2)) if precision == "int8" else None
    context = PlainContext(folder, precision, CANONICAL, plan)
    done: Prepared = standin.RUNTIME.prepare(folder / "source" / "model.onnx", plan, context)
    return done


def opened(standin: Any, done: Prepared, folder: Path, precision: str = "fp32", **settings: Any) -> Any:
    return standin.RUNTIME.open(done, OpenOptions(precision, 1, 3, folder, settings))


def test_answers_are_the_graphs_and_the_callers_own(standin: Any, tmp_path: Path) -> None:
    done, feeds = prepare(standin, tmp_path, "fp32"), random_feeds(CANONICAL, 3)
    with opened(standin, done, tmp_path) as session:
        first = session.run(feeds)
        kept = first["logits"].copy()
        session.run(random_feeds(CANONICAL, 3, seed=9))
    np.testing.assert_array_equal(first["logits"], kept)
    np.testing.assert_allclose(kept, run_graph(CANONICAL, feeds)["logits"], rtol=1e-4, atol=1e-5)


def test_the_engine_made_while_preparing_is_loaded(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "fp32")
    assert done.notes["engine"] == "built while preparing"
    with opened(standin, done, tmp_path) as session:
        assert session.facts()["engine"] == "loaded from the file made while building"
    engine_file(done.artifact).unlink()
    with opened(standin, done, tmp_path, builder_level=5) as session:
        facts = session.facts()
    assert (facts["engine"], facts["builder_optimization_level"], facts["tf32"]) == ("built while loading", "5", "off")
    assert facts["optimization_profile"].startswith("input:3x")


def test_layers_are_those_of_the_measured_engine(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "int8")
    with opened(standin, done, tmp_path, "int8", device=1) as session:
        rows = {row.node: row for row in session.placement() if row.node}
    assert set(rows) == {node.name for node in CANONICAL.graph.node}
    assert {row.device for row in rows.values()} == {"CUDA:1"}
    assert {row.precision for row in rows.values()} == {"unknown"}, "the stand-in lists names alone"
    assert (tmp_path / "layers.json").is_file()


def test_a_run_that_fails_and_a_load_that_fails_are_told_and_freed(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "fp32")
    with opened(standin, done, tmp_path) as session:
        session._context.execute_async_v3 = lambda stream: False
        with pytest.raises(ModelError, match="did not run"):
            session.run(random_feeds(CANONICAL, 3))
    assert not session._device.is_open
    engine_file(done.artifact).unlink()
    standin.PACKAGE.Runtime = lambda logger: type("None", (), {"deserialize_cuda_engine": lambda self, plan: None})()
    broken = opened(standin, done, tmp_path)
    with pytest.raises(ModelError, match="does not load its engine"):
        broken.__enter__()
    assert not broken._device.is_open


def test_an_engine_of_another_version_is_built_anew(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "fp32")
    engine_file(done.artifact).write_bytes(b"of another version")
    load = standin.Engine
    standin.PACKAGE.Runtime = lambda logger: type(
        "Runtime", (), {"deserialize_cuda_engine": lambda self, plan: None if plan.startswith(b"of an") else load(plan)}
    )()
    with opened(standin, done, tmp_path) as session:
        assert session.facts()["engine"] == "built while loading"


def test_an_engine_of_another_gpu_is_not_loaded(standin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = prepare(standin, tmp_path, "fp32")
    states = []
    for name in ("NVIDIA L4", "unlisted"):
        gpus = Gpus((name,)) if name != "unlisted" else Gpus()
        monkeypatch.setattr(module, "find_gpus", lambda gpus=gpus: gpus)
        with opened(standin, done, tmp_path) as session:
            states.append(session.facts()["engine"])
    assert states == ["built while loading", "loaded from the file made while building"]


def test_a_second_engine_is_compared_with_the_first(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "fp32")
    with opened(standin, done, tmp_path, build_twice=True) as session:
        session.run(random_feeds(CANONICAL, 3))
        told = session.facts()["rebuild_noise"]
        assert session.facts()["rebuild_noise"] is told, "one second build, however often it is asked"
        assert session._device.is_open, "the first engine goes on"
        session.run(random_feeds(CANONICAL, 3))
    assert told == f"none: bit-equal in 1 run; the same {len(session_layers(CANONICAL))} layers"
    with opened(standin, done, tmp_path) as session:
        assert "rebuild_noise" not in session.facts()


def test_what_a_second_engine_moves_is_told(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "fp32")
    other = canonical_graph(resnet_like(seed=4))[0]
    standin.Builder.build_serialized_network = lambda self, network, config: other.SerializeToString()
    with opened(standin, done, tmp_path, build_twice=True) as session:
        session.run(random_feeds(CANONICAL, 3))
        told = session.facts()["rebuild_noise"]
    assert told.startswith("largest difference ")
    assert " of 3 answers changed, in 1 run; " in told


def test_a_second_engine_that_is_not_built_is_told(standin: Any, tmp_path: Path) -> None:
    done = prepare(standin, tmp_path, "fp32")
    standin.Builder.build_serialized_network = lambda self, network, config: None
    with opened(standin, done, tmp_path, build_twice=True) as session:
        session.run(random_feeds(CANONICAL, 3))
        assert session.facts()["rebuild_noise"].startswith("not measured: TensorRT builds no engine")


def session_layers(model: Any) -> list[str]:
    return [node.name for node in model.graph.node]


def test_layers_of_two_engines_are_compared() -> None:
    layers = tuple(Layer(name, "CaskConvolution", (name,), "int8") for name in "abc")
    assert changed_layers(layers, layers) == "the same 3 layers"
    moved = (*layers[:2], Layer("c", "CaskConvolution", ("c",), "fp32"))
    assert changed_layers(layers, moved) == "1 of 3 layers are others"


def test_options() -> None:
    defaults = {"device": 0, "tf32": False, "builder_level": 3, "build_twice": False}
    assert {key: values[0] for key, values in SETTINGS.items()} == defaults
