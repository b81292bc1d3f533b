"""A model compiled by OpenVINO for the CPU: compile, run, read settings and placement back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from workbench_plugins.openvino.artifact import ArtifactGraph, read_artifact
from workbench_plugins.openvino.as_written import is_as_written, model_file, read_as_written
from workbench_plugins.openvino.elsewhere import WITHOUT_SUBGRAPHS, load_openvino, properties
from workbench_plugins.openvino.placement import RuntimeOp, linear_layers_in_subgraphs, not_float32, place

from workbench.errors import ContractError, ModelError
from workbench.spi import Arrays, OpenOptions, Placement, Prepared, RuntimeUnavailableError

KNOWN_SETTINGS = ("cpu_pinning",)
FIX_SHAPES = (
    "Where axes of its inputs have no fixed size, fixing them may help: python -m "
    "onnxruntime.tools.make_dynamic_shape_fixed --input_name NAME --input_shape 1,3,224,224 MODEL.onnx FIXED.onnx"
)
_PROFILED_RUNS = 5
_READ_BACK = (
    "INFERENCE_PRECISION_HINT", "EXECUTION_MODE_HINT", "PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE", "ENABLE_CPU_PINNING", "ENABLE_HYPER_THREADING", "EXECUTION_DEVICES",
    "RUNTIME_REQUIREMENTS",
)  # fmt: skip


@dataclass(frozen=True)
class _Compiled:
    """One compiled model and its only request.

    Attributes:
        inputs: (name, dtype) per input port, in port order.
        outputs: (name, port number) in the artifact's order.
        shapes: shape per input port; None where the compiled shapes are dynamic.
        without_subgraphs: compiled with WITHOUT_SUBGRAPHS.
    """

    model: Any
    request: Any
    inputs: tuple[tuple[str, np.dtype[Any]], ...]
    outputs: tuple[tuple[str, int], ...]
    shapes: tuple[tuple[int, ...], ...] | None
    without_subgraphs: bool


class OpenVinoSession:
    """See `workbench.spi.Session`.

    The model is compiled for exactly `options.batch` samples. Feeds of another shape (a short last batch) go to a
    second copy, compiled with dynamic shapes the first time it is needed.
    """

    def __init__(self, prepared: Prepared, options: OpenOptions) -> None:
        self._artifact = prepared.artifact
        self._options = options
        self._config = compile_config(options)
        self._graph: ArtifactGraph | None = None
        self._main: _Compiled | None = None
        self._flexible: _Compiled | None = None

    def __enter__(self) -> OpenVinoSession:
        read = read_as_written if is_as_written(self._artifact) else read_artifact
        self._graph = read(self._artifact)
        self._main = self._compile(self._config, static=True)
        if self._options.precision == "fp32":
            self._refuse_other_than_float32(self._main)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._main = self._flexible = None

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """See `workbench.spi.Session.run`. Raises ValueError when names or dtypes are not the model's."""
        main = self._opened()
        arrays = _in_port_order(main, feeds)
        compiled = main if main.shapes in (None, tuple(array.shape for array in arrays)) else self._opened_flexible()
        # Both sharing flags stay off: inputs are copied in, outputs are copied out.
        results = compiled.request.infer(arrays, share_inputs=False, share_outputs=False)
        return {name: results[number] for name, number in compiled.outputs}

    def placement(self) -> list[Placement]:
        """See `workbench.spi.Session.placement`; the shares of time come from a short profiled copy."""
        ops = runtime_ops(self._opened().model)
        return place(self._artifact_graph(), ops, self._time_shares(ops), int8=self._options.precision == "int8")

    def facts(self) -> dict[str, str]:
        """Settings as the compiled model reports them, the library's version and the CPU's name."""
        model = self._opened().model
        library = load_openvino()
        facts = {name.lower(): _as_text(model.get_property(name)) for name in _READ_BACK}
        facts["openvino"] = library.get_version()
        facts["device_name"] = str(library.Core().get_property("CPU", "FULL_DEVICE_NAME"))
        facts["runtime_precisions"] = ", ".join(sorted({op.precision for op in runtime_ops(model)}))
        facts["compiled_batch"] = str(self._options.batch)
        facts["generated_subgraphs"] = "off" if self._opened().without_subgraphs else "on"
        return facts

    def _artifact_graph(self) -> ArtifactGraph:
        if self._graph is None:
            raise ContractError("the OpenVINO session is used before it was entered")
        return self._graph

    def _opened(self) -> _Compiled:
        if self._main is None:
            raise ContractError("the OpenVINO session is used before it was entered or after it was left")
        return self._main

    def _opened_flexible(self) -> _Compiled:
        if self._flexible is None:
            self._flexible = self._compile(self._config, static=False)
        return self._flexible

    def _compile(self, config: Mapping[str, Any], *, static: bool) -> _Compiled:
        core = load_openvino().Core()
        try:
            model = core.read_model(str(model_file(self._artifact)))
            shapes = _fix_batch(model, self._options.batch) if static else None
            compiled = core.compile_model(model, "CPU", dict(config))
            is_miscompiled = self._is_miscompiled(compiled)
            if is_miscompiled:
                compiled = core.compile_model(model, "CPU", {**config, **WITHOUT_SUBGRAPHS})
            request = compiled.create_infer_request()
        except RuntimeError as error:
            what = f"OpenVINO cannot compile {self._artifact.name}"
            raise ModelError(what, why=_last_line(error), how=FIX_SHAPES) from error
        graph = self._artifact_graph()
        inputs = tuple((_name_of(port, graph.inputs), port.element_type.to_dtype()) for port in compiled.inputs)
        outputs = tuple((name, _number_of(name, compiled.outputs)) for name in graph.outputs)
        return _Compiled(compiled, request, inputs, outputs, shapes, is_miscompiled)

    def _is_miscompiled(self, compiled: Any) -> bool:
        """Whether quantized Gemms or MatMuls were merged into a generated subgraph (see WITHOUT_SUBGRAPHS)."""
        is_int8 = self._options.precision == "int8"
        return is_int8 and bool(linear_layers_in_subgraphs(self._artifact_graph(), runtime_ops(compiled)))

    def _refuse_other_than_float32(self, compiled: _Compiled) -> None:
        hint = _as_text(compiled.model.get_property("INFERENCE_PRECISION_HINT"))
        departed = not_float32(runtime_ops(compiled.model))
        if hint != "f32":
            raise RuntimeUnavailableError(f"OpenVINO does not run in float32 here: its precision hint reads {hint}")
        if departed:
            first = departed[0]
            raise RuntimeUnavailableError(
                f"OpenVINO does not run in float32 here: {first.layer} {first.name} runs in {first.precision}"
                f" ({first.kernel}), and {len(departed) - 1} more"
            )

    def _time_shares(self, ops: list[RuntimeOp]) -> dict[str, float]:
        """Profile a separately compiled copy on seeded inputs; its times never mix with the measured session's.

        Names that OpenVINO invents differ between copies, so ops are paired by their order; empty when the copy was
        built otherwise.
        """
        profiled = self._compile({**self._config, "PERF_COUNT": True}, static=True)
        copies = runtime_ops(profiled.model)
        if [(op.layer, op.kernel) for op in ops] != [(op.layer, op.kernel) for op in copies]:
            return {}
        total = _profiled_seconds(profiled, self._options.batch)
        whole = math.fsum(total.values())
        if whole <= 0:
            return {}
        return {op.name: total.get(copy.name, 0.0) / whole for op, copy in zip(ops, copies, strict=True)}


