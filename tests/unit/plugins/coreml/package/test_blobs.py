"""Weight files: a blob is found by its metadata; nothing outside the package is read."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from helpers.mlpackages import weight_file
from workbench_plugins.coreml.package.blobs import BlobFiles
from workbench_plugins.coreml.package.values import BY_NAME, ValueProblem

VALUES = np.array([1.5, -2.25], "<f4")
FLOAT32 = BY_NAME["float32"]


def blobs(folder: Path, content: bytes) -> BlobFiles:
    (folder / "w.bin").write_bytes(content)
    return BlobFiles(folder)


def test_a_blob_is_read(tmp_path: Path) -> None:
    files = blobs(tmp_path, weight_file(VALUES.tobytes()))
    assert files.read("@model_path/w.bin", 64, FLOAT32, 2).tolist() == VALUES.tolist()


@pytest.mark.parametrize(
    ("content", "offset", "said"),
    [
        (weight_file(VALUES.tobytes()), 0, "no blob begins at byte 0"),
        (weight_file(VALUES.tobytes()), 2**63, "beyond the weight file"),
        (weight_file(VALUES.tobytes(), stored=4), 64, "holds int8, not float32"),
        (weight_file(VALUES.tobytes(), stored=77), 64, "holds 77"),
        (weight_file(VALUES.tobytes(), size=2**60), 64, "where 8 are needed"),
        (weight_file(VALUES.tobytes(), start=2**62), 64, "beyond the weight file"),
        (weight_file(VALUES.tobytes()[:-1], size=8), 64, "beyond the weight file"),
        (b"", 64, "beyond the weight file of 0 bytes"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, content: bytes, offset: int, said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        blobs(tmp_path, content).read("@model_path/w.bin", offset, FLOAT32, 2)


@pytest.mark.parametrize("name", ["@model_path/../w.bin", "w.bin", "/w.bin", "@model_path//etc/hostname"])
def test_files_outside_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "w.bin").write_bytes(weight_file(VALUES.tobytes()))
    with pytest.raises(ValueProblem, match="outside the package"):
        BlobFiles(tmp_path / "model").read(name, 64, FLOAT32, 2)


def test_a_link_out_of_the_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "secret.bin").write_bytes(weight_file(VALUES.tobytes()))
    try:
        (tmp_path / "model" / "w.bin").symlink_to(tmp_path / "secret.bin")
    except OSError:
        pytest.skip("links cannot be made here")
    with pytest.raises(ValueProblem, match="outside the package"):
        BlobFiles(tmp_path / "model").read("@model_path/w.bin", 64, FLOAT32, 2)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueProblem, match=r"weights/weight\.bin is missing"):
        BlobFiles(tmp_path).read("@model_path/weights/weight.bin", 64, FLOAT32, 2)


def test_what_several_constants_share_is_read_once(tmp_path: Path) -> None:
    files = blobs(tmp_path, weight_file(VALUES.tobytes()))
    assert files.read("@model_path/w.bin", 64, FLOAT32, 2) is files.read("@model_path/w.bin", 64, FLOAT32, 2)


def test_blobs_that_lie_upon_each_other_are_refused(tmp_path: Path) -> None:
    """Ten blobs of 4 KiB whose data are the same bytes of a file of 5 KiB."""
    size, first = 4096, 64 * 11
    places = [64 * (number + 1) for number in range(10)]
    metadata = struct.pack("<IIQQQ", 0xDEADBEEF, 2, size, first, 0).ljust(64, b"\0")
    files = blobs(tmp_path, struct.pack("<II", 10, 2).ljust(64, b"\0") + 10 * metadata + bytes(size))
    assert files.read("@model_path/w.bin", places[0], FLOAT32, size // 4).size == size // 4
    with pytest.raises(ValueProblem, match=r"w\.bin lie upon each other"):
        files.read("@model_path/w.bin", places[1], FLOAT32, size // 4)
