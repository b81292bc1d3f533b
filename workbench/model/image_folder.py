"""Folders of images: which files are samples, their labels, and decoding one file."""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from workbench.errors import DataError
from workbench.model.foreign import HEAD_BYTES, lost_download
from workbench.model.labels import class_indices, read_label_csv
from workbench.model.pixels import eight_bit_image, remarks_of

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"}
)
_UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".dng", ".cr2", ".nef", ".arw", ".psd", ".exr", ".tga"}
)
"""Of pictures that are not read: a person should see them named, not among other files."""
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, OverflowError, struct.error,
    zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


@dataclass(frozen=True)
class ImageList:
    """Images of a folder, sorted by relative path.

    Attributes:
        files: paths relative to the folder, with forward slashes.
        labels: class index per file, or None when unlabelled.
        label_names: class names by index; empty when labels are numbers.
        notes: what was left out or decided, in words.
    """

    files: tuple[str, ...]
    labels: tuple[int, ...] | None
    label_names: tuple[str, ...]
    notes: tuple[str, ...]


def list_images(folder: Path, labels: str | None) -> ImageList:
    """List the images of `folder`; hidden files and files of other kinds are noted, not counted.

    Args:
        labels: None: sub-folders are the classes; "": unlabelled; else the path of a CSV (file,label), whose rows
            are then the samples, whatever other files the folder holds.

    Raises:
        DataError: no folder, no images, images beside class folders, or a damaged CSV.
    """
    if not folder.is_dir():
        raise _no_folder(folder)
    if labels:
        return _from_csv(read_label_csv(Path(labels)))
    files, notes = _walk(folder)
    if not files:
        raise _no_images(folder, notes)
    return ImageList(files, None, (), notes) if labels == "" else _from_folders(folder, files, notes)


def decode_image(data: bytes) -> Image.Image:
    """Decode the content of an image file completely. Pixels as stored: no EXIF orientation.

    Raises:
        DataError: not an image, truncated, damaged, too many pixels (Pillow's limit), or 32-bit pixels.
    """
    return _decoded(data, draft=False)


def check_decodable(data: bytes) -> frozenset[str]:
    """Read an image completely, JPEG at 1/8 scale since its whole stream is read all the same; return its remarks.

    Raises:
        DataError: as `decode_image`.
    """
    image = _decoded(data, draft=True)
    remarks = remarks_of(image)
    eight_bit_image(image)
    return remarks


def _decoded(data: bytes, *, draft: bool) -> Image.Image:
    if not data:
        raise DataError("the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if draft:
            image.draft(None, (1, 1))
        image.load()
    except UnidentifiedImageError as error:
        lost = lost_download(data[:HEAD_BYTES])
        if lost is not None:
            raise DataError(f"not an image but {lost.title}", why=lost.why, how=lost.how) from error
        raise DataError("not an image of a known format") from error
    except _DECODER_ERRORS as error:
        raise DataError(str(error) or type(error).__name__) from error
    return image


def _no_folder(path: Path) -> DataError:
    """Return the error for a path of images that is no folder."""
    if not path.exists():
        return DataError(f"the folder of images {path.name} does not exist", how="Mend data path in the study.")
    hints = {
        ".npz": 'Set kind = "arrays".', ".npy": 'Set kind = "arrays".',
        ".csv": "Give it as labels, and the folder of the images as path.", ".zip": "Unpack it, and give the folder.",
    }  # fmt: skip
    how = hints.get(path.suffix.lower(), "Give the folder that holds it.")
    return DataError(f"{path.name} is a file", why='kind = "images" reads a folder', how=how)


def _no_images(folder: Path, notes: tuple[str, ...]) -> DataError:
    arrays = any(path.suffix.lower() in (".npy", ".npz") for path in folder.iterdir())
    how = (
        'Stack its arrays into one file with numpy.savez, one sample per row, and set kind = "arrays".'
        if arrays
        else f"Known are {_suffix_text()}."
    )
    return DataError(f"the folder {folder.name} holds no images", why="; ".join(notes), how=how)


def _from_csv(rows: dict[str, str]) -> ImageList:
    files = tuple(sorted(rows))
    indices, names = class_indices([rows[file] for file in files], list(rows.values()))
    return ImageList(files, indices, names, ())


def _from_folders(folder: Path, files: tuple[str, ...], notes: tuple[str, ...]) -> ImageList:
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    loose = [file for file in files if "/" not in file]
    if len(loose) == len(files):
        return ImageList(files, None, (), (*notes, "no sub-folders with images: unlabelled"))
    if loose:
        raise DataError(
            f"{folder.name} holds {len(loose)} images beside its class folders",
            why=f"such as {loose[0]}",
            how='Move them into a class folder, or set labels = "" or a CSV.',
        )
    texts = [file.split("/", 1)[0] for file in files]
    bare = sorted(set(classes) - set(texts))
    empty = (f"class folders without images: {_some(bare)}",) if bare else ()
    indices, names = class_indices(texts, classes)
    return ImageList(files, indices, names, notes + empty)


def _walk(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return image files and notes; links to folders are followed, each real folder once."""
    images: list[str] = []
    others: list[str] = []
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        folders[:] = [] if real in seen else sorted(folders)
        if real in seen:
            continue
        seen.add(real)
        for name in names:
            relative = Path(root, name).relative_to(folder)
            (images if _is_image(relative) else others).append(relative.as_posix())
    return tuple(sorted(images)), _left_out(sorted(others))


def _left_out(others: list[str]) -> tuple[str, ...]:
    """Return notes on files that are no samples, pictures of kinds that are not read first."""
    unread = [name for name in others if Path(name).suffix.lower() in _UNREAD_SUFFIXES]
    rest = [name for name in others if name not in set(unread)]
    notes = [f"{len(unread)} pictures of a kind that is not read, left out: {_some(unread)}"] if unread else []
    return (*notes, *([f"{len(rest)} other files not counted: {_some(rest)}"] if rest else []))


def _is_image(relative: Path) -> bool:
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and relative.suffix.lower() in IMAGE_SUFFIXES


def _some(names: list[str], count: int = 5) -> str:
    shown = ", ".join(names[:count])
    return shown if len(names) <= count else f"{shown} and {len(names) - count} more"


def _suffix_text() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES))
