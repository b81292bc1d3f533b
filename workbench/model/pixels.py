"""An image to 8-bit pixels, fitted as [preprocess] declares: what Pillow does between decoding and normalization.

NOT here: decoding a file (image_folder), normalization, colour order and layout (preprocess).
"""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from PIL import Image

from workbench.errors import DataError
from workbench.model.preprocess import Letterbox, Preprocess

ORIENTATION_TAG = 0x0112
REMARKS = {
    "turned": "with an EXIF orientation, which is not applied: pixels are taken as stored (OpenCV would turn them)",
    "transparent": "with transparency, which is dropped",
    "deep": "with 16 bits a pixel, of which the high 8 count",
}
"""What `remarks_of` may say of an image, in words that follow a number of images."""
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}


def fitted_pixels(image: Image.Image, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    """Return one image, resized and cropped, as uint8 [H, W, C]: gray, or RGB also where `color` is BGR.

    EXIF orientation is NOT applied: pixels are taken as they are stored.

    Raises:
        DataError: smaller than `center_crop`, or of a pixel type without a stated 0..255 scale.
    """
    picture = _fit(eight_bit_image(image, preprocess.color), preprocess)
    return np.asarray(picture, dtype=np.uint8).reshape(picture.height, picture.width, preprocess.channels)


def eight_bit_image(image: Image.Image, color: str = "RGB") -> Image.Image:
    """Return the image in mode "L" (GRAY) or "RGB" (RGB and BGR).

    Palettes are resolved; alpha is dropped without a background (the stored colour stays); 16-bit gray keeps its
    high byte, as Pillow does for 16-bit colour; gray becomes three equal channels; CMYK and YCbCr as Pillow converts.
    The first frame counts.

    Raises:
        DataError: 32-bit integer or float pixels (no stated 0..255 scale), or a mode Pillow cannot convert.
    """
    target = "L" if color == "GRAY" else "RGB"
    if image.mode == target:
        return image
    if image.mode in ("I", "F"):
        raise DataError("pixels of 32 bits have no 0..255 scale", how="Save the image with 8 or 16 bits, or use .npz.")
    try:
        return _without_alpha_tricks(image).convert(target)
    except ValueError as error:
        raise DataError(f"pixels of type {image.mode} cannot become {target}", why=str(error)) from error


def remarks_of(image: Image.Image) -> frozenset[str]:
    """Return what of a decoded image does not reach the model, as keys of `REMARKS`."""
    found = {
        "turned": _orientation(image) not in (0, 1),
        "transparent": image.has_transparency_data,
        "deep": image.mode.startswith("I;16"),
    }
    return frozenset(key for key, holds in found.items() if holds)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (as stored) where there is none that can be read."""
    with suppress(SyntaxError, ValueError, TypeError, KeyError, OSError, EOFError, struct.error):
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    return 1


def _without_alpha_tricks(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image.convert(_PREMULTIPLIED[image.mode]) if image.mode in _PREMULTIPLIED else image


def _fit(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    bilinear = Image.Resampling.BILINEAR
    if preprocess.resize is not None:
        height, width = preprocess.resize
        return image.resize((width, height), bilinear)
    if preprocess.letterbox is not None:
        return _letterboxed(image, preprocess.letterbox)
    if preprocess.resize_short is not None:
        image = image.resize(_short_side_size(image.size, preprocess.resize_short), bilinear)
    return image if preprocess.center_crop is None else _center_cropped(image, preprocess.center_crop)


def _short_side_size(size: tuple[int, int], short: int) -> tuple[int, int]:
    width, height = size
    if width <= height:
        return short, round(height * short / width)
    return round(width * short / height), short


def _center_cropped(image: Image.Image, crop: int) -> Image.Image:
    if min(image.size) < crop:
        raise DataError(
            f"an image of {image.width}x{image.height} pixels is smaller than center_crop {crop}",
            how="Set resize_short, or a smaller center_crop.",
        )
    left, top = (image.width - crop) // 2, (image.height - crop) // 2
    return image.crop((left, top, left + crop, top + crop))


def _letterboxed(image: Image.Image, letterbox: Letterbox) -> Image.Image:
    scale = min(letterbox.size / image.width, letterbox.size / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    pad = letterbox.pad if image.mode == "L" else (letterbox.pad,) * 3
    canvas = Image.new(image.mode, (letterbox.size, letterbox.size), pad)
    offset = ((letterbox.size - width) // 2, (letterbox.size - height) // 2)
    canvas.paste(image.resize((width, height), Image.Resampling.BILINEAR), offset)
    return canvas
