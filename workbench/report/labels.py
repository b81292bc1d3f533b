"""A small label placer: puts short texts beside points so that none overlaps another, a point, or the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NARROW = frozenset("iljtfrI.,:;'|!()[] ")
_WIDE = frozenset("mwMW@%")


@dataclass(frozen=True)
class Box:
    """A rectangle in drawing units; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """Return the area that two boxes share."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, across) * max(0.0, down)

    def outside(self, frame: Box) -> float:
        """Return the area of this box that lies outside a frame."""
        return self.width * self.height - self.overlap(frame)


def text_width(text: str, size: float) -> float:
    """Return the width of a text in a sans-serif face, slightly overestimated, in the units of `size`."""
    shares = (0.36 if c in _NARROW else 0.96 if c in _WIDE else 0.74 if c.isupper() else 0.64 for c in text)
    return size * sum(shares)


def place(
    anchors: Sequence[tuple[float, float]],
    texts: Sequence[str],
    size: float,
    frame: Box,
    obstacles: Sequence[Box] = (),
    gap: float = 8.0,
) -> list[Box]:
    """Return one box per text, near its anchor, in the order given.

    Candidates lie on rings of growing distance around the anchor; the first one without overlap wins, else the one
    with the least. With n texts and c candidates this takes n * c * n comparisons.

    Args:
        anchors: points that the texts belong to.
        size: font size; a box is 1.3 times as high.
        frame: what the boxes should stay inside.
        obstacles: boxes that should stay free, such as markers and interval bars.
    """
    taken = list(obstacles)
    placed: list[Box] = []
    for (x, y), text in zip(anchors, texts, strict=True):
        width, height = text_width(text, size), 1.3 * size
        box = min(_candidates(x, y, width, height, gap), key=lambda option: _cost(option[1], option[0], taken, frame))[
            1
        ]
        taken.append(box)
        placed.append(box)
    return placed


def _candidates(x: float, y: float, width: float, height: float, gap: float) -> list[tuple[float, Box]]:
    found: list[tuple[float, Box]] = []
    for ring in range(8):
        away = gap + ring * 0.7 * height
        spots = (
            (x + away, y - height - away / 3),
            (x + away, y + away / 3),
            (x - away - width, y - height - away / 3),
            (x - away - width, y + away / 3),
            (x - width / 2, y - away - height),
            (x - width / 2, y + away),
        )
        found += [(ring + 0.1 * i, Box(left, top, width, height)) for i, (left, top) in enumerate(spots)]
    return found


def _cost(box: Box, distance: float, taken: Sequence[Box], frame: Box) -> float:
    return 1000.0 * (sum(box.overlap(other) for other in taken) + 2 * box.outside(frame)) + distance
