"""Archives that travel: written alike, and nothing but the listed bytes ever leaves one."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.elsewhere import flipped
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FileFormatError, OutputError, UserError
from workbench.execution.elsewhere import archive
from workbench.execution.elsewhere.archive import file_facts, member_names, read_list, unpack, write_archive
from workbench.execution.elsewhere.records import FileFacts

CONTENT = {"a.bin": bytes(range(256)) * 4, "folder/b.txt": b"plain text", "list.json": b"{}"}
LISTED = ("a.bin", "folder/b.txt")


def made(place: Path) -> Path:
    for name, data in CONTENT.items():
        (place / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "in" / name).write_bytes(data)
    write_archive(place / "x.zip", place / "in", CONTENT)
    return place / "x.zip"


def unpacked(path: Path, place: Path) -> dict[str, bytes]:
    facts = file_facts(place / "in", LISTED)
    unpack(path, place / "out", facts, ("list.json",))
    return {name: (place / "out" / name).read_bytes() for name in CONTENT}


def hostile(place: Path, name: str, attributes: int = 0) -> Path:
    """A good archive with one more member."""
    path = made(place)
    with zipfile.ZipFile(path, "a") as target:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = attributes
        target.writestr(entry, b"/etc/passwd")
    return path


def test_what_was_written_comes_out_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    path = made(tmp_path)
    first = path.read_bytes()
    assert unpacked(path, tmp_path) == CONTENT
    assert made(tmp_path).read_bytes() == first
    assert member_names(path) == set(CONTENT)
    assert read_list(path, "list.json") == b"{}"


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("../outside", 0, "lies outside"),
        ("/absolute", 0, "lies outside"),
        ("folder/../../outside", 0, "lies outside"),
        ("C:\\windows", 0, "lies outside"),
        ("a\\..\\b", 0, "lies outside"),
        ("link", (stat.S_IFLNK | 0o777) << 16, "is a link"),
        ("pipe", (stat.S_IFIFO | 0o644) << 16, "no plain file"),
        ("folder/", 0, "lies outside"),
        ("./a.bin", 0, "lies outside"),
        ("a.bin/inside", 0, "is not on its list"),
        ("A.BIN", 0, "stands in it twice"),
        ("extra", 0, "extra is not on its list"),
    ],
)
def test_a_member_that_is_not_safe_is_one_line_and_nothing_is_written(
    tmp_path: Path, name: str, attributes: int, words: str
) -> None:
    with pytest.raises(FileFormatError) as caught:
        unpacked(hostile(tmp_path, name, attributes), tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "outside").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="stands in it twice"):
        unpacked(hostile(tmp_path, "a.bin"), tmp_path)


def test_a_claim_of_terabytes_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """The sizes of the central directory are overwritten by the largest that fit, many times."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as made_by:
        for number in range(100):
            made_by.writestr(f"{number}", b"")
    data, place = bytearray(path.read_bytes()), 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0:
        struct.pack_into("<I", data, place + 24, 0xFFFFFFFE)
        place += 4
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="256 GiB"):
        read_list(path, "0")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="is encrypted"):
        unpacked(path, tmp_path)


def test_more_than_the_disk_has_room_for_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=sum(map(len, CONTENT.values())) - 1))
    with pytest.raises(OutputError, match=r"x\.zip cannot be unpacked: it holds 0\.0 GiB"):
        unpacked(path, tmp_path)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=sum(map(len, CONTENT.values()))))
    assert unpacked(path, tmp_path) == CONTENT


def test_more_files_than_any_job_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    with pytest.raises(FileFormatError, match="more than 2 files"):
        unpacked(made(tmp_path), tmp_path)


def test_a_member_that_holds_more_than_it_claims_is_refused(tmp_path: Path) -> None:
    """A bomb: the list and the directory tell 4 bytes, and what was packed goes on."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.bin").write_bytes(bytes(1 << 20))
    write_archive(tmp_path / "x.zip", tmp_path / "in", ["a.bin"])
    data = bytearray((tmp_path / "x.zip").read_bytes())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.find(mark) + place, 4)
    (tmp_path / "x.zip").write_bytes(data)
    facts = {"a.bin": FileFacts(sha256="0" * 64, bytes=4)}
    with pytest.raises(FileFormatError, match=r"a\.bin is not what its list says"):
        unpack(tmp_path / "x.zip", tmp_path / "out", facts, ())
    assert (tmp_path / "out" / "a.bin").stat().st_size <= 4


def test_a_list_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path)
    data = bytearray(path.read_bytes())
    place = data.find(b"list.json", data.find(b"PK\x01\x02")) - 46
    struct.pack_into("<I", data, place + 24, 1 << 30)
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="claims to be huge"):
        read_list(path, "list.json")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    facts = file_facts((made(tmp_path).parent / "in"), LISTED)
    with pytest.raises(FileFormatError, match=r"c\.bin is missing"):
        unpack(tmp_path / "x.zip", tmp_path / "out", {**facts, "c.bin": facts["a.bin"]}, ("list.json",))
    with pytest.raises(FileFormatError, match=r"holds no job\.json"):
        read_list(tmp_path / "x.zip", "job.json")


def test_what_is_no_archive_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(FileFormatError, match="no zip archive"):
        member_names(tmp_path / "text.zip")
    with pytest.raises(FileFormatError, match="no such file"):
        member_names(tmp_path / "absent.zip")
    data = made(tmp_path).read_bytes()
    (tmp_path / "x.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError, match="cut off"):
        unpacked(tmp_path / "x.zip", tmp_path)


@given(st.data())
def test_one_changed_byte_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("byte")
    path = made(place)
    content = path.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(flipped(content, position))
    found: dict[str, bytes] | str
    try:
        found = unpacked(path, place)
    except UserError as error:
        found = str(error)
    if isinstance(found, str):
        assert "x.zip" in found
        assert "\n" not in found
    else:
        assert {name: found[name] for name in LISTED} == {name: CONTENT[name] for name in LISTED}


def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(OutputError, match=r"y\.zip cannot be written"):
        write_archive(tmp_path / "absent" / "y.zip", tmp_path / "in", CONTENT)
