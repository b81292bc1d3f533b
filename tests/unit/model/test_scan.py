"""Scanning: selection, hashes, undecodable files, labels and non-finite values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.errors import DataError
from workbench.model.pixel_cache import PixelWriter
from workbench.model.preprocess import Preprocess
from workbench.model.scan import DataSpec, chosen, data_spec_from_json, row_hashes, scan


def image_folder(root: Path, count: int = 6) -> Path:
    for i in range(count):
        path = root / ("ant", "bee")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (i, 0, 0)).save(path)
    return root


def arrays_file(root: Path, **arrays: np.ndarray) -> DataSpec:
    np.savez(root / "x.npz", **arrays)
    return DataSpec("arrays", root / "x.npz")


def test_order_is_the_seeded_permutation_of_the_sorted_list_then_the_limit(tmp_path):
    folder = image_folder(tmp_path)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    expected = [names[i] for i in np.random.default_rng(7).permutation(6)]
    assert list(scan(DataSpec("images", folder, seed=7)).files) == expected
    first = scan(DataSpec("images", folder, limit=4, seed=7))
    assert list(first.files) == expected[:4]
    assert first.selection == "first 4 of 6 after a shuffle with seed 7"
    assert first.available == 6
    assert scan(DataSpec("images", folder, limit=99)).selection == "all 6 after a shuffle with seed 0"


def test_hashes_are_of_the_files_and_labels_follow_the_order(tmp_path):
    folder = image_folder(tmp_path)
    index = scan(DataSpec("images", folder))
    for file, content, label, size in zip(
        index.files, index.content_sha256, index.labels or (), index.sizes, strict=True
    ):
        data = (folder / file).read_bytes()
        assert (content, size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert index.label_names[label] == file.split("/")[0]


def test_two_scans_are_equal_and_one_changed_pixel_changes_the_hash(tmp_path):
    spec = DataSpec("images", image_folder(tmp_path))
    first = scan(spec)
    assert scan(spec) == first
    Image.new("RGB", (4, 4), (200, 0, 0)).save(tmp_path / "ant/0.png")
    assert scan(spec).sha256 != first.sha256
    assert scan(replace(spec, seed=1)).sha256 != first.sha256


def test_undecodable_files_are_counted_named_and_not_replaced(tmp_path):
    folder = image_folder(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "ant/cut.jpg")
    whole = (folder / "ant/cut.jpg").read_bytes()
    (folder / "ant/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "bee/text.jpg").write_text("no picture at all")
    (folder / "bee/zero.png").write_bytes(b"")
    index = scan(DataSpec("images", folder))
    reasons = dict(index.undecodable)
    assert set(reasons) == {"ant/cut.jpg", "bee/text.jpg", "bee/zero.png"}
    assert "truncated" in reasons["ant/cut.jpg"]
    assert "not an image" in reasons["bee/text.jpg"]
    assert "empty" in reasons["bee/zero.png"]
    assert index.n == 6
    assert index.available == 9
    assert not set(index.files) & set(reasons)


def test_files_named_in_the_csv_but_absent_are_named(tmp_path):
    folder = image_folder(tmp_path / "images")
    csv = tmp_path / "labels.csv"
    csv.write_text("file,label\nant/0.png,3\ngone.png,4\n")
    index = scan(DataSpec("images", folder, str(csv)))
    assert index.files == ("ant/0.png",)
    assert index.labels == (3,)
    assert index.undecodable == (("gone.png", "cannot be read: No such file or directory"),)
    assert index.csv_sha256 == hashlib.sha256(csv.read_bytes()).hexdigest()


def test_nothing_that_can_be_decoded_is_an_error(tmp_path):
    (tmp_path / "x.png").write_text("text")
    with pytest.raises(DataError, match=r"no image of .* can be decoded: x\.png: not an image"):
        scan(DataSpec("images", tmp_path))


def test_file_names_that_are_not_unicode_are_named(tmp_path):
    folder = image_folder(tmp_path)
    (folder / "ant/0.png").rename(Path(str(folder / "ant") + "/bad\udcff.png"))
    index = scan(DataSpec("images", folder))
    assert index.undecodable == (("ant/bad\\udcff.png", "its name is not valid Unicode"),)
    json.dumps(index.to_json(), ensure_ascii=False).encode()


def test_progress_reaches_the_total_and_may_end_the_scan(tmp_path):
    spec = DataSpec("images", image_folder(tmp_path))
    seen: list[tuple[int, int]] = []
    scan(spec, lambda done, total, text: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]

    def stop(done: int, total: int, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(spec, stop)


def test_array_rows_are_hashed_over_all_arrays_in_name_order(tmp_path):
    a, b = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3, dtype=np.int64)
    index = scan(arrays_file(tmp_path, b=b, a=a, labels=np.array([5, 6, 7])))
    rows = np.random.default_rng(0).permutation(3)
    assert list(index.rows) == rows.tolist()
    assert index.labels == tuple((rows + 5).tolist())
    assert index.files == tuple(f"x.npz[{row}]" for row in rows)
    expected = [hashlib.sha256(a[row].tobytes() + b[row].tobytes()).hexdigest() for row in rows]
    assert list(index.content_sha256) == expected
    assert [spec.name for spec in index.arrays] == ["a", "b"]


def test_row_hashes_do_not_depend_on_byte_order_in_memory():
    values = np.arange(4, dtype=np.float32).reshape(2, 2)
    assert row_hashes([values]) == row_hashes([values.astype(">f4")])


def test_non_finite_values_of_the_chosen_rows_are_counted(tmp_path):
    a = np.zeros((200, 3), np.float32)
    a[5] = [np.nan, np.inf, -np.inf]
    index = scan(arrays_file(tmp_path, a=a))
    assert index.nonfinite == 3
    assert index.notes == ("NaN or infinite values in rows 5",)
    b = np.zeros((200, 2, 2))
    b[::20, 1, 1] = np.nan
    (note,) = scan(arrays_file(tmp_path, a=a, b=b)).notes
    assert sorted(note.removeprefix("NaN or infinite values in rows ").split(" and ")[1:]) == ["6 more"]
    a[:] = 0
    assert scan(arrays_file(tmp_path, a=a)).nonfinite == 0


def test_labels_may_be_names_a_column_or_left_out(tmp_path):
    a = np.zeros((3, 1), np.float32)
    named = scan(arrays_file(tmp_path, a=a, labels=np.array(["bee", "ant", "bee"])))
    assert sorted(named.labels or ()) == [0, 1, 1]
    assert named.label_names == ("ant", "bee")
    assert sorted(scan(arrays_file(tmp_path, a=a, labels=np.array([[1], [2], [3]]))).labels or ()) == [1, 2, 3]
    spec = arrays_file(tmp_path, a=a, labels=np.array([1, 2, 3]))
    assert scan(replace(spec, labels="")).labels is None
    assert scan(arrays_file(tmp_path, a=a)).labels is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((3, 1)), "labels": np.zeros(3)}, r"labels of x.npz are float64.*labels\.astype\(int\)"),
        ({"a": np.zeros((3, 1)), "labels": np.zeros((3, 2), int)}, r"shape \[3, 2\].*labels\.argmax\(1\)"),
        ({"a": np.zeros((2, 1)), "labels": np.array([b"x", b"y"])}, r"labels\.astype\(str\)"),
        ({"a": np.zeros((2, 1)), "labels": np.array(["x", 1], object)}, r"Python objects.*array\.astype\(str\)"),
        ({"a": np.zeros((3, 1)), "labels": np.zeros(2, int)}, "differ in their number of rows: a 3, labels 2"),
        ({"a": np.zeros((3, 1)), "b": np.zeros((4, 1))}, "a 3, b 4"),
        ({"a": np.zeros((0, 1))}, "no samples"),
        ({"a": np.array(["x", "y"])}, "no array of numbers"),
        ({"labels": np.zeros(3, int)}, "no array of numbers"),
        ({"a": np.zeros((2, 1)), "labels": np.array(["1", "cat"])}, "mixes numbers and names"),
        ({"a": np.zeros((1, 1)), "labels": np.array([2**64 - 1], np.uint64)}, "beyond 64 bits"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        scan(arrays_file(tmp_path, **arrays))


def test_arrays_of_texts_are_noted(tmp_path):
    index = scan(arrays_file(tmp_path, a=np.zeros((2, 1)), class_names=np.array(["x", "y", "z"])))
    assert index.notes == ("arrays not of numbers, left out: class_names",)


def test_labels_of_another_name_and_pixels_are_noted(tmp_path):
    index = scan(arrays_file(tmp_path, x=np.zeros((2, 3, 4, 4), np.uint8), y=np.zeros(2, int)))
    assert index.labels is None
    assert [note.split(" is ")[0] for note in index.notes] == ["array y", "array x"]
    assert not scan(arrays_file(tmp_path, x=np.zeros((2, 4), np.uint8), labels=np.zeros(2, int))).notes


@pytest.mark.parametrize("keeps_pixels", [True, False])
def test_what_of_images_does_not_reach_the_model_is_noted(tmp_path, keeps_pixels):
    folder = image_folder(tmp_path / "images", 2)
    Image.new("RGBA", (4, 4)).save(folder / "ant" / "glass.png")
    writer = PixelWriter(tmp_path / "kept", Preprocess(resize=(4, 4))) if keeps_pixels else None
    assert scan(DataSpec("images", folder), pixels=writer).notes == (
        "1 of 3 images with transparency, which is dropped",
    )


def test_equal_samples_with_different_labels_are_noted(tmp_path):
    folder = image_folder(tmp_path / "images", 4)
    (folder / "ant" / "again.png").write_bytes((folder / "ant" / "0.png").read_bytes())
    assert scan(DataSpec("images", folder)).notes == ()
    (folder / "bee" / "again.png").write_bytes((folder / "ant" / "0.png").read_bytes())
    said = "3 samples have the content of another one, but another label"
    assert scan(DataSpec("images", folder)).notes == (said,)
    assert scan(DataSpec("images", folder, labels="")).notes == ()
    rows = arrays_file(tmp_path, a=np.array([[1.0], [1.0], [2.0]]), labels=np.array([0, 1, 1]))
    assert scan(rows).notes == (said.replace("3", "2"),)


def test_a_folder_of_arrays_says_how_to_stack_them(tmp_path):
    for name in ("0.npy", "1.npy"):
        np.save(tmp_path / name, np.zeros((3, 4, 4), np.float32))
    with pytest.raises(DataError, match=r"is a folder.*numpy\.stack"):
        scan(DataSpec("arrays", tmp_path))
    with pytest.raises(DataError, match=r"holds no images.*Stack its arrays"):
        scan(DataSpec("images", tmp_path))
    image_folder(tmp_path / "images")
    with pytest.raises(DataError, match='kind = "images"'):
        scan(DataSpec("arrays", tmp_path / "images"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("x.npz", 'kind = "arrays"'), ("x.csv", "as labels"), ("x.zip", "Unpack"), ("x.png", "folder that holds it")],
)
def test_a_file_in_place_of_a_folder_of_images_is_told_from_a_missing_one(tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=f"{name} is a file.*{hint}"):
        scan(DataSpec("images", tmp_path / name))


def test_files_that_were_not_fetched_are_told_from_damaged_ones(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n"
    (tmp_path / "x.npz").write_bytes(pointer)
    with pytest.raises(DataError, match=r"x\.npz is a Git LFS pointer.*git lfs pull"):
        scan(DataSpec("arrays", tmp_path / "x.npz"))
    folder = image_folder(tmp_path / "images", 2)
    (folder / "ant" / "p.png").write_bytes(pointer)
    (folder / "ant" / "w.png").write_bytes(b"<!DOCTYPE html><html>")
    reasons = dict(scan(DataSpec("images", folder)).undecodable)
    assert reasons["ant/p.png"].endswith("Run: git lfs pull")
    assert reasons["ant/w.png"].startswith("not an image but a web page")


def test_missing_array_files_and_csv_for_arrays_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"absent\.npz does not exist"):
        scan(DataSpec("arrays", tmp_path / "absent.npz"))
    with pytest.raises(DataError, match="CSV of labels is for images"):
        scan(replace(arrays_file(tmp_path, a=np.zeros((2, 1))), labels="labels.csv"))


@pytest.mark.parametrize("wrong", [{"kind": "image"}, {"limit": 0}, {"seed": -1}, {"frames": 5}])
def test_wrong_specs_are_refused(wrong):
    with pytest.raises(DataError):
        DataSpec(**{"kind": "images", "path": Path("x"), **wrong})


def test_spec_json_gives_back_the_same():
    spec = DataSpec("arrays", Path("folder"), "", 5, 3, 7)
    assert data_spec_from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_chosen_is_a_part_of_a_permutation():
    spec = DataSpec("images", Path("x"), limit=10)
    assert len(set(chosen(100, spec))) == 10
    assert sorted(chosen(8, spec)) == list(range(8))


def test_arrays_have_no_pixels_to_keep(tmp_path):
    spec = arrays_file(tmp_path, x=np.zeros((3, 2), np.float32))
    assert scan(spec, None, PixelWriter(tmp_path / "kept", Preprocess())) == scan(spec)
    assert not (tmp_path / "kept").exists()
