"""Samples from array files: names, shapes and dtypes checked against the model's inputs, rows read when asked for.

A sample is one row of every array. For a model whose outputs are fed back a row [frames, ...] is a sequence, and each
of its frames is one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.model.array_file import RowArray, open_arrays
from workbench.model.feedback import Feedback, Feeds, zero_state
from workbench.model.fit import fits, inputs_text, shape_error, shape_text
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import Preprocess
from workbench.model.sample_index import SampleIndex
from workbench.model.scan import DataSpec, changed_since, row_hashes, scan

Array = npt.NDArray[Any]


Reader = Callable[[range], Feeds]


def array_reader(spec: DataSpec, index: SampleIndex, preprocess: Preprocess, inputs: tuple[TensorSpec, ...]) -> Reader:
    """Return what reads samples by their positions: input name -> [len(positions), ...]. Raises DataError."""
    opened = _opened(spec, index, preprocess)
    by_array = _inputs_by_array(list(opened), spec.path.name, inputs)
    for array in index.arrays:
        if array.name in by_array:
            _check_row(array.row_shape, by_array[array.name], spec.path.name, index.available)
            _check_dtype(array.dtype, by_array[array.name], spec.path.name)
    return _ArrayReader(index, tuple(opened.values()), by_array)


def sequence_reader(
    spec: DataSpec,
    index: SampleIndex,
    preprocess: Preprocess,
    inputs: tuple[TensorSpec, ...],
    state: Mapping[str, str],
) -> tuple[Reader, Feedback]:
    """Return what reads frames by their positions over all sequences, and how their state is fed back.

    Args:
        inputs: all inputs of the model; those that `state` names need no array, but may have one [sequences, *shape].
        state: state input -> the output fed back into it.

    Raises:
        DataError: the arrays do not fit, or differ in their frames.
    """
    opened = _opened(spec, index, preprocess)
    given = tuple(item for item in inputs if item.name not in state)
    by_array = _inputs_by_array(list(opened), spec.path.name, given)
    by_name = {array.name: array for array in index.arrays}
    frames = {_frames(by_name[name].row_shape, item, spec) for name, item in by_array.items()}
    if len(frames) != 1:
        raise DataError(f"arrays of {spec.path.name} differ in their frames", why=", ".join(map(str, sorted(frames))))
    for name, item in by_array.items():
        _check_dtype(by_name[name].dtype, item, spec.path.name)
    start = {item.name: _start(item, opened, index, spec) for item in inputs if item.name in state}
    feedback = Feedback(dict(state), frames.pop(), start)
    return _SequenceReader(_ArrayReader(index, tuple(opened.values()), by_array), feedback.frames), feedback


@dataclass(frozen=True)
class _ArrayReader:
    index: SampleIndex
    arrays: tuple[RowArray, ...]
    inputs: dict[str, TensorSpec]

    def __call__(self, positions: range) -> Feeds:
        rows = [self.index.rows[position] for position in positions]
        blocks = [array.rows(rows) for array in self.arrays]
        for position, content in zip(positions, row_hashes(blocks), strict=True):
            if content != self.index.content_sha256[position]:
                raise changed_since(self.index.files[position])
        by_name = {array.name: block for array, block in zip(self.arrays, blocks, strict=True)}
        return {spec.name: _converted(by_name[name], spec) for name, spec in self.inputs.items()}


@dataclass
class _SequenceReader:
    """Reads frames; the last sequence stays in memory, because the next frames are most likely its."""

    sequences: _ArrayReader
    frames: int
    held: tuple[int, Feeds] = field(default=(-1, {}))

    def __call__(self, positions: range) -> Feeds:
        first, last = positions[0] // self.frames, positions[-1] // self.frames
        parts = [self._part(number, positions) for number in range(first, last + 1)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _part(self, number: int, positions: range) -> Feeds:
        """Return the frames of one sequence that lie in `positions`."""
        held = self.held
        if held[0] != number:
            rows = self.sequences(range(number, number + 1))
            held = self.held = number, {name: block[0] for name, block in rows.items()}
        offset = number * self.frames
        part = slice(max(positions[0] - offset, 0), min(positions[-1] + 1 - offset, self.frames))
        return {name: block[part] for name, block in held[1].items()}


def _opened(spec: DataSpec, index: SampleIndex, preprocess: Preprocess) -> dict[str, RowArray]:
    """Open the arrays that the scan found, in its order, rows as it took them."""
    if not preprocess.is_identity:
        raise DataError(
            "[preprocess] is for images", how='Store arrays as the model takes them, or use kind = "images".'
        )
    _refuse_changed_arrays(spec, index)
    opened = open_arrays(spec.path)
    arrays = {array.name: opened[array.name] for array in index.arrays}
    return {name: array.grouped(spec.frames) for name, array in arrays.items()} if spec.frames else arrays


def _frames(row_shape: tuple[int, ...], item: TensorSpec, spec: DataSpec) -> int:
    """Return the frames in a row [frames, ...] of an array. Raises DataError."""
    if item.shape and row_shape and fits(row_shape[1:], item.shape[1:]):
        return row_shape[0]
    wanted = shape_text(("frames", *item.shape[1:]))
    single = not spec.frames and item.shape and fits(row_shape, item.shape[1:])
    raise DataError(
        f"{spec.path.name} gives sequences of {shape_text(row_shape)}, the input {item.name} takes {wanted}",
        how="Its rows look like frames: give frames = N, the frames of one sequence, in the [data] section."
        if single
        else "Store arrays [sequences, frames, ...], or [frames, ...] and give frames in the [data] section.",
    )


def _start(item: TensorSpec, opened: Mapping[str, RowArray], index: SampleIndex, spec: DataSpec) -> Array:
    """Return a state's values at the start of every sequence: its array if there is one, else zeros."""
    if item.name not in opened:
        return zero_state(item)
    array = opened[item.name]
    if spec.frames:
        raise DataError(
            f"{spec.path.name} holds the state {item.name} for every frame", why="it is fed back from frame to frame",
            how="Leave it out, or store arrays [sequences, frames, ...] and the state at each start [sequences, ...].",
        )  # fmt: skip
    if not fits(array.shape[1:], item.shape):
        raise DataError(
            f"{spec.path.name} starts the state {item.name} with {shape_text(array.shape[1:])}, "
            f"the input takes {shape_text(item.shape)}",
            how="Store it as [sequences, the input's whole shape], or leave it out to start from zeros.",
        )
    _check_dtype(array.dtype.name, item, spec.path.name)
    return _converted(array.rows(list(index.rows)), item)


