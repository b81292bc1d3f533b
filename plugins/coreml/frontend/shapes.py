"""Free dimensions of a model's inputs: a MIL program is built for fixed ones."""

from __future__ import annotations

import onnx


def with_batch(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """Return a copy whose free dimensions are numbers.

    An input's first dimension becomes `batch` where it is free, and so does every other one with the same symbol.
    Declared shapes of outputs and of tensors in between are dropped: they are found again from the inputs.
    Dimensions that stay free are listed by `convert.unsupported`.

    Args:
        model: not changed.
        batch: samples per run, at least 1.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    symbols = {dimension.dim_param for dimension in _first_dimensions(fixed) if dimension.dim_param}
    for value in fixed.graph.input:
        for place, dimension in enumerate(value.type.tensor_type.shape.dim):
            is_free = not dimension.HasField("dim_value")
            if is_free and (place == 0 or dimension.dim_param in symbols):
                dimension.dim_value = batch
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    fixed.graph.ClearField("value_info")
    return fixed


def _first_dimensions(model: onnx.ModelProto) -> list[onnx.TensorShapeProto.Dimension]:
    shapes = [value.type.tensor_type.shape.dim for value in model.graph.input]
    return [dimensions[0] for dimensions in shapes if len(dimensions)]
