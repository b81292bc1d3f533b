"""Pixels kept by a scan: every image decoded and fitted once, for all who read the samples afterwards.

Two files in one folder: pixels.npy, uint8 [n, H, W, C], RGB or gray, in the order of the list of samples; and
pixels.json, which tells which list and which fit they are of. Pixels are normalized when they are read.
NOT here: decoding and fitting (image_folder, pixels); Pillow is not needed to read what was kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.files import write_json_atomic
from workbench.model.array_file import RowArray, open_arrays
from workbench.model.preprocess import Preprocess
from workbench.model.sample_index import SampleIndex

PIXELS_NAME = "pixels.npy"
LARGEST_FILE_BYTES = 4 * 2**30
LARGEST_IMAGE_BYTES = 8 * 2**20
"""Beyond either limit images are decoded whenever they are read; a scan holds a few decoded images in memory."""
FREE_PER_BYTE = 2
"""The disk must have this many times the pixels' size free."""

Pixels = npt.NDArray[np.uint8]


def pixels_key(preprocess: Preprocess) -> dict[str, Any]:
    """Return what the kept pixels depend on besides the files: the fit, and the version of Pillow."""
    try:
        pillow = version("pillow")
    except PackageNotFoundError:
        pillow = ""
    return {"geometry": preprocess.geometry, "pillow": pillow}


class PixelWriter:
    """Keeps the pixels of a scan, as long as all images have one size and there is room for them.

    It gives up without an error, and leaves no file behind, when images differ in size, an image cannot be fitted,
    the pixels are too many, or the disk is too full; whoever reads the samples then decodes them again.

    Attributes:
        preprocess: the fit of the images.
        is_wanted: False once it has given up or is complete: further pixels need not be made.
    """

    def __init__(self, folder: Path, preprocess: Preprocess) -> None:
        self.preprocess, self.is_wanted = preprocess, True
        self._path = folder / PIXELS_NAME
        self._partial = self._path.with_suffix(".npy.tmp")
        self._stream: IO[bytes] | None = None
        self._shape: tuple[int, ...] = ()
        self._rows = 0

    def append(self, pixels: Pixels | None, at_most: int) -> None:
        """Add one image, uint8 [H, W, C]; None for one that cannot be fitted.

        Args:
            at_most: images that may come in all, this one and those before it included.
        """
        if not self.is_wanted:
            return
        try:
            if pixels is None or not (self._stream or self._begun(pixels, at_most)) or pixels.shape != self._shape:
                self.give_up()
                return
            assert self._stream is not None
            self._stream.write(np.ascontiguousarray(pixels).data)
            self._rows += 1
        except OSError:
            self.give_up()

    def complete(self, index: SampleIndex) -> None:
        """Make the files appear, if pixels of all samples of `index` came; else give up. Raises OutputError."""
        if not self.is_wanted or self._stream is None or self._rows != index.n:
            self.give_up()
            return
        try:
            _write_header(self._stream, (self._rows, *self._shape))
            self._stream.close()
            self._partial.replace(self._path)
        except OSError:
            self.give_up()
            return
        self.is_wanted = False
        record = {"samples_sha256": index.sha256, "shape": [self._rows, *self._shape], **pixels_key(self.preprocess)}
        write_json_atomic(_record_path(self._path), record)

    def give_up(self) -> None:
        """Keep nothing; what was written is removed."""
        self.is_wanted = False
        if self._stream is not None:
            with suppress(OSError):  # a full disk refuses the last bytes again
                self._stream.close()
        self._partial.unlink(missing_ok=True)

    def _begun(self, pixels: Pixels, at_most: int) -> bool:
        """Begin the file if there is room for `at_most` images like this one."""
        total = pixels.nbytes * at_most
        self._path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._path.parent).free
        if pixels.nbytes > LARGEST_IMAGE_BYTES or total > LARGEST_FILE_BYTES or FREE_PER_BYTE * total > free:
            return False
        self._shape = pixels.shape
        self._stream = self._partial.open("wb")
        _write_header(self._stream, (at_most, *self._shape))
        return True


def open_pixels(path: Path, index: SampleIndex, preprocess: Preprocess) -> RowArray:
    """Open kept pixels, uint8 [n, H, W, C]; they are read in rows, never mapped into memory.

    Raises:
        DataError: missing or cut off, of other samples, or of another fit.
    """
    record = _record(path)
    pixels = open_arrays(path).get("")
    wanted = {"samples_sha256": index.sha256, "geometry": preprocess.geometry}
    differing = [key for key, value in wanted.items() if record.get(key) != value]
    if pixels is None or not _is_of(pixels, index.n, preprocess.channels) or list(pixels.shape) != record.get("shape"):
        differing.append("shape")
    if pixels is None or differing:
        raise _foreign(path, f"differing: {', '.join(differing)}")
    return pixels


def _is_of(pixels: RowArray, n: int, channels: int) -> bool:
    return pixels.dtype == np.uint8 and len(pixels.shape) == 4 and (pixels.shape[0], pixels.shape[3]) == (n, channels)


def _record(path: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(_record_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _foreign(path, f"{_record_path(path).name} cannot be read") from error
    if not isinstance(record, dict):
        raise _foreign(path, f"{_record_path(path).name} is not an object")
    return record


def _record_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _foreign(path: Path, why: str) -> DataError:
    return DataError(
        f"the pixels kept in {path.name} are not of these samples", why=why, how="Delete the study's folder `data`."
    )


def _write_header(stream: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the .npy header at the file's beginning; its length does not depend on the number of rows."""
    stream.seek(0)
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
