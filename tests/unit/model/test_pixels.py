"""An image to fitted 8-bit pixels; fit and colour by value are in the tests of preprocess."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from workbench.errors import DataError
from workbench.model.pixels import ORIENTATION_TAG, eight_bit_image, fitted_pixels, remarks_of
from workbench.model.preprocess import Preprocess


def test_pixels_are_rgb_also_where_the_model_takes_bgr():
    image = Image.new("RGB", (5, 4), (1, 2, 3))
    for color in ("RGB", "BGR"):
        pixels = fitted_pixels(image, Preprocess(color=color, layout="NCHW", mean=(9.0,), std=(7.0,)))
        assert (pixels.dtype, pixels.shape) == (np.uint8, (4, 5, 3))
        assert pixels[0, 0].tolist() == [1, 2, 3]


def test_gray_has_one_channel_and_the_fit_is_applied():
    pixels = fitted_pixels(Image.new("RGB", (50, 40), (7, 7, 7)), Preprocess(resize=(6, 3), color="GRAY"))
    assert pixels.shape == (6, 3, 1)
    assert (pixels == 7).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bit_pixels_are_refused(mode):
    with pytest.raises(DataError, match=r"no 0\.\.255 scale"):
        eight_bit_image(Image.new(mode, (2, 2)))


def test_a_mode_pillow_cannot_convert_is_refused(monkeypatch):
    def refuse(image: Image.Image, mode: str) -> Image.Image:
        raise ValueError(f"conversion from {image.mode} to {mode} not supported")

    monkeypatch.setattr(Image.Image, "convert", refuse)
    with pytest.raises(DataError, match="pixels of type HSV cannot become RGB: conversion from HSV"):
        eight_bit_image(Image.new("HSV", (2, 2)))


def stored(image: Image.Image, kind: str, **options: object) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    found = Image.open(stream)
    found.load()
    return found


def test_what_does_not_reach_the_model_is_remarked():
    turned, as_stored = Image.Exif(), Image.Exif()
    turned[ORIENTATION_TAG], as_stored[ORIENTATION_TAG] = 6, 1
    plain = Image.new("RGB", (4, 3))
    assert remarks_of(stored(plain, "JPEG", exif=turned)) == {"turned"}
    assert remarks_of(stored(plain, "JPEG", exif=as_stored)) == set()
    assert remarks_of(stored(plain, "JPEG", exif=b"Exif\0\0damaged")) == set()
    assert remarks_of(stored(Image.new("RGBA", (4, 3)), "PNG")) == {"transparent"}
    assert remarks_of(stored(Image.fromarray(np.ones((3, 4), np.uint16)), "PNG")) == {"deep"}
    assert remarks_of(stored(plain, "PNG")) == set()
