"""The list of samples that a scan finds: names, labels, content hashes, findings; plain values, kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from workbench.errors import FileFormatError
from workbench.files import canonical_json, sha256_of_bytes


@dataclass(frozen=True)
class ArraySpec:
    """One array of an array file: name ("" for .npy), numpy dtype name, shape of one row."""

    name: str
    dtype: str
    row_shape: tuple[int, ...]


@dataclass(frozen=True)
class SampleIndex:
    """The chosen samples in their order.

    Attributes:
        kind: images | arrays.
        files: one name per sample: path relative to the folder, or "file.npz[row]".
        rows: row number per sample (arrays), empty for images.
        sizes, modified_ns: size in bytes and modification time, per image, or of the one array file.
        labels: class index per sample, or None.
        label_names: class names by index; empty when labels are numbers.
        content_sha256: per sample; of the file's bytes, or of its row's bytes over all arrays in name order.
        undecodable: (file, reason) of chosen files that cannot be decoded; they are not replaced by others.
        nonfinite: NaN and infinite values in the chosen rows of the arrays.
        available: samples before `limit`.
        selection: how they were chosen, in words.
        sha256: content and order, without labels; labels_sha256: labels in order, "" when unlabelled.
        csv_sha256: of the label CSV, "" without one.
        notes: what was left out or decided, in words.
    """

    kind: str
    files: tuple[str, ...]
    rows: tuple[int, ...]
    sizes: tuple[int, ...]
    modified_ns: tuple[int, ...]
    labels: tuple[int, ...] | None
    label_names: tuple[str, ...]
    content_sha256: tuple[str, ...]
    undecodable: tuple[tuple[str, str], ...] = ()
    arrays: tuple[ArraySpec, ...] = ()
    nonfinite: int = 0
    available: int = 0
    selection: str = ""
    csv_sha256: str = ""
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Samples that can be read."""
        return len(self.files)

    @property
    def sha256(self) -> str:
        """SHA-256 of the content hashes in order."""
        return sha256_of_bytes(canonical_json(list(self.content_sha256)))

    @property
    def labels_sha256(self) -> str:
        """SHA-256 of the labels in order; "" when unlabelled."""
        return "" if self.labels is None else sha256_of_bytes(canonical_json(list(self.labels)))

    @property
    def label_range(self) -> tuple[int, int] | None:
        """Smallest and largest label, or None when unlabelled."""
        return (min(self.labels), max(self.labels)) if self.labels else None

    @property
    def duplicates(self) -> int:
        """Samples whose content already came earlier in the list."""
        return self.n - len(set(self.content_sha256))

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the derived figures are written too, for readers of the file."""
        return {**asdict(self), "n": self.n, "sha256": self.sha256, "labels_sha256": self.labels_sha256}


def sample_index_from_json(document: Mapping[str, Any]) -> SampleIndex:
    """Read what `to_json` gave. Raises FileFormatError when it is damaged or its hash does not fit."""
    try:
        values: dict[str, Any] = {field.name: document[field.name] for field in fields(SampleIndex)}
        frozen: dict[str, Any] = {key: _frozen(value) for key, value in values.items()}
        frozen["undecodable"] = tuple((str(file), str(reason)) for file, reason in values["undecodable"])
        frozen["arrays"] = tuple(
            ArraySpec(item["name"], item["dtype"], tuple(item["row_shape"])) for item in values["arrays"]
        )
        index = SampleIndex(**frozen)
        lengths = {len(column) for column in (index.files, index.content_sha256, index.labels or index.files)}
        hashes = (document["sha256"], document["labels_sha256"])
        fits = len(lengths) == 1 and (index.sha256, index.labels_sha256) == hashes
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError("the stored list of samples is damaged", how="Scan the data again.") from error
    if not fits:
        raise FileFormatError("the stored list of samples does not fit its own hash", how="Scan the data again.")
    return index


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def overlap(a: SampleIndex, b: SampleIndex) -> int:
    """Return how many samples of `b` have the content of a sample of `a`, byte for byte.

    The same picture encoded again, or the same values in another dtype, is another content.
    """
    known = set(a.content_sha256)
    return sum(content in known for content in b.content_sha256)
