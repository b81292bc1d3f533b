"""Kept pixels: the same values as decoding, given up where they do not fit, refused where they are not whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from workbench.errors import DataError
from workbench.model import image_folder, pixel_cache
from workbench.model.graph import TensorSpec
from workbench.model.pixel_cache import PIXELS_NAME, PixelWriter, open_pixels, pixels_key
from workbench.model.preprocess import Letterbox, Preprocess
from workbench.model.sample_index import SampleIndex
from workbench.model.samples import open_samples
from workbench.model.scan import DataSpec, scan

KINDS = ("photo.jpg", "palette.gif", "gray.png", "alpha.png", "photo.bmp", "deep.png")


def folder_of(root: Path, size: tuple[int, int] = (60, 44)) -> Path:
    """Write images of several kinds, one of them cut off, in one size."""
    root.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(KINDS):
        noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
        image = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        mode = {"palette.gif": "P", "gray.png": "L", "alpha.png": "RGBA"}.get(name, "RGB")
        if name == "deep.png":
            image = Image.fromarray(np.asarray(image)[:, :, 0].astype(np.uint16) * 257)
        else:
            image = image.convert(mode)
        image.save(root / name)
    (root / "cut.jpg").write_bytes((root / "photo.jpg").read_bytes()[:400])
    return root


def kept(folder: Path, place: Path, preprocess: Preprocess) -> SampleIndex:
    return scan(DataSpec("images", folder, labels=""), None, PixelWriter(place, preprocess))


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(resize_short=32, center_crop=28, mean=(127.5,), std=(127.5,)),
        Preprocess(resize_short=32, center_crop=28, color="BGR", mean=(104.0, 117.0, 123.0), std=(57.0, 58.0, 59.0)),
        Preprocess(letterbox=Letterbox(28), layout="NHWC", mean=(1.0, 2.0, 3.0)),
        Preprocess(resize=(28, 28), color="GRAY", std=(255.0,)),
        Preprocess(resize=(28, 28), color="BGR", layout="NHWC"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_kept_pixels_give_the_values_and_the_hash_of_decoding(tmp_path, preprocess, dtype):
    spec = DataSpec("images", folder_of(tmp_path / "images"), labels="")
    index = kept(spec.path, tmp_path, preprocess)
    assert index == scan(spec)
    assert [file for file, _ in index.undecodable] == ["cut.jpg"]
    inputs = (TensorSpec("x", dtype, ("N", "C", "H", "W")),)
    decoded = open_samples(spec, index, preprocess, inputs)
    read = open_samples(spec, index, preprocess, inputs, tmp_path / PIXELS_NAME)
    assert read.sha256 == decoded.sha256
    for batch in (1, 4):
        pairs = zip(read.batches(batch), decoded.batches(batch), strict=True)
        assert all(a["x"].tobytes() == b["x"].tobytes() and a["x"].shape == b["x"].shape for a, b in pairs)


def test_nothing_is_decoded_when_pixels_are_kept(tmp_path, monkeypatch):
    spec, preprocess = DataSpec("images", folder_of(tmp_path / "images"), labels=""), Preprocess(resize=(8, 8))
    index = kept(spec.path, tmp_path, preprocess)
    monkeypatch.setattr(image_folder, "decode_image", lambda data: pytest.fail("decoded"))
    inputs = (TensorSpec("x", "uint8", ("N", 3, 8, 8)),)
    samples = open_samples(spec, index, preprocess, inputs, tmp_path / PIXELS_NAME)
    assert sum(len(batch["x"]) for batch in samples.batches(4)) == index.n == 6


def test_images_of_one_size_are_kept_as_they_are(tmp_path):
    kept(folder_of(tmp_path / "images"), tmp_path, Preprocess(mean=(9.0,)))
    assert np.load(tmp_path / PIXELS_NAME).shape == (6, 44, 60, 3)


def other_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    Image.new("RGB", (9, 9)).save(folder / "other.png")
    return Preprocess()


def too_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    Image.new("RGB", (9, 9)).save(folder / "other.png")
    return Preprocess(center_crop=20)


def over_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    monkeypatch.setattr(pixel_cache, "LARGEST_FILE_BYTES", 6 * 8 * 8 * 3 - 1)
    return Preprocess(resize=(8, 8))


def full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * 6 * 8 * 8 * 3 - 1))
    return Preprocess(resize=(8, 8))


def large_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    return Preprocess(resize=(1700, 1700))


def failing_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Preprocess:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (folder.parent / f"{PIXELS_NAME}.tmp").symlink_to("/dev/full")
    return Preprocess(resize=(100, 100))


@pytest.mark.parametrize("spoil", [other_size, too_small, over_the_limit, full_disk, large_image, failing_disk])
def test_what_cannot_be_kept_is_given_up_without_a_trace(
    tmp_path, monkeypatch, spoil: Callable[[Path, pytest.MonkeyPatch], Preprocess]
):
    folder = folder_of(tmp_path / "images")
    preprocess = spoil(folder, monkeypatch)
    assert kept(folder, tmp_path, preprocess) == scan(DataSpec("images", folder, labels=""))
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_the_limit_itself_is_kept(tmp_path, monkeypatch):
    size = 7 * 8 * 8 * 3  # the file that cannot be decoded comes late in the order: it is counted until then
    monkeypatch.setattr(pixel_cache, "LARGEST_FILE_BYTES", size)
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * size))
    kept(folder_of(tmp_path / "images"), tmp_path, Preprocess(resize=(8, 8)))
    assert (tmp_path / PIXELS_NAME).is_file()


def test_pixels_of_some_samples_only_are_not_kept(tmp_path):
    index = scan(DataSpec("images", folder_of(tmp_path / "images"), labels=""))
    for rows in (0, index.n - 1):
        writer = PixelWriter(tmp_path, Preprocess(resize=(8, 8)))
        for _ in range(rows):
            writer.append(np.zeros((8, 8, 3), np.uint8), index.n)
        writer.complete(index)
        assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_an_interrupted_scan_leaves_nothing(tmp_path):
    def stop(done: int, total: int, text: str) -> None:
        if done == 4:
            assert (tmp_path / f"{PIXELS_NAME}.tmp").is_file()
            raise KeyboardInterrupt

    spec = DataSpec("images", folder_of(tmp_path / "images"), labels="")
    with pytest.raises(KeyboardInterrupt):
        scan(spec, stop, PixelWriter(tmp_path, Preprocess(resize=(8, 8))))
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def cut(place: Path) -> None:
    path = place / PIXELS_NAME
    path.write_bytes(path.read_bytes()[:-1])


def no_record(place: Path) -> None:
    (place / "pixels.json").unlink()


def damaged_record(place: Path) -> None:
    (place / "pixels.json").write_text("{")


def listed_record(place: Path) -> None:
    (place / "pixels.json").write_text("[]")


def other_samples(place: Path) -> None:
    record = json.loads((place / "pixels.json").read_text())
    (place / "pixels.json").write_text(json.dumps({**record, "samples_sha256": "0" * 64}))


def other_array(place: Path) -> None:
    np.save(place / PIXELS_NAME, np.zeros((6, 8, 8, 1), np.uint8))


def other_type(place: Path) -> None:
    np.save(place / PIXELS_NAME, np.zeros((6, 8, 8, 3), np.float32))


def archive(place: Path) -> None:
    with (place / PIXELS_NAME).open("wb") as stream:
        np.savez(stream, x=np.zeros((6, 8, 8, 3), np.uint8))


def missing(place: Path) -> None:
    (place / PIXELS_NAME).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "is cut off"),
        (no_record, r"pixels\.json cannot be read"),
        (damaged_record, r"pixels\.json cannot be read"),
        (listed_record, "not an object"),
        (other_samples, "differing: samples_sha256"),
        (other_array, "differing: shape"),
        (other_type, "differing: shape"),
        (archive, "differing: shape"),
        (missing, "cannot be read: No such file"),
    ],
)
def test_pixels_that_are_not_whole_are_refused(tmp_path, spoil: Callable[[Path], None], message):
    preprocess = Preprocess(resize=(8, 8))
    index = kept(folder_of(tmp_path / "images"), tmp_path, preprocess)
    spoil(tmp_path)
    with pytest.raises(DataError, match=message):
        open_pixels(tmp_path / PIXELS_NAME, index, preprocess)


def test_another_fit_is_refused_and_another_normalization_is_not(tmp_path):
    index = kept(folder_of(tmp_path / "images"), tmp_path, Preprocess(resize=(8, 8)))
    for other in (Preprocess(resize_short=8, center_crop=8), Preprocess(resize=(8, 8), color="GRAY")):
        with pytest.raises(DataError, match="differing: geometry"):
            open_pixels(tmp_path / PIXELS_NAME, index, other)
    normalized = Preprocess(resize=(8, 8), color="BGR", mean=(7.0,))
    assert open_pixels(tmp_path / PIXELS_NAME, index, normalized).shape == (6, 8, 8, 3)


def test_pixels_that_do_not_fit_the_model_name_an_image(tmp_path):
    spec, preprocess = DataSpec("images", folder_of(tmp_path / "images"), labels=""), Preprocess()
    index = kept(spec.path, tmp_path, preprocess)
    with pytest.raises(DataError, match=r"(png|jpg|gif|bmp) gives samples of \[3, 44, 60\]"):
        open_samples(spec, index, preprocess, (TensorSpec("x", "float32", ("N", 3, 8, 8)),), tmp_path / PIXELS_NAME)


def test_the_key_names_the_fit_and_pillow():
    from PIL import __version__ as pillow

    assert pixels_key(Preprocess(resize=(8, 8), mean=(4.0,))) == {
        "geometry": {"channels": 3, "resize": [8, 8]},
        "pillow": pillow,
    }


def test_the_key_without_pillow_is_its_own(monkeypatch):
    def absent(name: str) -> str:
        raise pixel_cache.PackageNotFoundError(name)

    monkeypatch.setattr(pixel_cache, "version", absent)
    assert pixels_key(Preprocess())["pillow"] == ""
