"""Telling PyTorch sources apart without loading them."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from workbench.errors import ModelError
from workbench.execution.import_source import find_kind


def zipped(folder: Path, *members: str) -> str:
    path = folder / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(f"model/{member}", b"0123456789" * 50)
    return str(path)


def test_kinds_are_told_by_content_whatever_the_file_is_called(tmp_path: Path) -> None:
    assert find_kind(zipped(tmp_path, "models/model.json", "data/weights/weight_0")) == "torch.export"
    assert find_kind(zipped(tmp_path, "data.pkl", "constants.pkl", "code/__torch__.py")) == "TorchScript"
    assert find_kind("package.module:make_model") == "factory"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (("data.pkl", "data/0"), r"is a pickle.*torch\.export\.save"),
        (("data/aotinductor/model.so", "models/model.json"), "compiled program"),
        (("readme.txt",), "neither a program nor TorchScript"),
    ],
)
def test_other_archives_are_refused_with_a_reason(members: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        find_kind(zipped(tmp_path, *members))


def test_a_legacy_pickle_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps({"weight": 1}, protocol=2))
    with pytest.raises(ModelError, match="is a pickle"):
        find_kind(str(path))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", bytes(range(256)) * 8])
def test_foreign_bytes_are_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        find_kind(str(path))
    assert "\n" not in str(caught.value)


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = Path(zipped(tmp_path, "models/model.json"))
    data = bytearray(path.read_bytes())
    data[100] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r"models/model\.json is damaged"):
        find_kind(str(path))
    path.write_bytes(io.BytesIO(bytes(data)).read(60))
    with pytest.raises(ModelError, match=r"model\.pt"):
        find_kind(str(path))


@pytest.mark.parametrize("source", ["missing.pt2", "not a factory", "a:b:c", ":f"])
def test_neither_a_file_nor_a_factory(source: str) -> None:
    with pytest.raises(ModelError, match="neither a file nor a factory"):
        find_kind(source)
