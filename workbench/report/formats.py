"""Sheet values as text, by the kind of their field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbench.report import numbers
from workbench.report.fields import NOT_DISCLOSED, Field, is_disclosed


def format_value(field: Field, value: Any) -> str:
    """Return a value as one line of text; NOT DISCLOSED and "does not apply: ..." included.

    A value of another shape than the field's (a vendor's claim may hold anything) is printed as it stands.
    """
    if not is_disclosed(value):
        return NOT_DISCLOSED
    if isinstance(value, Mapping) and "not_applicable" in value:
        return f"does not apply: {value['not_applicable']}"
    try:
        return FORMATTERS[field.kind](value)
    except (TypeError, KeyError, ValueError, AttributeError):
        return str(value)


def unit_of(field: Field) -> str:
    """Return the unit that stands behind the formatted value, "" where the text already carries it."""
    return field.unit if field.unit in ("samples", "points", "dB", "ms", "s", "samples/s") else ""


def pair_of(value: Any) -> tuple[float, float] | None:
    """Return the interval of a figure, None where it has none."""
    pair = value.get("interval") if isinstance(value, Mapping) else None
    return (float(pair[0]), float(pair[1])) if pair else None


def number_of(value: Any) -> float | None:
    """Return the number in a value or a figure, None where there is none."""
    found = value.get("value") if isinstance(value, Mapping) else value
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def windows_of(value: Mapping[str, Any]) -> str:
    """Return which windows a ratio is of, "" where it is not on record."""
    found = value.get("windows")
    return f"{numbers.number(found[0])} and {numbers.number(found[1])} steady windows" if found else ""


def _share(value: Any) -> str:
    share = number_of(value)
    if share is None:
        raise TypeError
    n = value.get("n") if isinstance(value, Mapping) else None
    return numbers.percent(share, 2) + (f" (n = {numbers.number(n)})" if n else "")


def _share_figure(value: Any) -> str:
    return _with_n(numbers.percent_with_interval(value["value"], pair_of(value)), value)


def _points(value: Any) -> str:
    return _with_n(numbers.points(value["value"], pair_of(value)), value)


def _ratio(value: Any) -> str:
    text = numbers.ratio(value["value"], pair_of(value))
    how = "" if value.get("interleaved", True) else ", not interleaved"
    counted = f", {windows_of(value)}" if windows_of(value) else ""
    return f"{text} against {value['baseline']}{how}{counted}" if value.get("baseline") else text


def _throughput(value: Any) -> str:
    text = numbers.rate(value["value"], pair_of(value))
    unit = "" if pair_of(value) is None else " samples/s"
    return f"{text}{unit}, {value['label']}, {numbers.number(value['n'])} steady windows of about 1 s"


def _changes(value: Any) -> str:
    text = f"{numbers.number(value['changed'])} of {numbers.number(value['n'])}"
    if value.get("right_to_wrong") is None:
        return text
    parts = [f"{numbers.number(value[key])} {key.replace('_', ' ')}" for key in _CHANGES if value.get(key) is not None]
    return f"{text}: {', '.join(parts)}"


NAMED = 3
_CHANGES = ("right_to_wrong", "wrong_to_right", "wrong_to_other")


def _parity(value: Any) -> str:
    checked, mismatches, declared = numbers.number(value["checked"]), value["mismatches"], value.get("declared", 0)
    if mismatches == 0 and declared:
        return f"but for {numbers.number(declared)} that a deviation declares: {checked} parameters read back"
    if mismatches == 0:
        return f"yes: {checked} parameters read back, none differs"
    return f"no: {numbers.number(mismatches)} of {checked} parameters differ"


def _with_n(text: str, value: Any) -> str:
    return f"{text} (n = {numbers.number(value['n'])})" if value.get("n") else text


def _mapping(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return "; ".join(f"{key}: {item}" for key, item in value.items())


def _reasons(value: Any) -> str:
    """Group names by their reason: "after the last INT8 layer: Transpose_73, Reshape_83, Concat_1 and 25 more"."""
    if not isinstance(value, Mapping):
        return str(value)
    groups: dict[str, list[str]] = {}
    for name, reason in value.items():
        groups.setdefault(str(reason), []).append(str(name))
    return "; ".join(f"{reason}: {_some(found)}" for reason, found in groups.items())


def _some(found: list[str]) -> str:
    more = len(found) - NAMED
    return ", ".join(found[:NAMED]) + (f" and {numbers.number(more)} more" if more > 0 else "")


def _list(value: Any) -> str:
    return value if isinstance(value, str) else "; ".join(str(item) for item in value)


def _latency(value: Any) -> str:
    return _with_n(numbers.significant_with_interval(value["value"], pair_of(value)), value)


def _decibels(value: Any) -> str:
    return _with_n(numbers.decibels(value["value"], pair_of(value)), value)


def _nmse_figure(value: Any) -> str:
    return _with_n(numbers.scientific_with_interval(value["value"], pair_of(value)), value)


def _p_value(value: Any) -> str:
    return "< 0.001" if value < 0.001 else numbers.number(value, 3)


FORMATTERS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "hash": str,
    "count": numbers.number,
    "quantity": numbers.quantity,
    "decimal": lambda value: numbers.number(value, 1),
    "significant": numbers.significant,
    "latency": _latency,
    "decibels": _decibels,
    "nmse_figure": _nmse_figure,
    "share": _share,
    "share_figure": _share_figure,
    "points": _points,
    "ratio": _ratio,
    "throughput": _throughput,
    "changes": _changes,
    "parity": _parity,
    "p_value": _p_value,
    "nmse": numbers.scientific,
    "bytes": numbers.size,
    "mapping": _mapping,
    "list": _list,
    "reasons": _reasons,
}
