"""Colours, sizes and fonts of the window as plain values: two tables, light and dark, without Qt.

Every pair in TEXT_PAIRS is used for text and has a contrast of at least 4.5 (WCAG 2.2, success criterion 1.4.3), every
pair in EDGE_PAIRS one of at least 3 (1.4.11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["system", "light", "dark"]
MODES: tuple[Mode, ...] = ("system", "light", "dark")

FAMILY = "Inter"
MONO_FAMILY = "JetBrains Mono"
RADIUS_PX = 8
GAP_PX = 12
FONT_PX = 13
SMALL_PX = 12
HEADING_PX = 15
TITLE_PX = 20
ICON_PX = 18
RAIL_PX = 232


@dataclass(frozen=True)
class Tokens:
    """One table; colours are "#RRGGBB".

    Attributes:
        bg: behind everything; rail: the rail; surface: cards and tables; field: inputs; hover: under the pointer.
        border: 1 px lines; strong_border: lines of buttons and axes; grid: chart grid.
        field_border: lines of inputs and boxes, by which alone they are seen.
        text, muted: words; disabled: words of what cannot be used now.
        accent: the one colour for actions and selection; on_accent: words on it; accent_soft: selected background.
        ok, warn, bad, neutral: verdicts as words; their _soft tables as backgrounds.
        heat_good, heat_bad: full-strength backgrounds of heat cells, blended with `surface`.
        series: marker and curve colours in the order of runtimes.
    """

    name: Literal["light", "dark"]
    bg: str
    rail: str
    surface: str
    field: str
    hover: str
    border: str
    strong_border: str
    field_border: str
    grid: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_soft: str
    ok: str
    ok_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str
    neutral: str
    neutral_soft: str
    heat_good: str
    heat_bad: str
    series: tuple[str, ...]

    def colour(self, name: str) -> str:
        """Return the colour called `name`."""
        return str(getattr(self, name))


LIGHT = Tokens(
    name="light",
    bg="#F5F6F8",
    rail="#FBFCFD",
    surface="#FFFFFF",
    field="#FFFFFF",
    hover="#EEF1F5",
    border="#DFE3E8",
    strong_border="#B9C1CB",
    field_border="#848E9B",
    grid="#ECEFF3",
    text="#17202B",
    muted="#5C6875",
    disabled="#8A94A0",
    accent="#2156D9",
    accent_hover="#1A46B4",
    on_accent="#FFFFFF",
    accent_soft="#E6EDFC",
    ok="#166F41",
    ok_soft="#E3F3EA",
    warn="#855400",
    warn_soft="#FBF0DA",
    bad="#B3261E",
    bad_soft="#FCE8E6",
    neutral="#4E5A67",
    neutral_soft="#EDF0F3",
    heat_good="#CFDDF9",
    heat_bad="#F3CFCC",
    series=("#2156D9", "#C8501E", "#0E8A7D", "#8A3FC7", "#A67C00", "#C2256B"),
)

DARK = Tokens(
    name="dark",
    bg="#12161C",
    rail="#151A21",
    surface="#1A2028",
    field="#141920",
    hover="#232B35",
    border="#303A46",
    strong_border="#4A5767",
    field_border="#66738A",
    grid="#262E38",
    text="#E7ECF2",
    muted="#98A5B3",
    disabled="#6A7683",
    accent="#7AA2FF",
    accent_hover="#9BB9FF",
    on_accent="#0E1420",
    accent_soft="#22304F",
    ok="#57C98B",
    ok_soft="#17332A",
    warn="#E9B44C",
    warn_soft="#3A2F18",
    bad="#FF8078",
    bad_soft="#402225",
    neutral="#B1BCC8",
    neutral_soft="#262E38",
    heat_good="#2C4170",
    heat_bad="#5E3336",
    series=("#7AA2FF", "#FF9A62", "#4CC9B8", "#C493F2", "#E3C04F", "#FF7FB0"),
)

TABLES: dict[str, Tokens] = {"light": LIGHT, "dark": DARK}

_GROUNDS = ("bg", "rail", "surface", "field", "hover")
_STATES = ("ok", "warn", "bad", "neutral")
TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    *(("text", ground) for ground in (*_GROUNDS, "accent_soft", "heat_good", "heat_bad")),
    *(("muted", ground) for ground in _GROUNDS),
    *(("accent", ground) for ground in ("bg", "rail", "surface", "accent_soft")),
    *(("text", f"{state}_soft") for state in _STATES),
    *((state, ground) for state in _STATES for ground in ("bg", "rail", "surface", f"{state}_soft")),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("muted", "neutral_soft"),
    ("muted", "accent_soft"),
)
"""(foreground, background) names used for text anywhere in the window."""

EDGE_PAIRS: tuple[tuple[str, str], ...] = (
    *(("field_border", ground) for ground in ("bg", "surface", "field")),
    *(("accent", ground) for ground in _GROUNDS),
)
"""(line, ground) names of what is seen by its line alone: inputs, boxes, the mark of the keyboard."""


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two "#RRGGBB" colours, 1..21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def blend(top: str, bottom: str, share: float) -> str:
    """Return `share` (0..1) of `top` over `bottom` as "#RRGGBB", mixed per channel."""
    pairs = zip(_channels(top), _channels(bottom), strict=True)
    mixed = [round(share * a + (1 - share) * b) for a, b in pairs]
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(value / 255) for value in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
