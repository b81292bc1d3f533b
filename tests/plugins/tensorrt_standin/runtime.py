"""The native TensorRT plugin with a handmade package: an engine is the ONNX file, ONNX Runtime runs it on the CPU."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from workbench_plugins.tensorrt.runtime import TensorRtRuntime

from workbench.spi import Availability

TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(double)": np.float64, "tensor(bool)": np.bool_}


class HostDevice:
    """Host memory in a GPU's place."""

    def __init__(self, index: int) -> None:
        self.index, self.stream, self.is_open = index, 1, False
        self.memory: dict[str, Any] = {}

    def __enter__(self) -> HostDevice:
        self.is_open = True
        return self

    def close(self) -> None:
        self.is_open = False
        self.memory.clear()

    def buffer(self, name: str, size: int) -> int:
        if name not in self.memory or len(self.memory[name]) < size:
            self.memory[name] = ctypes.create_string_buffer(max(1, size))
        return ctypes.addressof(self.memory[name])

    def upload(self, address: int, array: Any) -> None:
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def download(self, array: Any, address: int) -> None:
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def synchronize(self) -> None:
        """Nothing is queued here."""


class Engine:
    """As tensorrt.ICudaEngine, and its own inspector and execution context."""

    def __init__(self, content: bytes) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.content = content
        self.session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.ends = {item.name: item for item in [*self.session.get_inputs(), *self.session.get_outputs()]}
        self.outputs = [item.name for item in self.session.get_outputs()]
        self.num_io_tensors = len(self.ends)

    def get_tensor_name(self, index: int) -> str:
        return list(self.ends)[index]

    def get_tensor_mode(self, name: str) -> str:
        return "output" if name in self.outputs else "input"

    def get_tensor_dtype(self, name: str) -> Any:
        return TYPES[self.ends[name].type]

    def serialize(self) -> bytes:
        return self.content

    def create_engine_inspector(self) -> Engine:
        return self

    def get_engine_information(self, form: str) -> str:
        import onnx

        nodes = onnx.load_from_string(self.content).graph.node
        return json.dumps({"Layers": [node.name for node in nodes if "Linear" not in node.op_type]})

    def create_execution_context(self) -> ExecutionContext:
        return ExecutionContext(self)


class ExecutionContext:
    """As tensorrt.IExecutionContext; answers are known once the input's shape and memory are."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.answers: dict[str, Any] = {}

    def set_input_shape(self, name: str, shape: Any) -> None:
        self.shapes[name] = tuple(shape)

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self.shapes:
            return self.shapes[name]
        self._answer()
        return tuple(self.answers[name].shape)

    def execute_async_v3(self, stream: int) -> bool:
        self._answer()
        for name, value in self.answers.items():
            ctypes.memmove(self.addresses[name], np.ascontiguousarray(value).ctypes.data, value.nbytes)
        return True

    def _answer(self) -> None:
        feeds = {name: self._read(name, shape) for name, shape in self.shapes.items()}
        self.answers = dict(zip(self.engine.outputs, self.engine.session.run(self.engine.outputs, feeds), strict=True))

    def _read(self, name: str, shape: tuple[int, ...]) -> Any:
        dtype = np.dtype(self.engine.get_tensor_dtype(name))
        size = int(np.prod(shape)) * dtype.itemsize
        return np.frombuffer(ctypes.string_at(self.addresses[name], size), dtype).reshape(shape)


class Parser:
    """As tensorrt.OnnxParser."""

    num_errors = 0

    def __init__(self, network: dict[str, bytes], logger: Any) -> None:
        self.network = network

    def parse_from_file(self, path: str) -> bool:
        self.network["content"] = Path(path).read_bytes()
        return True


class Builder:
    """As tensorrt.Builder."""

    def __init__(self, logger: Any) -> None:
        """Nothing is kept."""

    def create_network(self, flags: int) -> dict[str, bytes]:
        assert flags == 0b10, "strongly typed"
        return {}

    def create_builder_config(self) -> Any:
        return SimpleNamespace(clear_flag=lambda flag: None, add_optimization_profile=lambda profile: None)

    def create_optimization_profile(self) -> Any:
        return SimpleNamespace(set_shape=lambda name, least, best, most: None)

    def build_serialized_network(self, network: dict[str, bytes], config: Any) -> bytes:
        return network["content"]


class Logger:
    """As tensorrt.Logger."""

    ERROR = 2

    def __init__(self, level: int) -> None:
        """Nothing is logged."""


PACKAGE = SimpleNamespace(
    __version__="10.0 stand-in",
    Logger=Logger,
    Builder=Builder,
    OnnxParser=Parser,
    Runtime=lambda logger: SimpleNamespace(deserialize_cuda_engine=Engine),
    NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
    ProfilingVerbosity=SimpleNamespace(DETAILED="detailed"),
    LayerInformationFormat=SimpleNamespace(JSON="json"),
    BuilderFlag=SimpleNamespace(TF32="tf32"),
    TensorIOMode=SimpleNamespace(INPUT="input", OUTPUT="output"),
    nptype=lambda dtype: dtype,
)


class StandIn(TensorRtRuntime):
    """As the plugin, usable everywhere."""

    def probe(self) -> Availability:
        return Availability(True, "stand-in package", precisions=("fp32", "fp16", "int8"))


RUNTIME = StandIn(lambda: PACKAGE, HostDevice)
