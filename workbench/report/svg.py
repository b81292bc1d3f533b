"""A small SVG writer: shapes, text, markers, scales and ticks, with colours from a palette.

Colours stand in `style` attributes, so that the same drawing takes literal colours (PDF) or CSS variables (HTML).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from workbench.report.labels import Box

FONT = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Palette:
    """Colours of a drawing; each is a CSS colour or a CSS variable.

    `names`: the colours of `series` for words, dark or bright enough to be read on `surface` and `band`.
    """

    text: str
    muted: str
    border: str
    surface: str
    band: str
    series: tuple[str, ...]
    names: tuple[str, ...]


_SERIES = ("#2156D9", "#C8501E", "#0E8A7D", "#8A3FC7", "#A67C00", "#C2256B")
_NAMES = ("#2156D9", "#AD4316", "#0A6E64", "#8A3FC7", "#7D5D00", "#B8205F")
LIGHT = Palette("#17202B", "#5C6875", "#DFE3E8", "#FFFFFF", "#E8F3EC", _SERIES, _NAMES)
CSS = Palette(
    "var(--text)",
    "var(--muted)",
    "var(--border)",
    "var(--surface)",
    "var(--band)",
    tuple(f"var(--s{index})" for index in range(6)),
    tuple(f"var(--n{index})" for index in range(6)),
)


@dataclass(frozen=True)
class Scale:
    """Maps values to drawing units, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the drawing unit of a value."""
        low, high, at = (math.log10(v) for v in (self.low, self.high, value)) if self.log else self._plain(value)
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def _plain(self, value: float) -> tuple[float, float, float]:
        return self.low, self.high, value


def document(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """Return one SVG drawing with an accessible name."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_f(width)} {_f(height)}" role="img" '
        f"aria-label={quoteattr(title)}>\n<title>{escape(title)}</title>\n{body}\n</svg>"
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: str = "") -> str:
    """Return a straight line."""
    dashed = f";stroke-dasharray:{dash}" if dash else ""
    ends = f'x1="{_f(x1)}" y1="{_f(y1)}" x2="{_f(x2)}" y2="{_f(y2)}"'
    return f'<line {ends} style="stroke:{colour};stroke-width:{_f(width)}{dashed}"/>'


def rect(x: float, y: float, width: float, height: float, colour: str, radius: float = 0, opacity: float = 1) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{_f(x)}" y="{_f(y)}" width="{_f(max(width, 0))}" height="{_f(max(height, 0))}" rx="{_f(radius)}" '
        f'style="fill:{colour};fill-opacity:{_f(opacity)}"/>'
    )


def outline(box: Box, colour: str, dash: str) -> str:
    """Return the dashed outline of a rectangle."""
    return (
        f'<rect x="{_f(box.x)}" y="{_f(box.y)}" width="{_f(max(box.width, 0))}" height="{_f(box.height)}" '
        f'style="fill:none;stroke:{colour};stroke-width:1;stroke-dasharray:{dash}"/>'
    )


def text(
    x: float, y: float, words: str, colour: str, size: float = 12, anchor: str = "start", weight: int = 400
) -> str:
    """Return one line of text; y is its baseline; digits are tabular."""
    style = f"fill:{colour};font-family:{FONT};font-size:{_f(size)}px;font-weight:{weight};text-anchor:{anchor}"
    return f'<text x="{_f(x)}" y="{_f(y)}" style="{style};font-variant-numeric:tabular-nums">{escape(words)}</text>'


def marker(x: float, y: float, shape: int, colour: str, edge: str, radius: float = 6) -> str:
    """Return a marker: circle, square, triangle, diamond, inverted triangle, hexagon, by number."""
    style = f'style="fill:{colour};stroke:{edge};stroke-width:1.5"'
    if shape % 6 == 0:
        return f'<circle cx="{_f(x)}" cy="{_f(y)}" r="{_f(radius)}" {style}/>'
    corners = " ".join(f"{_f(x + dx * radius)},{_f(y + dy * radius)}" for dx, dy in CORNERS[shape % 6])
    return f'<polygon points="{corners}" {style}/>'


CORNERS: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    2: ((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
    3: ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    4: ((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
    5: ((1.1, 0), (0.55, 0.95), (-0.55, 0.95), (-1.1, 0), (-0.55, -0.95), (0.55, -0.95)),
}


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values (steps of 1, 2 or 5 times a power of ten) from `low` to `high`."""
    step = _round_step((high - low) / max(about, 1))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = 1 - math.floor(math.log10(step))
    return [round(i * step, digits) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return ticks of a logarithmic axis: 1-2-5 per decade, decades only where those would be too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**decade for decade in decades for digit in digits]
        inside = [value for value in found if low <= value * (1 + 1e-9) and value <= high * (1 + 1e-9)]
        if len(inside) < 3:
            break
        if len(inside) <= most:
            return inside
    if len(inside) < 3:
        return linear_ticks(low, high, 4)
    return inside[:: math.ceil(len(inside) / most)]


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if raw <= factor * power * (1 + 1e-9))


def _f(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
