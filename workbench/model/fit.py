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


def shape_error(what: str, shape: Sequence[int | str], spec: TensorSpec) -> DataError:
    """Return the error for samples whose shape (without the batch axis) is not the input's."""
    return DataError(
        f"{what} gives samples of {shape_text(shape)}, the input {spec.name} takes {shape_text(spec.shape[1:])}",
        how="The first axis of the input counts samples; mend [preprocess] or the array.",
    )


def shape_text(shape: Sequence[int | str]) -> str:
    """Return a shape in words, such as "[3, 224, width]"."""
    return f"[{', '.join(str(axis) for axis in shape)}]"


def inputs_text(inputs: tuple[TensorSpec, ...]) -> str:
    """Return names, dtypes and whole shapes of inputs in words."""
    return ", ".join(f"{spec.name} {spec.dtype} {shape_text(spec.shape)}" for spec in inputs)