def _profiled_seconds(profiled: _Compiled, batch: int) -> dict[str, float]:
    feeds = {port: _seeded_input(port, batch) for port in profiled.model.inputs}
    total: dict[str, float] = {}
    for _ in range(_PROFILED_RUNS):
        profiled.request.infer(feeds)
        for entry in profiled.request.profiling_info:
            total[entry.node_name] = total.get(entry.node_name, 0.0) + entry.real_time.total_seconds()
    return total


def compile_config(options: OpenOptions) -> dict[str, Any]:
    """Return the properties a model is compiled with. Raises ValueError on unknown settings or precisions."""
    unknown = sorted(set(options.settings) - set(KNOWN_SETTINGS))
    if unknown:
        raise ValueError(f"unknown openvino option {unknown[0]!r}; known: {', '.join(KNOWN_SETTINGS)}")
    if options.precision not in ("fp32", "int8"):
        raise ValueError(f"openvino runs fp32 and int8 here, not {options.precision!r}")
    return properties(options.threads, options.settings)


def runtime_ops(compiled_model: Any) -> list[RuntimeOp]:
    """Read the runtime model of a compiled model, in execution order."""
    ops = compiled_model.get_runtime_model().get_ordered_ops()
    constant: set[str] = set()
    for op in ops:
        parents = [value.get_node().get_friendly_name() for value in op.input_values()]
        if _info(op, "layerType") == "Const" or (parents and constant.issuperset(parents)):
            constant.add(op.get_friendly_name())
    return [_runtime_op(op, constant) for op in ops]


