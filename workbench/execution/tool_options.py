"""Options of a native tool-chain: declared in its plugin.toml, given in a candidate's `native_options`, said in words.

A declared option is a list of choices with the default first, an empty list (a list of texts), a number or a text.
Its first option says how ranges are found and is part of the tool-chain's name whatever its value.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from workbench.errors import StudyError

Declared = Mapping[str, Any]


def default_of(declared: Any) -> Any:
    """Return the value an option has when nobody gives one."""
    return declared[0] if isinstance(declared, list) and declared else declared


def is_declaration(value: object) -> bool:
    """Whether a manifest's `options` is a table of declared options."""
    if not isinstance(value, dict):
        return False
    return all(_is_scalar(item) or _are_choices(item) for item in value.values())


def checked_options(declared: Declared, given: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return all options in the declared order, defaults filled in.

    Args:
        who: the tool-chain's title, for messages.

    Raises:
        StudyError: an unknown option (names the nearest), or a value it cannot have.
    """
    for key, value in given.items():
        if key not in declared:
            raise StudyError(f"{who} has no option {key!r}", how=_known(key, declared))
        expected = _expected(declared[key], value)
        if expected:
            raise StudyError(f"{who} cannot have {key} = {value!r}", how=f"Give {expected}.")
    return {key: given.get(key, default_of(item)) for key, item in declared.items()}


def option_words(declared: Declared, options: Mapping[str, Any]) -> list[str]:
    """Return the first option's value and every option that is not at its default, in the declared order."""
    words = []
    for place, (key, item) in enumerate(declared.items()):
        value = options.get(key, default_of(item))
        if place == 0:
            words.append(str(value))
        elif value != default_of(item):
            words.append(_words(key, value))
    return words


def titled(title: str, declared: Declared, options: Mapping[str, Any]) -> str:
    """Return what a tool-chain's rows are called, such as "ONNX Runtime quantize_static, Entropy"."""
    return ", ".join([title, *option_words(declared, options)])


def _words(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return key if value else f"no {key}"
    return f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"


def _known(key: str, declared: Declared) -> str:
    nearest = difflib.get_close_matches(key, declared, n=1)
    return f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(declared) or 'none'}."


def _expected(declared: Any, value: Any) -> str:
    """Return what a value should be instead, "" where it fits."""
    if isinstance(declared, list) and declared:
        fits = any(type(value) is type(item) and value == item for item in declared)
        return "" if fits else f"one of {', '.join(_toml(item) for item in declared)}"
    if isinstance(declared, list):
        return "" if isinstance(value, list) and all(isinstance(item, str) for item in value) else "a list of texts"
    if isinstance(declared, str):
        return "" if isinstance(value, str) else "a text"
    if isinstance(declared, int):
        return "" if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else "a whole number from 0"
    return "" if _is_number(value) else "a number"


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str) or _is_number(value)


def _are_choices(value: object) -> bool:
    if not isinstance(value, list):
        return False
    return all(isinstance(item, str | bool) and type(item) is type(value[0]) for item in value)
