"""What was done to the graph and to the plan's numbers, in words for the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.report import numbers

Entry = Mapping[str, Any]


def transform_lines(entries: Sequence[Entry]) -> list[str]:
    """Return one line per kind of transform, counted, and one per step that moved numbers, with what it was worth."""
    kinds = [str(entry.get("kind", entry.get("name", "transform"))) for entry in entries]
    counted = [f"{kind} ({kinds.count(kind)})" for kind in sorted(set(kinds) - set(_WORDS))]
    told = [_WORDS[kind](entry) for kind, entry in zip(kinds, entries, strict=True) if kind in _WORDS]
    return counted + told


def _correction(entry: Entry) -> str:
    channels = dict(entry["channels"])
    head = f"bias correction on {_samples(entry)}"
    before, after = entry["sqnr_db"]["before"], entry["sqnr_db"]["after"]
    gain = f"SQNR there {_db(before)} without, {_db(after)} with it"
    if not entry["kept"]:
        return f"{head}: tried and taken back, no gain beyond chance ({gain})"
    count = sum(channels.values())
    layers = sum(value > 0 for value in channels.values())
    return f"{head}: {numbers.number(count)} channels of {numbers.number(layers)} layers ({gain})"


def _gptq(entry: Entry) -> str:
    return f"GPTQ rounding of {numbers.number(entry['layers'])} weights on {_samples(entry)}"


def _equalization(entry: Entry) -> str:
    tensors = [digits for digits in dict(entry["tensors"]).values() if digits]
    channels = sum(digit != "0" for digits in tensors for digit in digits)
    count = f"{numbers.number(channels)} channels of {numbers.number(len(tensors))} tensors"
    return (
        f"activation equalization: {count} scaled up, at most to the tensor's own range; "
        "a Clip on the way cuts them off at no less than calibration saw"
    )


def _smoothing(entry: Entry) -> str:
    moved, left = len(dict(entry["tensors"])), dict(entry["left"])
    why = "; ".join(f"{name}: {reason}" for name, reason in list(left.items())[:2])
    rest = f", {numbers.number(len(left))} inputs of layers left as they are ({why})" if left else ""
    return f"smoothing {entry['alpha']:g}: ranges of {numbers.number(moved)} tensors moved into the weights{rest}"


def _samples(entry: Entry) -> str:
    return f"{numbers.number(entry['samples'])} calibration samples"


def _db(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1f} dB"


_WORDS = {"bias_correction": _correction, "gptq": _gptq, "equalize_activations": _equalization, "smoothing": _smoothing}
