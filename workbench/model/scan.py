"""Scanning: list the samples of a [data] section, shuffle, limit, hash, find what cannot be decoded, keep pixels.

Pillow is loaded only to scan images: a worker that reads arrays or kept pixels needs none.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import DataError
from workbench.files import sha256_of_bytes, sha256_of_file
from workbench.model.array_file import RowArray, open_arrays
from workbench.model.foreign import lost_file
from workbench.model.labels import class_indices, refuse_mixed_labels
from workbench.model.pixel_cache import LARGEST_IMAGE_BYTES, Pixels, PixelWriter
from workbench.model.sample_index import ArraySpec, SampleIndex

LABELS_ARRAY = "labels"
_LIKE_LABELS = frozenset({"y", "y_test", "y_val", "label", "target", "targets", "classes", "class"})
_ROWS_AT_ONCE = 64

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DataSpec:
    """A `[data.*]` section of a study file, its paths already resolved.

    Attributes:
        kind: images | arrays.
        path: folder of images, or the .npz or .npy file.
        labels: None: sub-folders (images) or the array `labels` (arrays); "": unlabelled; else the path of a CSV.
        limit: take the first `limit` after the shuffle; None for all.
        seed: of the shuffle, numpy.random.default_rng(seed).permutation over the sorted list (arrays: the rows).
        frames: arrays whose rows are frames in the order of time: so many of them in a row are one sample, a sequence;
            None: a row is a sample.
    """

    kind: str
    path: Path
    labels: str | None = None
    limit: int | None = None
    seed: int = 0
    frames: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("images", "arrays"):
            raise DataError(f"data kind {self.kind!r} is not known", how="Use images or arrays.")
        if self.limit is not None and self.limit < 1:
            raise DataError(f"data limit {self.limit} leaves no samples", how="Use 1 or more, or leave it out.")
        if self.seed < 0:
            raise DataError(f"data seed {self.seed} is negative", how="Use 0 or more.")
        if self.frames is not None and (self.kind != "arrays" or self.frames < 1):
            raise DataError(f"data frames = {self.frames} does not fit {self.kind}", how="Use 1 or more, with arrays.")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `data_spec_from_json`."""
        return {
            "kind": self.kind, "path": str(self.path), "labels": self.labels, "limit": self.limit, "seed": self.seed,
            "frames": self.frames,
        }  # fmt: skip


@dataclass(frozen=True)
class _Checked:
    """What reading one file told; `reason` is empty when it can be decoded. `pixels` only where they are wanted."""

    size: int
    modified_ns: int
    sha256: str
    reason: str
    pixels: Pixels | None = None
    remarks: frozenset[str] = frozenset()


def data_spec_from_json(document: Mapping[str, Any]) -> DataSpec:
    """Read what `DataSpec.to_json` gave. Raises DataError on wrong values, KeyError on missing ones."""
    rest = (document[key] for key in ("labels", "limit", "seed", "frames"))
    return DataSpec(document["kind"], Path(document["path"]), *rest)


def scan(spec: DataSpec, on_progress: OnProgress | None = None, pixels: PixelWriter | None = None) -> SampleIndex:
    """Read every chosen sample once and list them.

    Args:
        on_progress: called with (done, total, name); what it raises ends the scan.
        pixels: keeps the decoded and fitted images, if it can; of no use for arrays.

    Raises:
        DataError: nothing there, nothing that can be decoded, or damaged labels or arrays.
    """
    report = on_progress or (lambda done, total, text: None)
    if spec.kind == "arrays":
        return _scan_arrays(spec, report)
    if pixels is None:
        return _scan_images(spec, report, None)
    try:
        index = _scan_images(spec, report, pixels)
    except BaseException:
        pixels.give_up()
        raise
    pixels.complete(index)
    return index


def changed_since(name: str) -> DataError:
    """Return the error for something that is not any more what the scan saw."""
    return DataError(f"{name} changed since the data was scanned", how="Scan the data again.")


def chosen(n: int, spec: DataSpec) -> list[int]:
    """Return the positions taken from a sorted list of `n`, in order: seeded shuffle, then the first `limit`."""
    return [int(i) for i in np.random.default_rng(spec.seed).permutation(n)[: spec.limit]]


