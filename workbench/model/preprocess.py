"""Preprocessing of images, declared and exact: the declaration, and pixels to floats.

NOT here: fitting an image (pixels), reading files (image_folder), arrays (array_file), which samples are taken (data).
Pillow is loaded only where an image is given: pixels that a scan kept need none.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

COLORS = ("RGB", "BGR", "GRAY")
LAYOUTS = ("NCHW", "NHWC")

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Letterbox:
    """Scale to fit into a square of `size` pixels, centred, the rest filled with `pad` (0..255, every channel)."""

    size: int
    pad: int = 114


@dataclass(frozen=True)
class Preprocess:
    """The `[preprocess]` section of a study file; every key may be left out. Raises DataError when keys clash.

    Steps, in this order: 8-bit RGB or gray, resize_short, center_crop (or resize, or letterbox), normalization
    x = (pixel - mean) / std in float32, layout.

    Attributes:
        resize_short: short side in pixels; long side = round(long * short / short_side), ties to even.
        center_crop: side in pixels of a square cut at offset (side - crop) // 2.
        resize: (height, width) in pixels, without keeping the aspect ratio.
        letterbox: scale by min(size / height, size / width), sides rounded, at offset (size - side) // 2.
        color: RGB | BGR | GRAY (ITU-R 601 luma, 1 channel); also the order of `mean` and `std`.
        layout: NCHW | NHWC.
        mean, std: on the scale 0..255; one value for all channels, or one per channel.
    """

    resize_short: int | None = None
    center_crop: int | None = None
    resize: tuple[int, int] | None = None
    letterbox: Letterbox | None = None
    color: str = "RGB"
    layout: str = "NCHW"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check_choice("color", self.color, COLORS)
        _check_choice("layout", self.layout, LAYOUTS)
        _check_fit(self)
        _check_normalization(self)

    @property
    def channels(self) -> int:
        """Channels of the result: 1 for GRAY, else 3."""
        return 1 if self.color == "GRAY" else 3

    @property
    def is_identity(self) -> bool:
        """Whether nothing was declared: arrays are fed as they are, images as 0..255 in RGB, NCHW."""
        return self == Preprocess()

    @property
    def height_width(self) -> tuple[int, int] | None:
        """Pixels of the result (height, width) when they do not depend on the image, else None."""
        if self.resize is not None:
            return self.resize
        side = self.letterbox.size if self.letterbox is not None else self.center_crop
        return None if side is None else (side, side)

    @property
    def geometry(self) -> dict[str, Any]:
        """What decides the pixels before normalization, as plain values: the fit, and gray or colour."""
        keys = ("resize_short", "center_crop", "resize", "letterbox")
        return {"channels": self.channels} | {key: value for key, value in self.to_json().items() if key in keys}

    def to_json(self) -> dict[str, Any]:
        """Return the section as plain values; keys left out stay out, so that hashes outlive new keys."""
        pairs = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.letterbox is not None:
            pairs["letterbox"] = {"size": self.letterbox.size, "pad": self.letterbox.pad}
        listed = {key: list(value) if isinstance(value, tuple) else value for key, value in pairs.items()}
        return {key: value for key, value in listed.items() if value is not None}


def preprocess_from_json(document: Mapping[str, Any]) -> Preprocess:
    """Read a `[preprocess]` section. Raises DataError: unknown key (with the nearest known one) or wrong type."""
    known = [field.name for field in fields(Preprocess)]
    _refuse_unknown_keys(document, known, "[preprocess]")
    values = {key: _parse(key, value) for key, value in document.items() if value is not None}
    return Preprocess(**values)


def preprocess_image(image: Image.Image, preprocess: Preprocess) -> FloatArray:
    """Return one image as float32 [C, H, W] (NCHW) or [H, W, C] (NHWC), contiguous.

    EXIF orientation is NOT applied: pixels are taken as they are stored.

    Raises:
        DataError: smaller than `center_crop`, or of a pixel type without a stated 0..255 scale.
    """
    from workbench.model.pixels import fitted_pixels  # noqa: PLC0415  (loads Pillow)

    x: FloatArray = normalized(fitted_pixels(image, preprocess)[np.newaxis], preprocess)[0]
    return x


def normalized(pixels: npt.NDArray[np.uint8], preprocess: Preprocess) -> FloatArray:
    """Return x = (pixel - mean) / std in float32, in the declared colour order and layout, contiguous.

    Args:
        pixels: uint8 [n, H, W, C], RGB or gray.

    Returns:
        float32 [n, C, H, W] (NCHW) or [n, H, W, C] (NHWC).
    """
    if preprocess.color == "BGR":
        pixels = pixels[..., ::-1]
    mean, std = np.array(preprocess.mean, np.float32), np.array(preprocess.std, np.float32)
    if preprocess.layout == "NCHW":
        pixels = pixels.transpose(0, 3, 1, 2)
        mean, std = mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
    else:
        # one value per pixel of a line: numpy then works on whole lines, not on three values at a time
        pixels = np.ascontiguousarray(pixels)
        mean, std = (np.broadcast_to(value, pixels.shape[2:]).copy() for value in (mean, std))
    out = np.empty(pixels.shape, np.float32)
    np.subtract(pixels, mean, out=out)
    np.divide(out, std, out=out)
    return out


def _check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise DataError(f"[preprocess] {key} = {value!r} is not known", how=f"Use one of {', '.join(choices)}.")


def _check_fit(preprocess: Preprocess) -> None:
    short, crop, resize, letterbox = (
        preprocess.resize_short, preprocess.center_crop, preprocess.resize, preprocess.letterbox,
    )  # fmt: skip
    if sum((resize is not None, letterbox is not None, (short, crop) != (None, None))) > 1:
        raise DataError(
            "[preprocess] has two ways to fit an image",
            how="Use resize_short with center_crop, or resize, or letterbox.",
        )
    sides = [short, crop, *(resize or ()), letterbox.size if letterbox else None]
    if any(side is not None and side < 1 for side in sides):
        raise DataError("[preprocess] sizes must be at least 1 pixel")
    if short is not None and crop is not None and crop > short:
        raise DataError(f"[preprocess] center_crop {crop} is larger than resize_short {short}")
    if letterbox is not None and not 0 <= letterbox.pad <= 255:
        raise DataError(f"[preprocess] letterbox pad {letterbox.pad} is not within 0..255")


def _check_normalization(preprocess: Preprocess) -> None:
    for key, values in (("mean", preprocess.mean), ("std", preprocess.std)):
        if len(values) not in (1, preprocess.channels):
            raise DataError(
                f"[preprocess] {key} has {len(values)} values",
                how=f"{preprocess.color} needs 1{f' or {preprocess.channels}' if preprocess.channels > 1 else ''}.",
            )
        if not all(math.isfinite(value) for value in values):
            raise DataError(f"[preprocess] {key} must be finite")
    if any(value <= 0 for value in preprocess.std):
        raise DataError("[preprocess] std must be above 0")


def _refuse_unknown_keys(document: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in document:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            raise DataError(f"{where} has no key {key!r}", how=f"Nearest known key: {nearest[0]}.")


def _parse(key: str, value: Any) -> Any:
    if key in ("resize_short", "center_crop"):
        return _whole(key, value)
    if key == "resize":
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise DataError("[preprocess] resize must be [height, width]")
        return (_whole(key, value[0]), _whole(key, value[1]))
    if key == "letterbox":
        return _letterbox_from_json(value)
    return _numbers(key, value) if key in ("mean", "std") else value


def _letterbox_from_json(value: Any) -> Letterbox:
    if not isinstance(value, Mapping) or "size" not in value:
        raise DataError("[preprocess] letterbox must be a table such as {size = 640, pad = 114}")
    _refuse_unknown_keys(value, ["size", "pad"], "[preprocess] letterbox")
    return Letterbox(**{key: _whole(f"letterbox {key}", number) for key, number in value.items()})


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(f"[preprocess] {key} must be a whole number", why=f"it is {value!r}")
    return value


def _numbers(key: str, value: Any) -> tuple[float, ...]:
    listed = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in listed):
        raise DataError(f"[preprocess] {key} must be numbers", why=f"it is {value!r}")
    return tuple(float(number) for number in listed)
