"""The window's own icons: one-colour SVG files, painted in a token's colour at any device pixel ratio."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize
from PySide6.QtGui import QIcon, QImageReader, QPixmap

from workbench.ui.tokens import ICON_PX

RATIOS = (1.0, 2.0, 3.0)


def names() -> list[str]:
    """Return the names of all icons, sorted."""
    found = (files("workbench_resources") / "icons").iterdir()
    return sorted(entry.name.removesuffix(".svg") for entry in found if entry.name.endswith(".svg"))


@lru_cache(maxsize=256)
def icon(name: str, colour: str, size_px: int = ICON_PX, disabled: str = "") -> QIcon:
    """Return the icon `name` in `colour`, where it cannot be used in `disabled` (both "#RRGGBB").

    Without a colour for that the style greys it, which on a button of another ground may leave nothing to see.
    Raises KeyError for a name that has no file.
    """
    found = QIcon()
    for ratio in RATIOS:
        found.addPixmap(pixmap(name, colour, size_px, ratio))
        if disabled:
            found.addPixmap(pixmap(name, disabled, size_px, ratio), QIcon.Mode.Disabled)
    return found


def pixmap(name: str, colour: str, size_px: int = ICON_PX, ratio: float = 1.0) -> QPixmap:
    """Return the icon as a pixmap of `size_px` logical pixels. Raises KeyError for a name that has no file."""
    # The buffer borrows the bytes: both must outlive the reader.
    data = QByteArray(svg(name).replace("currentColor", colour).encode())
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"svg"))
    side = round(size_px * ratio)
    reader.setScaledSize(QSize(side, side))
    image = QPixmap.fromImage(reader.read())
    image.setDevicePixelRatio(ratio)
    return image


@lru_cache(maxsize=64)
def svg(name: str) -> str:
    """Return the text of an icon's file. Raises KeyError for a name that has none."""
    try:
        return (files("workbench_resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyError(f"there is no icon {name!r}") from None
