"""Folders of images: what counts as a sample, labels, and files that cannot be decoded."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workbench.errors import DataError
from workbench.model.image_folder import check_decodable, decode_image, list_images


def encoded(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind)
    return stream.getvalue()


def put(path: Path, data: bytes | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded() if data is None else data)


def test_sub_folders_are_classes_also_empty_ones_and_nested_files_count(tmp_path):
    put(tmp_path / "dog/z.PNG")
    put(tmp_path / "dog/more/a.jpg")
    put(tmp_path / "ant/b.png")
    (tmp_path / "cat").mkdir()
    listed = list_images(tmp_path, None)
    assert listed.files == ("ant/b.png", "dog/more/a.jpg", "dog/z.PNG")
    assert listed.labels == (0, 2, 2)
    assert listed.label_names == ("ant", "cat", "dog")
    assert listed.notes == ("class folders without images: cat",)


def test_folders_named_by_numbers_are_those_classes(tmp_path):
    for name in ("0", "2", "10"):
        put(tmp_path / name / "a.png")
    listed = list_images(tmp_path, None)
    assert dict(zip(listed.files, listed.labels or (), strict=True)) == {"0/a.png": 0, "2/a.png": 2, "10/a.png": 10}


def test_other_and_hidden_files_are_noted_not_counted(tmp_path):
    put(tmp_path / "a/x.png")
    put(tmp_path / "a/._x.png")
    put(tmp_path / ".DS_Store", b"x")
    put(tmp_path / "labels.csv", b"x")
    listed = list_images(tmp_path, None)
    assert listed.files == ("a/x.png",)
    assert listed.notes == ("3 other files not counted: .DS_Store, a/._x.png, labels.csv",)


def test_a_flat_folder_is_unlabelled_and_says_so(tmp_path):
    put(tmp_path / "x.png")
    listed = list_images(tmp_path, None)
    assert listed.labels is None
    assert listed.notes == ("no sub-folders with images: unlabelled",)


def test_images_beside_class_folders_are_refused(tmp_path):
    put(tmp_path / "a/x.png")
    put(tmp_path / "loose.png")
    with pytest.raises(DataError, match=r"1 images beside its class folders: such as loose\.png"):
        list_images(tmp_path, None)
    assert list_images(tmp_path, "").labels is None


def test_csv_rows_are_the_samples(tmp_path):
    put(tmp_path / "images/x.png")
    put(tmp_path / "images/unlisted.png")
    put(tmp_path / "labels.csv", b"file,label\nx.png,bee\ngone.png,ant\n")
    listed = list_images(tmp_path / "images", str(tmp_path / "labels.csv"))
    assert listed.files == ("gone.png", "x.png")
    assert listed.labels == (0, 1)
    assert listed.label_names == ("ant", "bee")


@pytest.mark.parametrize("labels", [None, ""])
def test_empty_and_missing_folders_are_refused(tmp_path, labels):
    with pytest.raises(DataError, match="holds no images"):
        list_images(tmp_path, labels)
    with pytest.raises(DataError, match="does not exist"):
        list_images(tmp_path / "absent", labels)


def test_linked_folders_are_followed_once(tmp_path):
    put(tmp_path / "real/x.png")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "real", target_is_directory=True)
    (tmp_path / "real" / "loop").symlink_to(root, target_is_directory=True)
    assert list_images(root, None).files == ("a/x.png",)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_known_formats_decode(kind):
    check_decodable(encoded(kind))
    assert decode_image(encoded(kind)).size == (40, 30)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_truncated_images_are_refused_by_the_quick_check_too(kind):
    data = encoded(kind, (200, 160))
    for cut in (len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(DataError):
            check_decodable(data[:cut])
        with pytest.raises(DataError):
            decode_image(data[:cut])


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"this is a text\n" * 40, "not an image"), (b"\xff\xd8\xff\xe0" + bytes(50), "not an image")],
)
def test_files_that_are_no_images_say_why(data, reason):
    with pytest.raises(DataError, match=reason) as caught:
        check_decodable(data)
    assert "0x" not in str(caught.value)


def test_too_many_pixels_are_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="decompression bomb"):
        check_decodable(encoded())


def test_pixels_of_32_bits_are_refused():
    stream = io.BytesIO()
    Image.new("F", (4, 4)).save(stream, "TIFF")
    with pytest.raises(DataError, match="32 bits"):
        check_decodable(stream.getvalue())


@given(data=st.binary(max_size=300), kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP"]))
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_raise_anything_else(data, kind):
    good = encoded(kind, (12, 10))
    for damaged in (data, good[: len(good) // 3] + data, good[:24] + data + good[24 + len(data) :]):
        with contextlib.suppress(DataError):
            check_decodable(damaged)


def test_pictures_of_kinds_that_are_not_read_are_named_apart(tmp_path):
    put(tmp_path / "x.png")
    for name in ("a.HEIC", "b.avif", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    notes = list_images(tmp_path, "").notes
    assert notes[0] == "2 pictures of a kind that is not read, left out: a.HEIC, b.avif"
    assert notes[1] == "1 other files not counted: notes.txt"
