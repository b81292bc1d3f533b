"""Element types: how ONNX's become those of a MIL program, which has 32-bit integers and floats at most."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from onnx.helper import np_dtype_to_tensor_dtype
from workbench_plugins.coreml.frontend.records import RefusedError

Array = npt.NDArray[Any]

MIL_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "fp32",
    TensorProto.DOUBLE: "fp32",
    TensorProto.FLOAT16: "fp16",
    TensorProto.INT64: "int32",
    TensorProto.UINT64: "int32",
    TensorProto.INT32: "int32",
    TensorProto.UINT32: "int32",
    TensorProto.INT16: "int16",
    TensorProto.UINT16: "uint16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.BOOL: "bool",
}
NUMPY_TYPES: dict[str, Any] = {
    "fp32": np.float32,
    "fp16": np.float16,
    "int32": np.int32,
    "int16": np.int16,
    "uint16": np.uint16,
    "int8": np.int8,
    "uint8": np.uint8,
    "bool": np.bool_,
}
FLOATS = frozenset({"fp32", "fp16"})
NARROWED = {
    TensorProto.DOUBLE: "float64 is computed in float32",
    TensorProto.INT64: "int64 is held in int32",
    TensorProto.UINT64: "uint64 is held in int32",
    TensorProto.UINT32: "uint32 is held in int32",
}


def mil_type(element_type: int) -> str:
    """Return the MIL type of an ONNX element type. Raises RefusedError where there is none."""
    found = MIL_TYPES.get(element_type)
    if found is None:
        name = TensorProto.DataType.Name(element_type).lower()
        raise RefusedError(f"a MIL program has no {name} tensors", "convert the model's tensors to float32")
    return found


def narrowed(array: Array) -> Array:
    """Return a constant in the type it has in a MIL program. Raises RefusedError where a value does not fit."""
    wanted = NUMPY_TYPES[mil_type(np_dtype_to_tensor_dtype(array.dtype))]
    if array.dtype.kind in "iu" and array.size and wanted is np.int32:
        limits = np.iinfo(np.int32)
        if int(array.max()) > limits.max or int(array.min()) < limits.min:
            raise RefusedError(f"a constant holds {array.max()}, and a MIL program has 32-bit integers")
    return array.astype(wanted, copy=False)
