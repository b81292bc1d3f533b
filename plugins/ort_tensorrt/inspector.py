"""Asks the TensorRT Python package what an engine of a file looks like, layer by layer.

ONNX Runtime builds engines without detailed profiling verbosity and has no option for it (microsoft/onnxruntime issue
28582), so that the measured engine cannot tell its precisions. The same file is built a second time here, with the
same flags, detailed. It is a second engine: its tactics may differ, and whoever shows its layers says so.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

PACKAGE = "tensorrt"
SECOND_BUILD = "from a second build of the same file, not from the measured engine"


@dataclass(frozen=True)
class BuildFlags:
    """How an engine is built.

    Attributes:
        int8, fp16, tf32: what its layers may compute in, beside float32.
        level: builder optimization level 0..5.
        shapes: input name -> fixed shape, for inputs with symbolic axes.
        strongly_typed: the file alone decides every precision; `int8` and `fp16` are then no flags.
    """

    int8: bool
    fp16: bool
    tf32: bool
    level: int
    shapes: Mapping[str, tuple[int, ...]]
    strongly_typed: bool = False


def tensorrt_package(major: int | None) -> Any:
    """Return the imported `tensorrt` package of a major version, None where it is absent or another one."""
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    try:
        package = importlib.import_module(PACKAGE)
        return package if int(str(package.__version__).partition(".")[0]) == major else None
    except (ImportError, OSError, AttributeError, ValueError):
        return None


def layer_information(trt: Any, artifact: Path, flags: BuildFlags) -> str:
    """Build an engine of an ONNX file and return the inspector's JSON. Raises ModelError as `build_engine` does."""
    plan = build_engine(trt, artifact, flags)
    return layers_of(trt, trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(plan))


def layers_of(trt: Any, engine: Any) -> str:
    """Return the inspector's JSON of an engine."""
    text: str = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    return text


def build_engine(trt: Any, artifact: Path, flags: BuildFlags) -> Any:
    """Build an engine of an ONNX file, detailed, and return it serialized (a buffer of bytes).

    Raises:
        ModelError: TensorRT's parser refuses the file, with its first message, or no engine comes of it.
    """
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt, flags))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(artifact)):
        why = str(parser.get_error(0)) if parser.num_errors else "no message"
        raise ModelError(f"{artifact.name} is refused by TensorRT's parser", why=why)
    plan = builder.build_serialized_network(network, _config(trt, builder, network, flags))
    if plan is None:
        raise ModelError(f"TensorRT builds no engine of {artifact.name}", why="its log says more")
    return plan


def _network_flags(trt: Any, flags: BuildFlags) -> int:
    """Return the flags of a network; TensorRT 11 has no flag for strong typing, there every network is."""
    kinds = getattr(trt, "NetworkDefinitionCreationFlag", None)
    flag = getattr(kinds, "STRONGLY_TYPED", None) if flags.strongly_typed else None
    return 0 if flag is None else 1 << int(flag)


def _config(trt: Any, builder: Any, network: Any, flags: BuildFlags) -> Any:
    """Return the builder's configuration; TensorRT 11 has no precision flags any more, there the file decides."""
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = flags.level
    for name, is_set in (("INT8", flags.int8), ("FP16", flags.fp16)):
        if is_set and not flags.strongly_typed and hasattr(trt.BuilderFlag, name):
            config.set_flag(getattr(trt.BuilderFlag, name))
    if not flags.tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    if flags.shapes:
        profile = builder.create_optimization_profile()
        for name, shape in flags.shapes.items():
            profile.set_shape(name, shape, shape, shape)
        config.add_optimization_profile(profile)
    return config
