"""NVIDIA TensorRT without this program: this file, numpy, tensorrt, NVIDIA's driver and Python 3.9 suffice.

On a Jetson the package is the one that comes with the board. The file decides every precision (strong typing); the
kernels are the layers of the very engine that runs. Never run on real TensorRT.

Sources: NVIDIA, "TensorRT Python API", Builder, OnnxParser, ICudaEngine, IExecutionContext, EngineInspector; NVIDIA,
"CUDA Driver API", groups "Primary Context Management", "Memory Management", "Stream Management".
"""

from __future__ import annotations

import ctypes
import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
NOT_REBUILT = "not measured: build_twice does not travel in a bundle, one engine was built"
_COPY = "Reformatting CopyNode"
"""How the name of a layer begins that only changes a tensor's layout or type; it goes on with the names of others."""
PRODUCT = re.compile(r"conv|gemm|matmul|matrix", re.IGNORECASE)
"""In the LayerType of a layer that multiplies: CaskConvolution, ConvActPool, gemm, MatrixMultiply."""
METADATA = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
_DATA_TYPES = (
    (re.compile(r"\bint8\b", re.IGNORECASE), "int8"),
    (re.compile(r"\b(fp16|half)\b", re.IGNORECASE), "fp16"),
    (re.compile(r"\b(bf16|bfloat16)\b", re.IGNORECASE), "bf16"),
    (re.compile(r"\b(fp32|float|float32)\b", re.IGNORECASE), "fp32"),
    (re.compile(r"\bint32\b", re.IGNORECASE), "int32"),
    (re.compile(r"\bint64\b", re.IGNORECASE), "int64"),
    (re.compile(r"\bbool\b", re.IGNORECASE), "bool"),
)


def probe() -> tuple[dict[str, str], str | None]:
    """Return versions, and everything that is missing in one line or None; no device is started."""
    missing, versions = [], {}
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        missing.append(f"there is no NVIDIA driver here ({LIBRARY}): use a machine with an NVIDIA GPU and its driver")
    try:
        versions["TensorRT"] = str(importlib.import_module("tensorrt").__version__)
    except Exception as error:  # noqa: BLE001  (whatever it stumbles over is what is missing)
        mend = "pip install tensorrt (on a Jetson: sudo apt install nvidia-jetpack)"
        missing.append(f"TensorRT's Python package is missing ({error}): {mend}")
    return versions, "; ".join(missing) or None


def open_model(artifact: Path, options: Mapping[str, Any]) -> Model:
    """Build the engine and load it. Raises RuntimeError where TensorRT or the driver refuses."""
    return Model(importlib.import_module("tensorrt"), ctypes.CDLL(LIBRARY), artifact, options)