def _selection_text(n: int, spec: DataSpec) -> str:
    taken = n if spec.limit is None else min(n, spec.limit)
    return f"{'all' if taken == n else f'first {taken} of'} {n} after a shuffle with seed {spec.seed}"


def _scan_images(spec: DataSpec, report: OnProgress, pixels: PixelWriter | None) -> SampleIndex:
    from workbench.model.image_folder import list_images  # noqa: PLC0415  (loads Pillow)

    listed = list_images(spec.path, spec.labels)
    order = chosen(len(listed.files), spec)
    files = [listed.files[i] for i in order]
    checked = list(_check_files(spec.path, files, report, pixels))
    good = [k for k, result in enumerate(checked) if not result.reason]
    undecodable = tuple((_printable(files[k]), r.reason) for k, r in enumerate(checked) if r.reason)
    if not good:
        raise DataError(
            f"no image of {spec.path.name} can be decoded",
            why=": ".join(undecodable[0]),
            how="Files in a label CSV are relative to data path." if spec.labels else "",
        )
    return SampleIndex(
        kind="images",
        files=tuple(files[k] for k in good),
        rows=(),
        sizes=tuple(checked[k].size for k in good),
        modified_ns=tuple(checked[k].modified_ns for k in good),
        labels=None if listed.labels is None else tuple(listed.labels[order[k]] for k in good),
        label_names=listed.label_names,
        content_sha256=tuple(checked[k].sha256 for k in good),
        undecodable=undecodable,
        available=len(listed.files),
        selection=_selection_text(len(listed.files), spec),
        csv_sha256=sha256_of_file(Path(spec.labels)) if spec.labels else "",
        notes=(
            *listed.notes,
            *_remark_notes([checked[k].remarks for k in good]),
            *_conflict_notes(
                [checked[k].sha256 for k in good], [listed.labels[order[k]] for k in good] if listed.labels else []
            ),
        ),
    )


def _conflict_notes(contents: Sequence[str], labels: Sequence[int]) -> tuple[str, ...]:
    """Return how many samples have the content of another one but another label."""
    found: dict[str, set[int]] = {}
    for content, label in zip(contents, labels, strict=False):
        found.setdefault(content, set()).add(label)
    count = sum(len(found[content]) > 1 for content in contents[: len(labels)])
    return (f"{count} samples have the content of another one, but another label",) if count else ()


def _remark_notes(remarks: Sequence[frozenset[str]]) -> tuple[str, ...]:
    """Return one sentence per remark, with the number of images it is true of."""
    from workbench.model.pixels import REMARKS  # noqa: PLC0415  (loads Pillow)

    counts = {key: sum(key in found for found in remarks) for key in REMARKS}
    return tuple(f"{count} of {len(remarks)} images {REMARKS[key]}" for key, count in counts.items() if count)


def _check_files(
    folder: Path, files: Sequence[str], report: OnProgress, pixels: PixelWriter | None
) -> Iterator[_Checked]:
    """Read and decode the files in a few threads (Pillow and hashlib release the GIL), results in order."""
    waiting: deque[Future[_Checked]] = deque()
    workers = min(4, os.cpu_count() or 1)
    undecodable = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="scan") as pool:
        for done in range(1, len(files) + 1):
            ahead = files[done - 1 + len(waiting) : done + 2 * workers]
            waiting.extend(pool.submit(_check_file, folder, file, pixels) for file in ahead)
            result = waiting.popleft().result()
            undecodable += bool(result.reason)
            if pixels is not None and not result.reason:
                pixels.append(result.pixels, len(files) - undecodable)
            yield replace(result, pixels=None)
            report(done, len(files), _printable(files[done - 1]))


def _check_file(folder: Path, file: str, pixels: PixelWriter | None) -> _Checked:
    if _printable(file) != file:
        return _Checked(0, 0, "", "its name is not valid Unicode")
    try:
        with (folder / file).open("rb") as stream:
            modified_ns = os.fstat(stream.fileno()).st_mtime_ns
            data = stream.read()
        kept, remarks = _decoded(data, pixels)
    except OSError as error:
        return _Checked(0, 0, "", f"cannot be read: {error.strerror or error}")
    except DataError as error:
        return _Checked(0, 0, "", str(error))
    return _Checked(len(data), modified_ns, sha256_of_bytes(data), "", kept, remarks)