def _runtime_op(op: Any, constant: set[str]) -> RuntimeOp:
    values = op.input_values()
    types = [_type_name(value) for value in values]
    from_constant = [value.get_node().get_friendly_name() in constant for value in values]
    return RuntimeOp(
        name=op.get_friendly_name(),
        layer=_info(op, "layerType"),
        kernel=_info(op, "primitiveType"),
        precision=_info(op, "runtimePrecision"),
        originals=tuple(_info(op, "originalLayersNames").split(",")),
        input_precisions=tuple(types),
        activation_precisions=tuple(kind for kind, fixed in zip(types, from_constant, strict=True) if not fixed),
        output_precisions=tuple(_type_name(value) for value in op.outputs()),
        is_constant=op.get_friendly_name() in constant,
    )


def _type_name(value: Any) -> str:
    return str(value.get_element_type().get_type_name())


def _info(op: Any, key: str) -> str:
    value = op.get_rt_info()[key]
    return str(value.astype(str)) if hasattr(value, "astype") else str(value)


def _fix_batch(model: Any, batch: int) -> tuple[tuple[int, ...], ...] | None:
    """Give a symbolic first axis the batch; return the static input shapes, None where other axes stay dynamic.

    Raises ValueError when several samples are asked for at once and the model takes another number.
    """
    shapes: dict[Any, list[Any]] = {}
    for port in model.inputs:
        shape = list(port.partial_shape)
        if shape and shape[0].is_dynamic:
            shape[0] = batch
        shapes[port] = shape
    first = model.inputs[0].partial_shape
    if batch > 1 and len(first) and first[0].is_static and first[0].get_length() != batch:
        raise ValueError(f"batch {batch} is asked for, the model takes {first[0].get_length()} at once")
    model.reshape(shapes)
    if any(port.partial_shape.is_dynamic for port in model.inputs):
        return None
    return tuple(tuple(port.shape) for port in model.inputs)


def _seeded_input(port: Any, batch: int) -> npt.NDArray[Any]:
    shape = [
        axis.get_length() if axis.is_static else (batch if i == 0 else 16) for i, axis in enumerate(port.partial_shape)
    ]
    dtype = port.element_type.to_dtype()
    if np.issubdtype(dtype, np.floating):
        return np.random.default_rng(0).standard_normal(shape).astype(dtype)
    return np.zeros(shape, dtype)


def _in_port_order(compiled: _Compiled, feeds: Arrays) -> list[npt.NDArray[Any]]:
    for name, dtype in compiled.inputs:
        if name not in feeds:
            raise ValueError(f"no feed for input {name!r}; given: {', '.join(sorted(feeds))}")
        if feeds[name].dtype != dtype:
            raise ValueError(f"input {name!r} is {feeds[name].dtype}, the model declares {dtype}")
    return [feeds[name] for name, _ in compiled.inputs]


def _name_of(port: Any, names: tuple[str, ...]) -> str:
    """The artifact's name of an input port, which OpenVINO keeps among others."""
    return next(name for name in names if name in port.names)


def _number_of(name: str, ports: list[Any]) -> int:
    return next(number for number, port in enumerate(ports) if name in port.names)


def _as_text(value: Any) -> str:
    """Spell a property: element types by their OpenVINO name (f32), lists joined, enums by name."""
    if hasattr(value, "get_type_name"):
        return str(value.get_type_name())
    if isinstance(value, list | tuple | set):
        return ", ".join(str(item) for item in value)
    return str(value).rpartition(".")[2] if type(value).__module__.startswith("openvino") else str(value)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
