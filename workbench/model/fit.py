"""Whether the shape of samples fits an input of the model, and the words when it does not."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import DataError
from workbench.model.graph import TensorSpec


def fits(shape: Sequence[int | str], wanted: Sequence[int | str]) -> bool:
    """Whether every axis that both sides know is equal; names stand for axes of any length."""
    return len(shape) == len(wanted) and all(
        isinstance(a, str) or isinstance(b, str) or a == b for a, b in zip(shape, wanted, strict=True)
    )


def shape_error(what: str, shape: Sequence[int | str], spec: TensorSpec, *, rows: int | None = None) -> DataError:
    """Return the error for samples whose shape (without the batch axis) is not the input's, with a likely cause.

    Args:
        rows: length of the first axis of an array; None for images.
    """
    wanted = spec.shape[1:]
    return DataError(
        f"{what} gives samples of {shape_text(shape)}, the input {spec.name} takes {shape_text(wanted)}",
        how=_image_hint(shape, wanted) if rows is None else _array_hint(shape, wanted, rows),
    )


def _image_hint(shape: Sequence[int | str], wanted: Sequence[int | str]) -> str:
    if len(shape) == 3 and fits((shape[2], *shape[:2]), wanted):
        return 'Set layout = "NCHW" in [preprocess].'
    if len(shape) == 3 and fits((*shape[1:], shape[0]), wanted):
        return 'Set layout = "NHWC" in [preprocess].'
    colors = {1: "GRAY", 3: "RGB"}
    axis = 0 if len(shape) == len(wanted) and shape[1:] == wanted[1:] else -1
    if len(shape) == len(wanted) == 3 and shape[axis] != wanted[axis] and wanted[axis] in colors:
        return f'Set color = "{colors[int(wanted[axis])]}" in [preprocess].'
    return "Mend the sizes in [preprocess]: they are height and width of what the model takes."


def _array_hint(shape: Sequence[int | str], wanted: Sequence[int | str], rows: int) -> str:
    if len(shape) == 3 and fits((shape[2], *shape[:2]), wanted):
        return "Its channels stand last: save numpy.ascontiguousarray(array.transpose(0, 3, 1, 2))."
    if len(shape) == 3 and fits((*shape[1:], shape[0]), wanted):
        return "Its channels stand first: save numpy.ascontiguousarray(array.transpose(0, 2, 3, 1))."
    if fits((rows, *shape), wanted):
        return "It looks like one sample without an axis that counts samples: save array[numpy.newaxis]."
    if shape and shape[0] == 1 and fits(shape[1:], wanted):
        return "Each of its samples has a batch axis of its own: save array[:, 0]."
    return "The first axis of an array counts samples, the others must be the input's."


def shape_text(shape: Sequence[int | str]) -> str:
    """Return a shape in words, such as "[3, 224, width]"."""
    return f"[{', '.join(str(axis) for axis in shape)}]"


def inputs_text(inputs: tuple[TensorSpec, ...]) -> str:
    """Return names, dtypes and whole shapes of inputs in words."""
    return ", ".join(f"{spec.name} {spec.dtype} {shape_text(spec.shape)}" for spec in inputs)