def _decoded(data: bytes, pixels: PixelWriter | None) -> tuple[Pixels | None, frozenset[str]]:
    """Decode an image; return its pixels if they are wanted and of a size that is kept, and its remarks.

    Raises:
        DataError: it cannot be decoded.
    """
    from workbench.model.image_folder import check_decodable, decode_image  # noqa: PLC0415  (loads Pillow)
    from workbench.model.pixels import eight_bit_image, fitted_pixels, remarks_of  # noqa: PLC0415  (loads Pillow)

    if pixels is None or not pixels.is_wanted:
        return None, check_decodable(data)
    image = decode_image(data)
    remarks = remarks_of(image)
    eight_bit_image(image)
    try:
        fitted = fitted_pixels(image, pixels.preprocess)
    except DataError:
        return None, remarks  # it can be decoded, but not fitted: named when the samples are read
    return fitted if fitted.nbytes <= LARGEST_IMAGE_BYTES else None, remarks


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _scan_arrays(spec: DataSpec, report: OnProgress) -> SampleIndex:
    if spec.labels:
        raise DataError("a CSV of labels is for images", how=f"Store the labels as array {LABELS_ARRAY!r}.")
    status = _status(spec.path)
    arrays, label_array, notes = _sample_arrays(spec.path)
    n = _common_rows(spec.path, [*arrays, *([label_array] if label_array else [])])
    if spec.frames:
        arrays, n, found = _sequences(spec, arrays, n)
        label_array, notes = None, (*notes, *found)
    labels, label_names = _labels(spec, label_array)
    rows = chosen(n, spec)
    hashes, nonfinite = _hash_rows(arrays, rows, spec.path.name, report)
    notes = (*notes, *_conflict_notes(hashes, [labels[row] for row in rows] if labels else []))
    notes += _odd_notes([_rows_text(row, spec.frames) for row, odd in zip(rows, nonfinite, strict=True) if odd])
    return SampleIndex(
        kind="arrays",
        files=tuple(f"{spec.path.name}[{_rows_text(row, spec.frames)}]" for row in rows),
        rows=tuple(rows),
        sizes=(status.st_size,),
        modified_ns=(status.st_mtime_ns,),
        labels=None if labels is None else tuple(labels[row] for row in rows),
        label_names=label_names,
        content_sha256=hashes,
        arrays=tuple(ArraySpec(a.name, a.dtype.name, a.shape[1:]) for a in arrays),
        nonfinite=sum(nonfinite),
        available=n,
        selection=_selection_text(n, spec),
        notes=notes,
    )


def _sequences(spec: DataSpec, arrays: Sequence[RowArray], n: int) -> tuple[list[RowArray], int, tuple[str, ...]]:
    """Return arrays whose rows are sequences of `spec.frames` rows, their number, and a note on what is left over."""
    frames = spec.frames or 1
    if n < frames:
        raise DataError(
            f"{spec.path.name} holds {n} frames, fewer than one sequence of {frames}", how="Give a smaller frames."
        )
    left = n % frames
    note = f"the last {left} frames fill no sequence of {frames}, left out"
    return [array.grouped(frames) for array in arrays], n // frames, (note,) if left else ()


def _odd_notes(rows: Sequence[str], shown: int = 5) -> tuple[str, ...]:
    more = f" and {len(rows) - shown} more" if len(rows) > shown else ""
    return (f"NaN or infinite values in rows {', '.join(rows[:shown])}{more}",) if rows else ()


def _rows_text(row: int, frames: int | None) -> str:
    return str(row) if frames is None else f"{row * frames}:{(row + 1) * frames}"


def _status(path: Path) -> os.stat_result:
    if path.is_dir():
        has_arrays = any(item.suffix.lower() in (".npy", ".npz") for item in path.iterdir())
        raise DataError(
            f"{path.name} is a folder", why='kind = "arrays" reads one .npz or .npy file',
            how="Stack its arrays into one: numpy.save('all.npy', numpy.stack([numpy.load(f) for f in files]))."
            if has_arrays else 'Give the file in it, or set kind = "images".',
        )  # fmt: skip
    if not path.is_file():
        raise DataError(f"the array file {path.name} does not exist", how="Mend data path: an .npz or .npy file.")
    lost = lost_file(path)
    if lost is not None:
        raise DataError(f"{path.name} is {lost.title}", why=lost.why, how=lost.how)
    return path.stat()


