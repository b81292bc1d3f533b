"""Inputs without axes, such as a sample rate, as constants of the model.

They cannot differ between the samples of one run, so the one value that all samples give becomes part of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper

from workbench.errors import DataError
from workbench.model.array_file import open_arrays
from workbench.model.branches import inline_branches
from workbench.model.folding import fold_constants
from workbench.model.graph import TensorSpec
from workbench.model.load import Model
from workbench.model.protos import copy_without

Array = npt.NDArray[Any]


def scalar_values(inputs: Sequence[TensorSpec], files: Sequence[Path]) -> dict[str, Array]:
    """Return the value of every input without axes that the array files hold, [] in the input's dtype.

    Args:
        files: .npz files; each array has any shape, its first axis counts the samples.

    Raises:
        DataError: a file cannot be read, its values are not all the same, or do not fit the input's type.
    """
    scalars = [spec for spec in inputs if not spec.shape]
    arrays = [open_arrays(path) for path in files] if scalars else []
    found: dict[str, Array] = {}
    for spec in scalars:
        values = [opened[spec.name].rows(range(opened[spec.name].shape[0])) for opened in arrays if spec.name in opened]
        if values:
            found[spec.name] = _only(np.concatenate([value.reshape(-1) for value in values]), spec)
    return found


def bind_inputs(model: Model, values: Mapping[str, Array]) -> Model:
    """Return the model with these inputs as constants, and a note about each; the model itself without any.

    Ifs that are settled by them become the branch they take: some runtimes cannot compile the others.
    """
    if not values:
        return model
    proto = copy_without(model.proto, ())
    kept = [value for value in proto.graph.input if value.name not in values]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    fold_constants(proto)
    while inline_branches(proto.graph):
        fold_constants(proto)
    notes = [f"Input {name} is {value} in all samples: it is a constant here." for name, value in values.items()]
    inputs = tuple(spec for spec in model.inputs if spec.name not in values)
    return replace(model, proto=proto, inputs=inputs, notes=(*model.notes, *notes))


def _only(values: Array, spec: TensorSpec) -> Array:
    different = np.unique(values)
    if len(different) != 1:
        shown = ", ".join(str(value) for value in different[:3])
        raise DataError(
            f"the input {spec.name} has {len(different)} values ({shown}, ...)",
            why="it has no axes: one value holds for a whole run",
            how="Make one study for each value, with the samples that belong to it.",
        )
    value = np.asarray(different[0]).astype(np.dtype(spec.dtype))
    if value != different[0]:
        raise DataError(f"the value {different[0]} for the input {spec.name} does not fit {spec.dtype}")
    return value
