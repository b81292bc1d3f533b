"""What a plugin's methods returned, held against the plugin surface right where they returned it: worker side.

Without this a wrong type is met later, in the program's own code, and its message speaks of that code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from workbench.errors import ContractError

T = TypeVar("T")


def answer(plugin_id: str, method: str, value: object, kind: type[T]) -> T:
    """Return `value` if it is of this kind. Raises ContractError, which names plugin, method and both types."""
    if not isinstance(value, kind):
        raise ContractError(f"{plugin_id}: {method} returned {_named(value)}, not {_article(kind.__name__)}")
    return value


def answers(plugin_id: str, method: str, value: object, kind: type[T]) -> list[T]:
    """Return `value` if it is a list or tuple of this kind alone. Raises ContractError as `answer`."""
    if not isinstance(value, list | tuple):
        raise ContractError(f"{plugin_id}: {method} returned {_named(value)}, not a list of {kind.__name__}")
    for place, item in enumerate(value):
        if not isinstance(item, kind):
            found = f"{_named(item)} at place {place}"
            raise ContractError(f"{plugin_id}: {method} returned {found} of its list, not {_article(kind.__name__)}")
    return list(value)


def texts(plugin_id: str, method: str, value: object) -> dict[str, Any]:
    """Return `value` if it is a mapping; its keys and values are held against the result's form by the host."""
    if not isinstance(value, Mapping):
        raise ContractError(f"{plugin_id}: {method} returned {_named(value)}, not a dict of texts")
    return dict(value)


def _named(value: object) -> str:
    """Return what was returned in words; a class itself is mostly a forgotten pair of parentheses."""
    if value is None:
        return "nothing"
    return f"the class {value.__name__}" if isinstance(value, type) else _article(type(value).__name__)


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
