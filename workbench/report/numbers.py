"""Figures as text: unit, interval, number of samples, true minus sign, thousands separators.

A figure that needs an interval and has none is not shown: the functions return NOT_SHOWN in its place.
"""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
NOT_SHOWN = "not shown: no interval"
DASH = "\N{EN DASH}"
_ASCII = {
    MINUS: "-",
    TIMES: "x",
    DASH: "-",
    "\N{EM DASH}": "-",
    "\N{MIDDLE DOT}": "|",
    "\N{HORIZONTAL ELLIPSIS}": "~",
    "\N{BLACK DIAMOND}": "*",
    "\N{RIGHTWARDS ARROW}": ">",
    "\N{NO-BREAK SPACE}": " ",
    "\N{THIN SPACE}": " ",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
}

Pair = tuple[float, float]


def number(value: float, digits: int = 0, *, signed: bool = False) -> str:
    """Return `value` rounded to `digits` decimals with thousands separators and a true minus; never "-0"."""
    rounded = round(value, digits)
    text = f"{abs(rounded):,.{digits}f}"
    if rounded < 0:
        return MINUS + text
    return "+" + text if signed and rounded > 0 else text


def digits_for(interval: Pair, coarse: int = 1) -> int:
    """Return the decimals that an interval earns: `coarse`, one more where it is narrower than one of their steps."""
    width = interval[1] - interval[0]
    step = 10.0**-coarse
    return coarse if width >= step or width <= 0 else coarse + 1


def interval(pair: Pair, digits: int, *, signed: bool = False) -> str:
    """Return "[low, high]"."""
    return f"[{number(pair[0], digits, signed=signed)}, {number(pair[1], digits, signed=signed)}]"


def points(value: float, pair: Pair | None) -> str:
    """Return a change in percentage points with its paired interval, such as "−0.2 [−0.6, +0.2]"."""
    if pair is None:
        return NOT_SHOWN
    digits = digits_for(pair)
    return f"{number(value, digits, signed=True)} {interval(pair, digits, signed=True)}"


def ratio(value: float, pair: Pair | None) -> str:
    """Return a speed ratio with its interval, such as "2.8× [2.7, 2.9]"."""
    if pair is None:
        return NOT_SHOWN
    digits = ratio_digits(value, pair)
    return f"{number(value, digits)}{TIMES} {interval(pair, digits)}"


def ratio_digits(value: float, pair: Pair) -> int:
    """Return the decimals of a ratio: one below 10 (two where the interval is narrow), none above 100."""
    if abs(value) >= 100:
        return 0
    return 1 if abs(value) >= 10 else digits_for(pair)


def percent(share: float, digits: int = 1) -> str:
    """Return a fraction 0..1 as per cent; a share short of 1 never rounds up to 100 %, one above 0 never to 0 %."""
    value = 100.0 * share
    return f"{number(value, 0 if value in (0.0, 100.0) else share_digits(share, digits))} %"


def share_digits(share: float, digits: int = 1) -> int:
    """Return the decimals, `digits` to 6, that keep a fraction short of 1 from 100 % and one above 0 from 0 %."""
    while digits < 6 and round(100.0 * share, digits) in (0.0, 100.0) and share not in (0.0, 1.0):
        digits += 1
    return digits


def percent_with_interval(share: float, pair: Pair | None, digits: int = 1) -> str:
    """Return a proportion with its interval in per cent, such as "76.4 % [74.5, 78.2]"; 0 and 100 as in `percent`."""
    if pair is None:
        return NOT_SHOWN
    digits = share_digits(share, digits)
    return f"{number(100 * share, digits)} % {interval((100 * pair[0], 100 * pair[1]), digits)}"


def significant(value: float, digits: int = 3) -> str:
    """Return a positive rate or duration with about `digits` significant digits and thousands separators."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return number(value, min(decimals, 6))


def significant_with_interval(value: float, pair: Pair | None) -> str:
    """Return a duration or rate with its interval, such as "0.867 [0.865, 0.870]"."""
    if pair is None:
        return NOT_SHOWN
    return f"{significant(value)} [{significant(pair[0])}, {significant(pair[1])}]"


def decibels(value: float, pair: Pair | None) -> str:
    """Return an SQNR with its interval, without the unit, such as "15.8 [15.6, 16.0]"."""
    if pair is None:
        return NOT_SHOWN
    digits = digits_for(pair)
    return f"{number(value, digits)} {interval(pair, digits)}"


def scientific_with_interval(value: float, pair: Pair | None) -> str:
    """Return an NMSE with its interval, such as "2.6e−02 [2.5e−02, 2.8e−02]"; 0 needs no interval."""
    if value == 0:
        return "0"
    if pair is None:
        return NOT_SHOWN
    return f"{scientific(value)} [{scientific(pair[0])}, {scientific(pair[1])}]"


def rate(value: float, pair: Pair | None) -> str:
    """Return samples per second with its interval, such as "2,250 [2,230, 2,268]"."""
    return significant_with_interval(value, pair)


def size(count: int) -> str:
    """Return a number of bytes in binary units, such as "1.9 MiB"."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{number(value, 0 if unit == 'B' or value >= 100 else 1)} {unit}"


def quantity(value: float) -> str:
    """Return a large count in short form, such as "41.0 M"."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= limit:
            return f"{number(value / limit, 1)} {unit}"
    return number(value)


def scientific(value: float) -> str:
    """Return a small figure such as an NMSE with two significant digits, such as "2.3e−04"."""
    if value == 0:
        return "0"
    return f"{value:.1e}".replace("-", MINUS)


def about(count: int) -> str:
    """Return a needed number of samples rounded up to two significant digits, such as "4,900"."""
    if count < 100:
        return number(count)
    step = 10 ** (len(str(count)) - 2)
    return number(-(-count // step) * step)


def short_hash(sha256: str, length: int = 12) -> str:
    """Return the first digits of a hash."""
    return sha256[:length]


def shorten(text: str, limit: int) -> str:
    """Return `text` with its middle left out where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return text[:head].rstrip() + "\N{HORIZONTAL ELLIPSIS}" + text[len(text) - (limit - 1 - head) :].lstrip()


def cut(text: str, limit: int) -> str:
    """Return a sentence with its last words left out where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    kept, _, _ = text[:limit].rpartition(" ")
    return (kept or text[: limit - 1]).rstrip(" ,;.") + "\N{HORIZONTAL ELLIPSIS}"


def ascii_only(text: str) -> str:
    """Return `text` with each typographic character as one in ASCII, so that tables stay aligned; others become "?"."""
    for character, spelling in _ASCII.items():
        text = text.replace(character, spelling)
    return text.encode("ascii", "replace").decode("ascii")
