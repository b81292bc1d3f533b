"""Samples against the model's inputs: fits, batches, changed files, memory."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.errors import DataError
from workbench.model.graph import TensorSpec
from workbench.model.pixel_cache import PIXELS_NAME, PixelWriter
from workbench.model.preprocess import Preprocess, preprocess_image
from workbench.model.samples import CHUNK_BYTES, Samples, open_samples
from workbench.model.scan import DataSpec, scan

IMAGE_INPUT = (TensorSpec("image", "float32", ("N", 3, 8, 8)),)
ROW_INPUT = (TensorSpec("x", "float32", ("N", 4)),)


def image_spec(root: Path, count: int = 7, size: tuple[int, int] = (8, 8)) -> DataSpec:
    for i in range(count):
        path = root / str(i % 3) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return DataSpec("images", root)


def array_spec(root: Path, **arrays: np.ndarray) -> DataSpec:
    np.savez(root / "x.npz", **arrays)
    return DataSpec("arrays", root / "x.npz")


def opened(spec: DataSpec, inputs: tuple[TensorSpec, ...], preprocess: Preprocess | None = None) -> Samples:
    return open_samples(spec, scan(spec), preprocess or Preprocess(), inputs)


def test_image_batches_are_the_preprocessed_files_in_order(tmp_path):
    preprocess = Preprocess(mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    samples = opened(image_spec(tmp_path), IMAGE_INPUT, preprocess)
    batches = list(samples.batches(3))
    assert [len(batch["image"]) for batch in batches] == [3, 3, 1]
    fed = np.concatenate([batch["image"] for batch in batches])
    for x, name in zip(fed, samples.names, strict=True):
        with Image.open(tmp_path / name) as image:
            np.testing.assert_array_equal(x, preprocess_image(image, preprocess))
    assert samples.labels is not None
    assert samples.labels.dtype == np.int64
    assert samples.labels.tolist() == [int(name.split("/")[0]) for name in samples.names]


@pytest.mark.parametrize("prefetch", [0, 1, 2])
def test_start_and_prefetch_do_not_change_what_comes(tmp_path, prefetch):
    samples = opened(image_spec(tmp_path), IMAGE_INPUT)
    whole = np.concatenate([batch["image"] for batch in samples.batches(2, prefetch=0)])
    part = np.concatenate([batch["image"] for batch in samples.batches(3, start=2, prefetch=prefetch)])
    np.testing.assert_array_equal(part, whole[2:])
    assert list(samples.batches(4, start=samples.n, prefetch=prefetch)) == []


def test_closing_early_leaves_no_thread(tmp_path):
    line = opened(image_spec(tmp_path), IMAGE_INPUT).batches(1)
    next(line)
    line.close()
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}


def test_a_batch_of_nothing_is_a_bug_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        opened(image_spec(tmp_path), IMAGE_INPUT).batches(0)


@pytest.mark.parametrize(
    ("inputs", "preprocess", "message"),
    [
        ((*IMAGE_INPUT, *ROW_INPUT), Preprocess(), "one input of 4 axes"),
        (ROW_INPUT, Preprocess(), "one input of 4 axes"),
        (IMAGE_INPUT, Preprocess(color="GRAY"), r"\[1, height, width\], the input image takes \[3, 8, 8\]"),
        (IMAGE_INPUT, Preprocess(layout="NHWC"), r"takes \[3, 8, 8\]"),
        (IMAGE_INPUT, Preprocess(resize=(8, 9)), r"\[3, 8, 9\]"),
        ((TensorSpec("image", "int64", ("N", 3, 8, 8)),), Preprocess(), "of type int64"),
        ((TensorSpec("image", "uint8", ("N", 3, 8, 8)),), Preprocess(mean=(1.0,)), "uint8 takes pixels without mean"),
    ],
)
def test_preprocessing_that_does_not_fit_the_model_is_refused_at_once(tmp_path, inputs, preprocess, message):
    with pytest.raises(DataError, match=message):
        opened(image_spec(tmp_path, 1), inputs, preprocess)


def test_uint8_and_float16_inputs_get_their_type(tmp_path):
    spec = image_spec(tmp_path, 1)
    for dtype in ("uint8", "float16"):
        batch = next(opened(spec, (TensorSpec("image", dtype, (1, 3, "H", "W")),)).batches(1, prefetch=0))
        assert batch["image"].dtype == np.dtype(dtype)


def test_an_image_of_another_size_is_named_when_it_is_read(tmp_path):
    spec = image_spec(tmp_path)
    Image.new("RGB", (9, 8)).save(tmp_path / "2/other.png")
    with pytest.raises(DataError, match=r"2/other\.png gives samples of \[3, 8, 9\]"):
        list(opened(spec, IMAGE_INPUT).batches(2))
    free = (TensorSpec("image", "float32", ("N", 3, "H", "W")),)
    with pytest.raises(DataError, match=r"gives \[3, 8, [89]\], an image before it \[3, 8, [89]\]"):
        list(opened(spec, free).batches(8))


def test_an_image_smaller_than_the_crop_is_named(tmp_path):
    inputs = (TensorSpec("image", "float32", ("N", 3, 9, 9)),)
    with pytest.raises(DataError, match=r"\.png: an image of 8x8 pixels is smaller than center_crop 9"):
        list(opened(image_spec(tmp_path), inputs, Preprocess(center_crop=9)).batches(2))


@pytest.mark.parametrize("longer", [True, False])
def test_a_file_changed_since_the_scan_is_refused(tmp_path, longer):
    spec = image_spec(tmp_path)
    index = scan(spec)
    path = tmp_path / index.files[3]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data) + b"x" * longer)
    os.utime(path, ns=(0, index.modified_ns[3] if longer else 12345))
    with pytest.raises(DataError, match="changed since the data was scanned"):
        open_samples(spec, index, Preprocess(), IMAGE_INPUT)


def test_a_touched_file_of_the_same_content_is_accepted(tmp_path):
    spec = image_spec(tmp_path)
    index = scan(spec)
    os.utime(tmp_path / index.files[0], ns=(0, 12345))
    assert open_samples(spec, index, Preprocess(), IMAGE_INPUT).n == 7


def test_a_file_changed_or_removed_after_opening_is_named_when_it_is_read(tmp_path):
    samples = opened(image_spec(tmp_path), IMAGE_INPUT)
    Image.new("RGB", (8, 8)).save(tmp_path / samples.names[4])
    with pytest.raises(DataError, match=f"{samples.names[4]} changed"):
        list(samples.batches(2))
    (tmp_path / samples.names[4]).unlink()
    with pytest.raises(DataError, match=f"{samples.names[4]} cannot be read: No such file"):
        list(samples.batches(2))


def test_a_changed_csv_is_refused(tmp_path):
    folder = image_spec(tmp_path / "images").path
    csv = tmp_path / "labels.csv"
    csv.write_text("file,label\n0/0.png,1\n")
    spec = DataSpec("images", folder, str(csv))
    index = scan(spec)
    assert open_samples(spec, index, Preprocess(), IMAGE_INPUT).n == 1
    csv.write_text("file,label\n0/0.png,2\n")
    with pytest.raises(DataError, match=r"labels\.csv changed"):
        open_samples(spec, index, Preprocess(), IMAGE_INPUT)


def test_hash_covers_preprocessing(tmp_path):
    spec = image_spec(tmp_path, 1)
    assert opened(spec, IMAGE_INPUT).sha256 != opened(spec, IMAGE_INPUT, Preprocess(mean=(1.0,))).sha256
    assert opened(spec, IMAGE_INPUT).sha256 == opened(spec, IMAGE_INPUT).sha256


def test_array_batches_in_the_order_of_the_list(tmp_path):
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    samples = opened(array_spec(tmp_path, x=x, labels=np.arange(9), other=x[:, :1]), ROW_INPUT)
    batches = list(samples.batches(4))
    assert [set(batch) for batch in batches] == [{"x"}] * 3
    assert samples.labels is not None
    np.testing.assert_array_equal(np.concatenate([batch["x"] for batch in batches]), x[samples.labels])


def test_npy_is_the_only_input(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    spec = DataSpec("arrays", tmp_path / "x.npy")
    assert next(opened(spec, ROW_INPUT).batches(2))["x"].shape == (2, 4)
    with pytest.raises(DataError, match="one array without a name"):
        opened(spec, (*ROW_INPUT, TensorSpec("y", "float32", ("N", 4))))


def test_the_only_array_of_an_npz_is_the_only_input_whatever_its_name(tmp_path):
    spec = array_spec(tmp_path, arr_0=np.ones((3, 4), np.float32), labels=np.arange(3))
    assert next(opened(spec, ROW_INPUT).batches(2))["x"].shape == (2, 4)


def test_a_wrong_array_name_lists_inputs_and_arrays(tmp_path):
    spec = array_spec(tmp_path, imput=np.zeros((2, 4), np.float32), more=np.zeros((2, 1)))
    with pytest.raises(DataError, match=r"lacks the input x: .*x float32 \[N, 4\]; the file holds imput, more"):
        opened(spec, ROW_INPUT)


@pytest.mark.parametrize(
    ("x", "inputs", "message"),
    [
        (np.zeros((2, 5), np.float32), ROW_INPUT, r"x\.npz gives samples of \[5\], the input x takes \[4\]"),
        (np.zeros(2, np.float32), ROW_INPUT, r"samples of \[\]"),
        (np.zeros((2, 4), np.float32), (TensorSpec("x", "int64", ("N", 4)),), "x.npz has float32, the input x takes"),
        (np.zeros((2, 4), np.float32), (TensorSpec("x", "no_such", ("N", 4)),), "takes no_such"),
        (np.zeros((2, 4), np.float32), (TensorSpec("x", "float32", ()),), r"takes \[\]"),
        (np.zeros((2, 4), np.complex64), ROW_INPUT, "has complex64"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, x, inputs, message):
    with pytest.raises(DataError, match=message):
        opened(array_spec(tmp_path, x=x), inputs)


def test_preprocess_is_not_for_arrays(tmp_path):
    spec = array_spec(tmp_path, x=np.zeros((2, 4), np.float32))
    with pytest.raises(DataError, match="is for images"):
        opened(spec, ROW_INPUT, Preprocess(mean=(1.0,)))


def test_doubles_are_rounded_to_float_but_may_not_overflow(tmp_path):
    x = np.array([[0.1, 1, 2, np.inf]])
    batch = next(opened(array_spec(tmp_path, x=x), ROW_INPUT).batches(1))
    assert batch["x"].dtype == np.float32
    np.testing.assert_array_equal(batch["x"], x.astype(np.float32))
    with pytest.raises(DataError, match="do not fit float32"):
        list(opened(array_spec(tmp_path, x=np.full((1, 4), 1e300)), ROW_INPUT).batches(1))


def test_whole_numbers_may_not_wrap(tmp_path):
    narrow = (TensorSpec("x", "int32", ("N",)),)
    assert next(opened(array_spec(tmp_path, x=np.array([5, 6])), narrow).batches(2))["x"].dtype == np.int32
    with pytest.raises(DataError, match="do not fit int32"):
        list(opened(array_spec(tmp_path, x=np.array([2**40])), narrow).batches(1))


def test_changed_arrays_are_refused(tmp_path):
    x = np.zeros((3, 4), np.float32)
    spec = array_spec(tmp_path, x=x, labels=np.arange(3))
    index = scan(spec)
    os.utime(spec.path, ns=(0, 12345))
    assert open_samples(spec, index, Preprocess(), ROW_INPUT).n == 3
    array_spec(tmp_path, x=x, labels=np.arange(3) + 1)
    os.utime(spec.path, ns=(0, 54321))
    with pytest.raises(DataError, match=r"x\.npz changed"):
        open_samples(spec, index, Preprocess(), ROW_INPUT)
    array_spec(tmp_path, x=x[:2], labels=np.arange(2))
    with pytest.raises(DataError, match=r"x\.npz changed"):
        open_samples(spec, index, Preprocess(), ROW_INPUT)


def test_rows_changed_in_place_after_opening_are_named(tmp_path):
    spec = array_spec(tmp_path, x=np.zeros((3, 4), np.float32))
    samples = opened(spec, ROW_INPUT)
    data = spec.path.read_bytes()
    start = data.index(bytes(48))
    with spec.path.open("r+b") as stream:
        stream.seek(start + 16)
        stream.write(b"\x01")
    with pytest.raises(DataError, match=r"x\.npz\[1\] changed"):
        list(samples.batches(1))


def test_the_list_must_be_of_the_same_kind(tmp_path):
    arrays = array_spec(tmp_path, x=np.zeros((2, 4), np.float32))
    with pytest.raises(DataError, match="list of samples is of arrays"):
        open_samples(image_spec(tmp_path / "images"), scan(arrays), Preprocess(), IMAGE_INPUT)


@pytest.mark.parametrize("kind", ["arrays", "pixels"])
def test_memory_does_not_grow_with_the_number_of_samples(tmp_path, kind):
    row = (1, 64, 64) if kind == "pixels" else (4096,)
    peaks = []
    for n, prefetch in ((800, 0), (2400, 0), (2400, 2)):
        folder = tmp_path / f"{n}-{prefetch}"
        folder.mkdir()
        if kind == "arrays":
            inputs = (TensorSpec("x", "float32", ("N", *row)),)
            samples = opened(array_spec(folder, x=np.zeros((n, *row), np.float32)), inputs)
        else:
            samples = kept_gray(folder, n)
        tracemalloc.start()
        for batch in samples.batches(2, prefetch=prefetch):
            assert len(next(iter(batch.values()))) == 2
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[2] < 5 * CHUNK_BYTES  # 39 MB of inputs in all


def kept_gray(folder: Path, n: int) -> Samples:
    """Write one 64x64 gray image, and a list that names it `n` times, with its pixels."""
    Image.new("L", (64, 64), 5).save(folder / "a.png")
    spec, preprocess = DataSpec("images", folder), Preprocess(color="GRAY")
    one = scan(spec)
    index = replace(one, **{key: getattr(one, key) * n for key in ("files", "sizes", "modified_ns", "content_sha256")})
    writer = PixelWriter(folder / "kept", preprocess)
    for _ in range(n):
        writer.append(np.full((64, 64, 1), 5, np.uint8), n)
    writer.complete(index)
    inputs = (TensorSpec("x", "float32", ("N", 1, 64, 64)),)
    return open_samples(spec, index, preprocess, inputs, folder / "kept" / PIXELS_NAME)


@pytest.mark.parametrize("batch", [1, 3, 16, 50])
@pytest.mark.parametrize("values", [4, 5])
def test_chunks_hold_the_same_batches_at_even_addresses(tmp_path, batch, values):
    x = np.random.default_rng(0).normal(size=(47, values)).astype(np.float32)
    samples = opened(array_spec(tmp_path, x=x), (TensorSpec("x", "float32", ("N", values)),))
    batches = [feeds["x"] for feeds in samples.batches(batch)]
    assert [len(feed) for feed in batches] == [min(batch, 47 - i) for i in range(0, 47, batch)]
    assert all(feed.flags["C_CONTIGUOUS"] and feed.ctypes.data % 16 == 0 for feed in batches)
    assert np.concatenate(batches).tobytes() == x[list(samples.index.rows)].tobytes()


def test_the_first_batch_does_not_wait_for_a_whole_chunk(tmp_path):
    samples = opened(array_spec(tmp_path, x=np.zeros((100, 4), np.float32)), ROW_INPUT)
    asked: list[int] = []

    def read(positions: range) -> dict[str, np.ndarray]:
        asked.append(len(positions))
        return {"x": np.zeros((len(positions), 1024), np.float32)}

    list(replace(samples, _read=read, _chunk_bytes=3 * 8 * 4096).batches(3, prefetch=0))
    assert asked == [3, 6, 12, 24, 24, 24, 7]
    asked.clear()
    list(replace(samples, _read=read, _chunk_bytes=0).batches(50, prefetch=0))
    assert asked == [50, 50]


def test_images_are_decoded_a_batch_at_a_time(tmp_path):
    samples = opened(image_spec(tmp_path), IMAGE_INPUT)
    (tmp_path / samples.names[4]).unlink()
    line = samples.batches(2)
    assert [len(next(line)["image"]), len(next(line)["image"])] == [2, 2]
    with pytest.raises(DataError, match="cannot be read"):
        next(line)


def test_arrays_and_kept_pixels_are_read_without_pillow(tmp_path):
    spec, preprocess = image_spec(tmp_path / "images"), Preprocess(mean=(3.0,))
    index = scan(spec, None, PixelWriter(tmp_path, preprocess))
    decoded = next(open_samples(spec, index, preprocess, IMAGE_INPUT).batches(7))["image"]
    documents = [spec.to_json(), index.to_json(), preprocess.to_json()]
    (tmp_path / "documents.json").write_text(json.dumps(documents))
    code = f"""
import json, hashlib, sys
from pathlib import Path
sys.modules["PIL"] = None
from workbench.model.data import data_spec_from_json, open_samples, sample_index_from_json
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import preprocess_from_json
folder = Path({str(tmp_path)!r})
spec, index, preprocess = json.loads((folder / "documents.json").read_text())
samples = open_samples(data_spec_from_json(spec), sample_index_from_json(index), preprocess_from_json(preprocess),
                       (TensorSpec("image", "float32", ("N", 3, 8, 8)),), folder / {PIXELS_NAME!r})
print(hashlib.sha256(next(samples.batches(7))["image"].tobytes()).hexdigest())
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.stdout.strip() == hashlib.sha256(decoded.tobytes()).hexdigest(), outcome.stderr
