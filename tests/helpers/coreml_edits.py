"""Changes single numbers of a saved Core ML package, by the names of the plan, through the library's own protobuf."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from helpers.coreml import quiet_coremltools
from workbench_plugins.coreml.read_back import _find
from workbench_plugins.coreml.sidecar import Sidecar, load_sidecar

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
_DTYPES = {11: np.float32, 10: np.float16, 21: np.int8, 31: np.uint8}
"""Number of an element type in MIL's protobuf -> NumPy's."""
_METADATA = struct.Struct("<IIQQQ")
_FIELDS = {
    "constexpr_affine_dequantize": {"codes": "quantized_data", "scale": "scale", "zero_point": "zero_point"},
    "constexpr_blockwise_shift_scale": {"codes": "data", "scale": "scale", "zero_point": "offset"},
}


def edit_package(artifact: Path, flips: Iterable[tuple[str, str, str]]) -> None:
    """Change for each (kind, name, field) of the plan one value by the smallest step there is."""
    quiet_coremltools()
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString((artifact / MODEL).read_bytes())
    editor = _Editor(spec, load_sidecar(artifact), bytearray((artifact / WEIGHTS).read_bytes()))
    for kind, name, field in flips:
        found = list(getattr(editor, kind)(name, field))
        assert found, f"nothing to change for {kind} {name} {field}"
        for value in found:
            editor.step(value)
    (artifact / MODEL).write_bytes(spec.SerializeToString(deterministic=True))
    (artifact / WEIGHTS).write_bytes(bytes(editor.weights))


class _Editor:
    """Finds values by the plan's names."""

    def __init__(self, spec: Any, sidecar: Sidecar, weights: bytearray) -> None:
        function = spec.mlProgram.functions["main"]
        self.ops = list(function.block_specializations[function.opset].operations)
        self.sidecar, self.weights = sidecar, weights
        self.producers = {output.name: op for op in self.ops for output in op.outputs}

    def tensor(self, name: str, field: str) -> Iterator[Any]:
        """Its value at the quantize and at every dequantize of its codes."""
        codes = {op.outputs[0].name for op in self.ops if op.type == "quantize" and self._is(op, name)}
        for op in self.ops:
            source = op.inputs["input"].arguments[0].name if op.type == "dequantize" else op.outputs[0].name
            if op.type in ("quantize", "dequantize") and source in codes:
                yield self._constant(op, field)

    def weight(self, name: str, field: str) -> Iterator[Any]:
        """The constant of its constexpr operation."""
        for op in self.ops:
            if op.type in _FIELDS and (_find(self.sidecar.weights, op.outputs[0].name) or ("",))[0] == name:
                yield self._constant(op, _FIELDS[op.type][field])

    def bias(self, name: str, field: str) -> Iterator[Any]:
        """The constant of the layer."""
        variable = next(key for key, (bias, _) in self.sidecar.biases.items() if bias == name)
        yield self._constant(_find(self.producers, variable), "bias")

    def step(self, value: Any) -> None:
        """Change the middle element."""
        dtype = np.dtype(_DTYPES[value.type.tensorType.dataType])
        if value.WhichOneof("value") == "blobFileValue":
            _, _, size, offset, _ = _METADATA.unpack_from(self.weights, value.blobFileValue.offset)
            array = np.frombuffer(self.weights, dtype, size // dtype.itemsize, offset)
            _step(array)
            return
        tensor = value.immediateValue.tensor
        if tensor.WhichOneof("value") == "bytes":
            array = np.frombuffer(bytearray(tensor.bytes.values), dtype)
            _step(array)
            tensor.bytes.values = array.tobytes()
        else:
            array = np.array(tensor.floats.values, np.float32)
            _step(array)
            tensor.floats.values[:] = array.tolist()

    def _is(self, op: Any, name: str) -> bool:
        names = self.sidecar.tensors
        variables = (op.outputs[0].name, op.inputs["input"].arguments[0].name)
        return next((names[key] for key in variables if key in names), "") == name

    def _constant(self, op: Any, field: str) -> Any:
        if field in op.attributes:
            return op.attributes[field]
        if field not in op.inputs:
            return self._zero(op, field)
        return self.producers[op.inputs[field].arguments[0].name].attributes["val"]

    def _zero(self, op: Any, field: str) -> Any:
        """Write a zero point that was left out."""
        number = op.outputs[0].type.tensorType.dataType
        if op.type == "dequantize":
            number = self.producers[op.inputs["input"].arguments[0].name].outputs[0].type.tensorType.dataType
        value = op.inputs[field].arguments.add().value
        value.type.tensorType.dataType = number
        value.immediateValue.tensor.bytes.values = b"\0"
        return value


def _step(array: Any) -> None:
    middle = array.size // 2
    if array.dtype.kind == "f":
        array[middle] = np.nextafter(array[middle], array.dtype.type(np.inf))
    else:
        array[middle] = int(array[middle]) + (-1 if array[middle] > 0 else 1)