def _refuse_changed_arrays(spec: DataSpec, index: SampleIndex) -> None:
    try:
        status = spec.path.stat()
    except OSError as error:
        raise DataError(f"{spec.path.name} cannot be read", why=error.strerror or str(error)) from error
    if (status.st_size,) != index.sizes:
        raise changed_since(spec.path.name)
    if (status.st_mtime_ns,) != index.modified_ns:
        now = scan(spec)
        if (now.sha256, now.labels_sha256) != (index.sha256, index.labels_sha256):
            raise changed_since(spec.path.name)


def _inputs_by_array(names: Sequence[str], file: str, inputs: tuple[TensorSpec, ...]) -> dict[str, TensorSpec]:
    """Return array name -> input. The only array of a file is the model's only input, whatever it is called."""
    if len(names) == len(inputs) == 1:
        return {names[0]: inputs[0]}
    missing = [spec.name for spec in inputs if spec.name not in names]
    if missing:
        found = ", ".join(name or "one array without a name" for name in names)
        raise DataError(
            f"{file} lacks the input {', '.join(missing)}",
            why=f"the model's inputs are {inputs_text(inputs)}; the file holds {found}",
            how=f"Name the arrays as the model's inputs, the labels labels: numpy.savez({file!r}, {missing[0]}=...); "
            "for an input that is an output fed back give state in [model].",
        )
    return {spec.name: spec for spec in inputs}


def _check_row(row_shape: tuple[int, ...], spec: TensorSpec, file: str, rows: int) -> None:
    if not spec.shape or not fits(row_shape, spec.shape[1:]):
        raise shape_error(file, row_shape, spec, rows=rows)


def _check_dtype(dtype: str, spec: TensorSpec, file: str) -> None:
    try:
        possible = np.can_cast(np.dtype(dtype), np.dtype(spec.dtype), casting="same_kind")
    except TypeError:
        possible = False
    if not possible:
        raise DataError(f"{file} has {dtype}, the input {spec.name} takes {spec.dtype}", how="Convert the array.")


def _converted(block: Array, spec: TensorSpec) -> Array:
    """Return the block in the input's dtype; floats may be rounded, but nothing may overflow or wrap."""
    if block.dtype.name == spec.dtype:
        return block
    with np.errstate(over="ignore"):
        out = block.astype(np.dtype(spec.dtype))
    floating = out.dtype.kind == "f"
    intact = np.array_equal(np.isfinite(out), np.isfinite(block)) if floating else np.array_equal(out, block)
    if not intact:
        raise DataError(f"values for the input {spec.name} do not fit {spec.dtype}", why=f"they are {block.dtype.name}")
    return out