class Model:
    """An engine on one GPU; built while loading, for the job's batch alone."""

    def __init__(self, trt: Any, driver: Any, artifact: Path, options: Mapping[str, Any]) -> None:
        self._trt, self._settings = trt, options["settings"]
        self._index = int(self._settings.get("device", 0))
        self._gpu = Gpu(driver, self._index)
        try:
            self._gpu.start()
            plan, self._shapes = build(trt, artifact, options)
            runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
            self._engine: Any = runtime.deserialize_cuda_engine(plan)
            if self._engine is None:
                raise RuntimeError(f"TensorRT does not load its engine of {artifact.name}")
            self._context: Any = self._engine.create_execution_context()
            self._outputs = {name: trt.nptype(self._engine.get_tensor_dtype(name)) for name in self._output_names()}
        except BaseException:
            self.close()
            raise

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run one batch; the arrays returned are the caller's. Raises RuntimeError where TensorRT does not run it."""
        for name, value in feeds.items():
            self._context.set_input_shape(name, value.shape)
            self._bind(name, value.nbytes)
            self._gpu.upload(self._gpu.buffer(name, value.nbytes), np.ascontiguousarray(value))
        found = {
            name: np.empty(tuple(self._context.get_tensor_shape(name)), kind) for name, kind in self._outputs.items()
        }
        for name, value in found.items():
            self._bind(name, value.nbytes)
        if not self._context.execute_async_v3(self._gpu.stream):
            raise RuntimeError("TensorRT did not run the engine: its log says more")
        for name, value in found.items():
            self._gpu.download(value, self._gpu.buffer(name, value.nbytes))
        self._gpu.synchronize()
        return found

    def facts(self) -> dict[str, str]:
        """Return what the engine was built with."""
        told = ", ".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in self._shapes.items())
        return {
            "tensorrt": str(self._trt.__version__),
            "engine": "built while loading",
            "typing": "strong: the file decides every precision",
            "builder_optimization_level": str(self._settings.get("builder_level", 3)),
            "tf32": "allowed" if self._settings.get("tf32") else "off",
            "optimization_profile": told or "from the model's fixed shapes",
            "fallback": "none",
            **({"rebuild_noise": NOT_REBUILT} if self._settings.get("build_twice") else {}),
        }

    def kernels(self, _feeds: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the layers of the engine that runs, each with the nodes it came from."""
        inspector = self._engine.create_engine_inspector()
        text = inspector.get_engine_information(self._trt.LayerInformationFormat.JSON)
        return layers_in(text, f"CUDA:{self._index}")

    def close(self) -> None:
        """Free the engine and the GPU's memory; safe to call more than once."""
        self._context = self._engine = None
        self._gpu.close()

    def _output_names(self) -> list[str]:
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        return [name for name in names if self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.OUTPUT]

    def _bind(self, name: str, size: int) -> None:
        self._context.set_tensor_address(name, self._gpu.buffer(name, size))


def build(trt: Any, artifact: Path, options: Mapping[str, Any]) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """Return a serialized engine of an ONNX file, and the shapes that its symbolic inputs were fixed at.

    Raises RuntimeError where the parser refuses the file, with its first message, or no engine comes of it.
    """
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(artifact)):
        why = str(parser.get_error(0)) if parser.num_errors else "no message"
        raise RuntimeError(f"{artifact.name} is refused by TensorRT's parser: {why}")
    config, shapes = builder.create_builder_config(), symbolic_shapes(network, options)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = int(options["settings"].get("builder_level", 3))
    if not options["settings"].get("tf32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    if shapes:
        profile = builder.create_optimization_profile()
        for name, shape in shapes.items():
            profile.set_shape(name, shape, shape, shape)
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise RuntimeError(f"TensorRT builds no engine of {artifact.name}: its log says more")
    return plan, shapes


def symbolic_shapes(network: Any, options: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return input name -> the shape of one run, for inputs that the file leaves an axis of open."""
    given = {item["name"]: tuple(item["shape"]) for item in options["inputs"]}
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    return {item.name: given[item.name] for item in inputs if any(size < 0 for size in item.shape)}


def layers_in(text: str, device: str) -> list[dict[str, Any]]:
    """Return the inspector's JSON as kernels; TensorRT 10 and 11 spell a tensor's type differently."""
    document = json.loads(text)
    listed = document["Layers"] if isinstance(document, dict) else document
    return [_layer(item, device) for item in listed]


def _layer(item: Any, device: str) -> dict[str, Any]:
    if isinstance(item, str):  # built without details: names alone
        return {"nodes": nodes_in(item), "op_type": item[:80], "device": device, "precision": "unknown"}
    nodes = list(dict.fromkeys(METADATA.findall(str(item.get("Metadata", ""))))) or nodes_in(str(item["Name"]))
    kind = str(item.get("LayerType", ""))
    inputs, outputs = (list(filter(None, map(element_type, item.get(key) or ()))) for key in ("Inputs", "Outputs"))
    precision = inputs[0] if inputs else "unknown"
    if precision == "int8" and not PRODUCT.search(kind) and outputs and "int8" not in outputs:
        precision = outputs[0]  # it dequantizes first, and computes in that float
    return {"nodes": nodes, "op_type": kind, "device": device, "precision": precision}


def nodes_in(name: str) -> list[str]:
    """Return the nodes that a layer's name is put together from: "a + b", "PWN(a, b)"."""
    parts = [] if name.startswith(_COPY) else re.split(r"\s\+\s|[(),]", name)
    return [part.strip() for part in parts if part.strip() not in ("", "PWN")]


def element_type(tensor: Mapping[str, Any]) -> str:
    """Return a listed tensor's element type, "" where it is not told."""
    words = str(tensor.get("DataType") or tensor.get("Format/Datatype") or tensor.get("Format") or "")
    return next((name for pattern, name in _DATA_TYPES if pattern.search(words)), "")


def _strongly_typed(trt: Any) -> int:
    """Return a network's flags; TensorRT 11 has no flag for strong typing, there every network is."""
    flag = getattr(getattr(trt, "NetworkDefinitionCreationFlag", None), "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


class Gpu:
    """Memory and a stream of one GPU through the driver's own library; no CUDA toolkit is needed."""

    def __init__(self, library: Any, index: int) -> None:
        self.stream = 0
        self._library, self._index, self._handle, self._has_context = library, index, ctypes.c_int(), False
        self._buffers: dict[str, tuple[int, int]] = {}

    def start(self) -> None:
        """Take the GPU's primary context, which TensorRT uses too, and make a stream."""
        context, stream = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(self._handle), self._index)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._handle)
        self._has_context = True
        self._call("cuCtxSetCurrent", context)
        self._call("cuStreamCreate", ctypes.byref(stream), 0)
        self.stream = stream.value or 0

    def close(self) -> None:
        """Free everything; safe to call more than once."""
        for address, _ in self._buffers.values():
            self._call("cuMemFree_v2", ctypes.c_uint64(address))
        self._buffers.clear()
        if self.stream:
            self._call("cuStreamDestroy_v2", ctypes.c_void_p(self.stream))
            self.stream = 0
        if self._has_context:
            self._has_context = False
            self._call("cuDevicePrimaryCtxRelease_v2", self._handle)

    def buffer(self, name: str, size: int) -> int:
        """Return the address of a buffer of at least `size` bytes that keeps its name."""
        address, there = self._buffers.get(name, (0, 0))
        if address and there >= size:
            return address
        if address:
            del self._buffers[name]
            self._call("cuMemFree_v2", ctypes.c_uint64(address))
        found = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(found), ctypes.c_size_t(max(1, size)))
        self._buffers[name] = (found.value, max(1, size))
        return found.value

    def upload(self, address: int, array: Any) -> None:
        """Copy a C-contiguous array to the GPU, queued."""
        if array.nbytes:
            source, size = ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
            self._call("cuMemcpyHtoDAsync_v2", ctypes.c_uint64(address), source, size, ctypes.c_void_p(self.stream))

    def download(self, array: Any, address: int) -> None:
        """Copy from the GPU into a C-contiguous array, queued; it is there after `synchronize`."""
        if array.nbytes:
            target, size = ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
            self._call("cuMemcpyDtoHAsync_v2", target, ctypes.c_uint64(address), size, ctypes.c_void_p(self.stream))

    def synchronize(self) -> None:
        """Wait for everything queued. Raises RuntimeError where the GPU reports an error."""
        self._call("cuStreamSynchronize", ctypes.c_void_p(self.stream))

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            name = ctypes.c_char_p()
            is_told = not self._library.cuGetErrorName(code, ctypes.byref(name)) and name.value
            told = name.value.decode() if is_told and name.value else f"error {code}"
            raise RuntimeError(f"GPU {self._index}: {function} failed: {told}")
