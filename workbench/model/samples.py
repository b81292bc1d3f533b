"""Samples as the model's inputs: checked against the model, read in batches, never more than a few in memory.

Pillow is loaded only to decode images: arrays and kept pixels need none.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.files import canonical_json, sha256_of_bytes, sha256_of_file
from workbench.model.array_file import RowArray
from workbench.model.array_samples import array_reader, sequence_reader
from workbench.model.feedback import Feedback, Feeds
from workbench.model.fit import fits, inputs_text, shape_error
from workbench.model.graph import TensorSpec
from workbench.model.pixel_cache import open_pixels
from workbench.model.prefetch import prefetched
from workbench.model.preprocess import Preprocess, normalized, preprocess_image
from workbench.model.sample_index import SampleIndex
from workbench.model.scan import DataSpec, changed_since

CHUNK_BYTES = 4 * 2**20
"""Batches are read ahead in chunks of this size: one hand-over between threads for many small batches."""
ALIGNMENT_BYTES = 16
"""Of every array given out, as numpy's own: a runtime may take another way for odd addresses."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples ready to be fed, one per run and batch row.

    With `feedback` a sample is a frame: those of a sequence follow one another, their state inputs are not among the
    feeds, and names are those of the sequences.

    Attributes:
        names: one per sample, as in the index.
        labels: int64 [n], or None.
        label_names: class names by index; empty when labels are numbers.
        sha256: content, order and preprocessing.
        index: the list they come from.
        feedback: how a recurrent model's state goes from frame to frame; None for independent samples.
    """

    names: tuple[str, ...]
    labels: npt.NDArray[np.int64] | None
    label_names: tuple[str, ...]
    sha256: str
    index: SampleIndex
    _read: Callable[[range], Feeds] = field(repr=False)
    _chunk_bytes: int = field(repr=False, default=CHUNK_BYTES)
    feedback: Feedback | None = None

    @property
    def n(self) -> int:
        """Number of samples; with feedback, frames of all sequences."""
        return len(self.names) * (self.feedback.frames if self.feedback else 1)

    def batches(self, batch: int, start: int = 0, prefetch: int = 2) -> Generator[Feeds]:
        """Yield the model's inputs, C-contiguous [batch, ...] each, in order; the last batch may be short.

        Arrays are never used again for other samples, and may be parts of larger ones.

        Args:
            batch: samples per batch, at least 1.
            start: the first sample.
            prefetch: chunks made ahead in one background thread, which ends when the iterator is closed; 0: none.

        Raises:
            DataError: a file cannot be read or decoded, changed since the scan, or does not fit the model's input.
        """
        if batch < 1:
            raise ValueError(f"batch must be at least 1, not {batch}")
        return self._stream(batch, start, prefetch)

    def _stream(self, batch: int, start: int, prefetch: int) -> Generator[Feeds]:
        with closing(prefetched(self._chunks(batch, start), prefetch)) as chunks:
            for chunk in chunks:
                yield from chunk

    def _chunks(self, batch: int, start: int) -> Iterator[list[Feeds]]:
        """Read one batch, then two, four ... until a chunk has its size: the caller need not wait for a whole one."""
        count = 1
        while start < self.n:
            stop = min(start + count * batch, self.n)
            feeds = self._read(range(start, stop))
            yield _split(feeds, batch)
            batch_bytes = sum(array.nbytes for array in feeds.values()) / (stop - start) * batch
            count = max(1, min(2 * count, int(self._chunk_bytes / max(1, batch_bytes))))
            start = stop


def _split(feeds: Feeds, batch: int) -> list[Feeds]:
    """Return the batches of a chunk: parts of its arrays, copied where a part would begin at an odd address."""
    n = len(next(iter(feeds.values())))
    if n <= batch:
        return [feeds]
    aligned = {name: array[:batch].nbytes % ALIGNMENT_BYTES == 0 for name, array in feeds.items()}
    return [
        {name: array[k : k + batch] if aligned[name] else array[k : k + batch].copy() for name, array in feeds.items()}
        for k in range(0, n, batch)
    ]


def open_samples(
    spec: DataSpec,
    index: SampleIndex,
    preprocess: Preprocess,
    inputs: tuple[TensorSpec, ...],
    pixels: Path | None = None,
    state: Mapping[str, str] | None = None,
) -> Samples:
    """Check the samples against the model's inputs and make them ready.

    Args:
        state: state input -> output fed back into it, of a recurrent model; samples then are sequences of frames.
        pixels: the file in which the scan kept the decoded images; the same values come without decoding them again.

    Raises:
        DataError: names, shapes or dtypes do not fit, a file changed since the scan (size or content; the content of
            every sample that is not read from `pixels` is checked again when it is read), or `pixels` is not theirs.
    """
    if index.kind != spec.kind:
        raise DataError(f"the list of samples is of {index.kind}, the data section of {spec.kind}")
    read, feedback = _reader(spec, index, preprocess, inputs, pixels, state or {})
    chunk_bytes = 0 if isinstance(read, _ImageReader) else CHUNK_BYTES  # decoding takes longer than handing over
    identity = {
        "content": index.sha256,
        "preprocess": preprocess.to_json(),
        **({"state": dict(state)} if state else {}),
    }
    labels = None if index.labels is None else np.array(index.labels, dtype=np.int64)
    sha256 = sha256_of_bytes(canonical_json(identity))
    return Samples(index.files, labels, index.label_names, sha256, index, read, chunk_bytes, feedback)


def _reader(
    spec: DataSpec,
    index: SampleIndex,
    preprocess: Preprocess,
    inputs: tuple[TensorSpec, ...],
    pixels: Path | None,
    state: Mapping[str, str],
) -> tuple[Callable[[range], Feeds], Feedback | None]:
    if spec.kind == "arrays" and state:
        return sequence_reader(spec, index, preprocess, inputs, state)
    if spec.kind == "arrays":
        return array_reader(spec, index, preprocess, inputs), None
    return _image_reader(spec, index, preprocess, inputs, pixels), None


@dataclass(frozen=True)
class _PixelReader:
    pixels: RowArray
    preprocess: Preprocess
    input: TensorSpec

    def __call__(self, positions: range) -> Feeds:
        x = normalized(self.pixels.rows(positions), self.preprocess)
        return {self.input.name: x.astype(np.dtype(self.input.dtype), copy=False)}


@dataclass(frozen=True)
class _ImageReader:
    folder: Path
    index: SampleIndex
    preprocess: Preprocess
    input: TensorSpec

    def __call__(self, positions: range) -> Feeds:
        first = self._image(positions[0])
        out = np.empty((len(positions), *first.shape), dtype=np.dtype(self.input.dtype))
        out[0] = first
        for k, position in enumerate(positions[1:], 1):
            image = self._image(position)
            if image.shape != first.shape:
                raise DataError(
                    f"{self.index.files[position]} gives {list(image.shape)}, an image before it {list(first.shape)}",
                    how="Set resize_short and center_crop, resize or letterbox in [preprocess].",
                )
            out[k] = image
        return {self.input.name: out}

    def _image(self, position: int) -> npt.NDArray[np.float32]:
        from workbench.model.image_folder import decode_image  # noqa: PLC0415  (loads Pillow)

        file = self.index.files[position]
        try:
            data = (self.folder / file).read_bytes()
            if sha256_of_bytes(data) != self.index.content_sha256[position]:
                raise changed_since(file)
            image = preprocess_image(decode_image(data), self.preprocess)
        except OSError as error:
            raise DataError(f"{file} cannot be read", why=error.strerror or str(error)) from error
        except DataError as error:
            raise error if file in error.what else DataError(file, why=str(error)) from error
        if not fits(image.shape, self.input.shape[1:]):
            raise shape_error(file, image.shape, self.input)
        return image


def _image_reader(
    spec: DataSpec, index: SampleIndex, preprocess: Preprocess, inputs: tuple[TensorSpec, ...], pixels: Path | None
) -> _ImageReader | _PixelReader:
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise DataError(
            "images fit a model with one input of 4 axes", why=f"this one has {inputs_text(inputs)}",
            how='Use kind = "arrays".',
        )  # fmt: skip
    _check_image_dtype(inputs[0], preprocess)
    _check_image_shape("[preprocess]", preprocess.height_width or ("height", "width"), preprocess, inputs[0])
    _refuse_changed_files(spec, index)
    if pixels is None:
        return _ImageReader(spec.path, index, preprocess, inputs[0])
    kept = open_pixels(pixels, index, preprocess)
    _check_image_shape(index.files[0], kept.shape[1:3], preprocess, inputs[0])
    return _PixelReader(kept, preprocess, inputs[0])


def _check_image_shape(what: str, height_width: Sequence[int | str], preprocess: Preprocess, spec: TensorSpec) -> None:
    height, width = height_width
    channels = preprocess.channels
    shape = (channels, height, width) if preprocess.layout == "NCHW" else (height, width, channels)
    if not fits(shape, spec.shape[1:]):
        raise shape_error(what, shape, spec)


def _check_image_dtype(spec: TensorSpec, preprocess: Preprocess) -> None:
    if spec.dtype in ("float32", "float16", "float64"):
        return
    plain = (*preprocess.mean, *preprocess.std) == (0.0,) * len(preprocess.mean) + (1.0,) * len(preprocess.std)
    if spec.dtype != "uint8" or not plain:
        raise DataError(
            f"images cannot be fed to input {spec.name} of type {spec.dtype}",
            how='uint8 takes pixels without mean and std; other types need kind = "arrays".',
        )


def _refuse_changed_files(spec: DataSpec, index: SampleIndex) -> None:
    """Compare sizes; where the modification time differs too, compare the content."""
    if spec.labels:
        _refuse_changed_since(Path(spec.labels), Path(spec.labels).name, -1, -1, index.csv_sha256)
    for file, size, modified_ns, content in zip(
        index.files, index.sizes, index.modified_ns, index.content_sha256, strict=True
    ):
        _refuse_changed_since(spec.path / file, file, size, modified_ns, content)


def _refuse_changed_since(path: Path, name: str, size: int, modified_ns: int, content: str) -> None:
    """Raise DataError unless size and time, or the content, are as scanned; size -1 compares the content only."""
    try:
        status = path.stat()
        same = size in (-1, status.st_size) and (status.st_mtime_ns == modified_ns or sha256_of_file(path) == content)
    except OSError as error:
        raise DataError(f"{name} cannot be read", why=error.strerror or str(error)) from error
    if not same:
        raise changed_since(name)