def _sample_arrays(path: Path) -> tuple[list[RowArray], RowArray | None, tuple[str, ...]]:
    """Return the arrays of numbers in name order, the labels, and notes on arrays that are neither."""
    opened = open_arrays(path)
    label_array = opened.pop(LABELS_ARRAY, None)
    arrays = [opened[name] for name in sorted(opened) if opened[name].dtype.kind in "biufc"]
    other = sorted(name for name in opened if opened[name].dtype.kind not in "biufc")
    if not arrays:
        raise DataError(f"{path.name} holds no array of numbers", how="Name the arrays as the model's inputs.")
    left_out = (f"arrays not of numbers, left out: {', '.join(other)}",) if other else ()
    return arrays, label_array, (*left_out, *_array_notes(list(opened.values()), label_array))


def _array_notes(arrays: Sequence[RowArray], labels: RowArray | None) -> tuple[str, ...]:
    """Return what a person may have meant otherwise: labels of another name, pixels without mean and std."""
    like_labels = [a.name for a in arrays if a.name.lower() in _LIKE_LABELS and len(a.shape) == 1]
    pixels = [a.name or "of the file" for a in arrays if a.dtype == np.uint8 and len(a.shape) > 2]
    notes = []
    if like_labels and labels is None:
        notes.append(f"array {like_labels[0]} is not read as labels: only one called {LABELS_ARRAY} is")
    if pixels:
        notes.append(f"array {pixels[0]} is uint8 and fed as it is, 0 to 255: arrays get no mean and std")
    return tuple(notes)


def _common_rows(path: Path, arrays: Sequence[RowArray]) -> int:
    counts = {array.name: array.shape[0] for array in arrays}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DataError(f"arrays of {path.name} differ in their number of rows", why=listed)
    n = next(iter(counts.values()))
    if n == 0:
        raise DataError(f"{path.name} holds no samples", why="its arrays have 0 rows")
    return n


def _labels(spec: DataSpec, array: RowArray | None) -> tuple[Sequence[int] | None, tuple[str, ...]]:
    if array is None or spec.labels == "":
        return None, ()
    n = array.shape[0]
    if array.dtype.kind not in "iuU" or array.shape not in ((n,), (n, 1)):
        raise DataError(
            f"labels of {spec.path.name} are {array.dtype.name} of shape {list(array.shape)}",
            how=f"Store one whole number, or one name, per sample{_label_cast(array)}.",
        )
    values = array.rows(range(n)).reshape(n)
    if array.dtype.kind == "U":
        texts = [str(value) for value in values]
        refuse_mixed_labels(texts, spec.path.name)
        return class_indices(texts, texts)
    if int(values.max()) > np.iinfo(np.int64).max:
        raise DataError(f"a label of {spec.path.name} is beyond 64 bits", why=str(values.max()))
    return [int(value) for value in values], ()


def _label_cast(array: RowArray) -> str:
    """Return what makes labels of an array, where that is known."""
    if len(array.shape) == 2 and array.shape[1] > 1:
        return ": labels.argmax(1) of one-hot rows"
    return {"f": ": labels.astype(int)", "S": ": labels.astype(str)"}.get(array.dtype.kind, "")


def _hash_rows(
    arrays: Sequence[RowArray], rows: Sequence[int], name: str, report: OnProgress
) -> tuple[tuple[str, ...], list[int]]:
    """Return per row its hash and its number of NaN and infinite values."""
    hashes: list[str] = []
    nonfinite: list[int] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        blocks = [array.rows(rows[start : start + _ROWS_AT_ONCE]) for array in arrays]
        hashes.extend(row_hashes(blocks))
        odd = [~np.isfinite(b.reshape(len(b), -1)) for b in blocks if b.dtype.kind in "fc"]
        nonfinite += [sum(int(np.count_nonzero(found[k])) for found in odd) for k in range(len(blocks[0]))]
        report(len(hashes), len(rows), name)
    return tuple(hashes), nonfinite


def row_hashes(blocks: Sequence[np.ndarray[Any, Any]]) -> list[str]:
    """Return one SHA-256 per row over the row's bytes in all blocks [k, ...], little-endian, in the order given."""
    plain = [np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<")) for block in blocks]
    return [
        hashlib.sha256(b"".join(block[row].tobytes() for block in plain)).hexdigest() for row in range(len(plain[0]))
    ]
