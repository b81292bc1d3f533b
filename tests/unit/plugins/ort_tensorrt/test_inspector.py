"""The TensorRT package is asked in the right order with the right flags: a handmade stand-in records the calls."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from workbench_plugins.ort_tensorrt.inspector import BuildFlags, build_engine, layer_information, tensorrt_package

from workbench.errors import ModelError

FLAGS = BuildFlags(int8=True, fp16=False, tf32=False, level=3, shapes={"x": (2, 3)})


class Config:
    def __init__(self) -> None:
        self.set: list[str] = []
        self.cleared: list[str] = []
        self.profiles: list[Any] = []

    def set_flag(self, flag: str) -> None:
        self.set.append(flag)

    def clear_flag(self, flag: str) -> None:
        self.cleared.append(flag)

    def add_optimization_profile(self, profile: Any) -> None:
        self.profiles.append(profile)


class Profile(list[Any]):
    def set_shape(self, *values: Any) -> None:
        self.append(values)


def package(*, flags: tuple[str, ...] = ("INT8", "FP16"), parses: bool = True, builds: bool = True) -> Any:
    """A handmade stand-in of the package: parser, builder and inspector answer at once."""
    config, networks = Config(), []
    builder = SimpleNamespace(
        create_network=lambda kind: networks.append(kind) or "network",
        create_builder_config=lambda: config,
        create_optimization_profile=Profile,
        build_serialized_network=lambda network, made: b"plan" if builds else None,
    )
    parser = SimpleNamespace(
        parse_from_file=lambda path: parses, num_errors=1, get_error=lambda index: "unknown op Foo"
    )
    inspector = SimpleNamespace(get_engine_information=lambda form: f"layers as {form}")
    engine = SimpleNamespace(create_engine_inspector=lambda: inspector)
    logger = SimpleNamespace(ERROR=2)
    return SimpleNamespace(
        config=config,
        networks=networks,
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
        Logger=type("Logger", (), {"ERROR": logger.ERROR, "__init__": lambda self, level: None}),
        Builder=lambda logger: builder,
        OnnxParser=lambda network, logger: parser,
        Runtime=lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda plan: engine),
        ProfilingVerbosity=SimpleNamespace(DETAILED="detailed"),
        LayerInformationFormat=SimpleNamespace(JSON="json"),
        BuilderFlag=SimpleNamespace(TF32="TF32", **{name: name for name in flags}),
    )


def test_it_builds_with_the_flags_and_detailed() -> None:
    made = package()
    assert layer_information(made, Path("m.onnx"), FLAGS) == "layers as json"
    config = made.config
    assert (config.profiling_verbosity, config.builder_optimization_level) == ("detailed", 3)
    assert (config.set, config.cleared) == (["INT8"], ["TF32"])
    assert config.profiles == [[("x", (2, 3), (2, 3), (2, 3))]]


def test_a_package_without_precision_flags_decides_by_the_file() -> None:
    made = package(flags=())
    layer_information(made, Path("m.onnx"), BuildFlags(True, True, True, 5, {}))
    assert (made.config.set, made.config.cleared, made.config.profiles) == ([], [], [])


def test_refusals_carry_the_parsers_words() -> None:
    with pytest.raises(ModelError, match="refused by TensorRT's parser: unknown op Foo"):
        layer_information(package(parses=False), Path("m.onnx"), FLAGS)
    with pytest.raises(ModelError, match=r"builds no engine of m\.onnx"):
        layer_information(package(builds=False), Path("m.onnx"), FLAGS)


def test_the_package_must_be_of_the_providers_version(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleType("tensorrt")
    found.__version__ = "10.13.3.9"  # type: ignore[attr-defined]
    found.__spec__ = SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "tensorrt", found)
    assert tensorrt_package(10) is found
    assert tensorrt_package(11) is None
    monkeypatch.delitem(sys.modules, "tensorrt")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tensorrt_package(10) is None


def test_a_strongly_typed_network_takes_its_precisions_from_the_file_alone() -> None:
    made = package()
    flags = BuildFlags(True, True, False, 3, {}, strongly_typed=True)
    assert build_engine(made, Path("m.onnx"), flags) == b"plan"
    assert (made.networks, made.config.set, made.config.cleared) == ([0b10], [], ["TF32"])
    build_engine(made, Path("m.onnx"), FLAGS)
    del made.NetworkDefinitionCreationFlag.STRONGLY_TYPED
    build_engine(made, Path("m.onnx"), flags)
    assert made.networks == [0b10, 0, 0]
