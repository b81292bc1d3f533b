"""Preprocessing: exact fit, colour, layout and normalization, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workbench.errors import DataError
from workbench.model.preprocess import (
    Letterbox,
    Preprocess,
    normalized,
    preprocess_from_json,
    preprocess_image,
)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_identity_keeps_pixels_as_rgb_planes():
    image = picture(5, 4)
    x = preprocess_image(image, Preprocess())
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(x, np.asarray(image).transpose(2, 0, 1).astype(np.float32))


def test_bgr_reverses_channels_and_mean_follows_color():
    image = Image.new("RGB", (2, 3), (10, 20, 30))
    x = preprocess_image(image, Preprocess(color="BGR", mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0)))
    assert x[:, 0, 0].tolist() == [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8]


def test_nhwc_has_channels_last():
    image = picture(5, 4)
    x = preprocess_image(image, Preprocess(layout="NHWC"))
    assert x.shape == (4, 5, 3)
    np.testing.assert_array_equal(x, np.asarray(image, dtype=np.float32))


def test_gray_has_one_channel_and_keeps_gray_pixels():
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    x = preprocess_image(Image.fromarray(gray), Preprocess(color="GRAY", mean=(127.5,), std=(127.5,)))
    assert x.shape == (1, 3, 4)
    np.testing.assert_array_equal(x[0], (gray.astype(np.float32) - np.float32(127.5)) / np.float32(127.5))


def test_gray_from_color_is_rec601_luma():
    x = preprocess_image(Image.new("RGB", (1, 1), (200, 100, 50)), Preprocess(color="GRAY"))
    assert x[0, 0, 0] == pytest.approx(0.299 * 200 + 0.587 * 100 + 0.114 * 50, abs=0.51)


@given(width=st.integers(1, 90), height=st.integers(1, 90), short=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_resize_short_follows_the_stated_formula(width, height, short):
    x = preprocess_image(Image.new("RGB", (width, height)), Preprocess(resize_short=short))
    long_side = round(max(width, height) * short / min(width, height))
    expected = (short, long_side) if height <= width else (long_side, short)
    assert x.shape == (3, *expected)


@given(width=st.integers(8, 40), height=st.integers(8, 40), crop=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_center_crop_offset_is_half_the_rest_rounded_down(width, height, crop):
    image = picture(width, height)
    x = preprocess_image(image, Preprocess(center_crop=crop, layout="NHWC"))
    top, left = (height - crop) // 2, (width - crop) // 2
    np.testing.assert_array_equal(x, np.asarray(image, np.float32)[top : top + crop, left : left + crop])


def test_resize_is_height_then_width_with_pillow_bilinear():
    image = picture(30, 20)
    x = preprocess_image(image, Preprocess(resize=(7, 11), layout="NHWC"))
    expected = np.asarray(image.resize((11, 7), Image.Resampling.BILINEAR), np.float32)
    np.testing.assert_array_equal(x, expected)


def test_letterbox_scales_to_fit_and_pads_evenly():
    image = Image.new("RGB", (40, 20), (1, 2, 3))
    x = preprocess_image(image, Preprocess(letterbox=Letterbox(16, pad=99), layout="NHWC"))
    assert x.shape == (16, 16, 3)
    assert (x[:4] == 99).all()
    assert (x[12:] == 99).all()
    assert (x[4:12] == [1, 2, 3]).all()


def test_letterbox_of_a_thin_line_keeps_one_pixel():
    x = preprocess_image(Image.new("L", (500, 1), 7), Preprocess(letterbox=Letterbox(8), color="GRAY"))
    assert (x == 7).sum() == 8


def test_exif_orientation_is_not_applied(tmp_path):
    image = picture(6, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as turned:
        assert turned.getexif()[0x0112] == 6
        np.testing.assert_array_equal(preprocess_image(turned, Preprocess()), preprocess_image(image, Preprocess()))


def test_alpha_is_dropped_without_a_background():
    image = Image.new("RGBA", (2, 2), (9, 8, 7, 0))
    assert preprocess_image(image, Preprocess())[:, 0, 0].tolist() == [9, 8, 7]
    premultiplied = Image.new("RGBA", (1, 1), (200, 100, 50, 128)).convert("RGBa")
    assert preprocess_image(premultiplied, Preprocess())[0, 0, 0] == pytest.approx(200, abs=2)


def test_palette_is_resolved_before_resizing():
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0] + [0, 255, 0] * 254)
    image.putpixel((0, 0), 1)
    image.putpixel((1, 0), 1)
    image.info["transparency"] = b"\x00\x80"
    x = preprocess_image(image, Preprocess(resize=(4, 4)))
    assert x[:, 0, 0].tolist() == [255, 0, 0]


def test_sixteen_bit_gray_keeps_its_high_byte():
    values = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    x = preprocess_image(Image.fromarray(values), Preprocess(color="GRAY"))
    assert x[0, 0].tolist() == [0, 0, 1, 255]


def test_one_bit_pixels_become_0_and_255():
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert preprocess_image(image, Preprocess(color="GRAY"))[0, 0].tolist() == [0, 255]


def test_too_small_for_the_crop_is_refused():
    with pytest.raises(DataError, match="10x30 pixels is smaller than center_crop 11"):
        preprocess_image(Image.new("RGB", (10, 30)), Preprocess(center_crop=11))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"resize": [4, 4], "center_crop": 2}, "two ways"),
        ({"resize": [4, 4], "letterbox": {"size": 4}}, "two ways"),
        ({"resize_short": 0}, "at least 1"),
        ({"resize": [4]}, "height, width"),
        ({"resize": [4, 2.5]}, "whole number"),
        ({"resize_short": True}, "whole number"),
        ({"resize_short": 200, "center_crop": 224}, "larger than resize_short"),
        ({"color": "rgb"}, "RGB, BGR, GRAY"),
        ({"layout": "CHW"}, "NCHW, NHWC"),
        ({"mean": [1, 2]}, "2 values. RGB needs 1 or 3"),
        ({"color": "GRAY", "std": [1, 2, 3]}, r"3 values. GRAY needs 1\.$"),
        ({"std": [1, 0, 1]}, "above 0"),
        ({"mean": [float("nan")]}, "finite"),
        ({"mean": ["a"]}, "numbers"),
        ({"letterbox": 640}, "table"),
        ({"letterbox": {"size": 4, "pad": 256}}, r"0\.\.255"),
        ({"letterbox": {"size": 4, "padding": 1}}, "pad"),
        ({"resize_shrot": 4}, "resize_short"),
    ],
)
def test_wrong_sections_are_refused(keys, message):
    with pytest.raises(DataError, match=message):
        preprocess_from_json(keys)


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(),
        Preprocess(resize_short=256, center_crop=224, mean=(127.5,) * 3, std=(127.5,) * 3),
        Preprocess(letterbox=Letterbox(640), color="BGR", layout="NHWC"),
        Preprocess(resize=(9, 7), color="GRAY", mean=(1.0,), std=(2.0,)),
    ],
)
def test_json_gives_back_the_same(preprocess):
    assert preprocess_from_json(json.loads(json.dumps(preprocess.to_json()))) == preprocess


def test_keys_left_out_are_absent_from_json():
    assert Preprocess(resize_short=4).to_json() == {
        "resize_short": 4, "color": "RGB", "layout": "NCHW", "mean": [0.0], "std": [1.0],
    }  # fmt: skip


def test_a_single_number_stands_for_all_channels():
    assert preprocess_from_json({"mean": 5, "std": 2.5}) == Preprocess(mean=(5.0,), std=(2.5,))


def test_height_width_is_known_where_it_does_not_depend_on_the_image():
    assert Preprocess(resize=(4, 6)).height_width == (4, 6)
    assert Preprocess(letterbox=Letterbox(8)).height_width == (8, 8)
    assert Preprocess(resize_short=9, center_crop=5).height_width == (5, 5)
    assert Preprocess(resize_short=9).height_width is None


def test_identity_means_nothing_declared():
    assert Preprocess().is_identity
    assert not Preprocess(color="BGR").is_identity


VALUES = st.floats(-300, 300, width=16).map(float)
DIVISORS = st.floats(0.25, 300, width=16).map(float)


@settings(max_examples=60)
@given(
    color=st.sampled_from(["RGB", "BGR", "GRAY"]),
    layout=st.sampled_from(["NCHW", "NHWC"]),
    mean=st.tuples(VALUES, VALUES, VALUES),
    std=st.tuples(DIVISORS, DIVISORS, DIVISORS),
    each=st.booleans(),
)
def test_normalization_is_the_formula_in_float32_bit_by_bit(color, layout, mean, std, each):
    channels = 1 if color == "GRAY" else 3
    length = channels if each else 1
    preprocess = Preprocess(color=color, layout=layout, mean=mean[:length], std=std[:length])
    pixels = np.random.default_rng(1).integers(0, 256, (3, 5, 4, channels), dtype=np.uint8)
    planes = pixels[..., ::-1] if color == "BGR" else pixels
    x = (planes.astype(np.float32) - np.array(mean[:length], np.float32)) / np.array(std[:length], np.float32)
    expected = x.transpose(0, 3, 1, 2) if layout == "NCHW" else x
    found = normalized(pixels, preprocess)
    assert (found.dtype, found.shape, found.flags["C_CONTIGUOUS"]) == (np.float32, expected.shape, True)
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()


def test_geometry_is_what_decides_the_pixels():
    plain = Preprocess(resize=(4, 5))
    assert plain.geometry == {"channels": 3, "resize": [4, 5]}
    normalized_otherwise = Preprocess(resize=(4, 5), color="BGR", layout="NHWC", mean=(1.0,), std=(2.0,))
    assert normalized_otherwise.geometry == plain.geometry
    for other in (
        Preprocess(resize=(5, 4)),
        Preprocess(resize=(4, 5), color="GRAY"),
        Preprocess(letterbox=Letterbox(4)),
    ):
        assert other.geometry != plain.geometry
