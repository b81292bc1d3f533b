"""The candidates of a document: one without [[candidates]], else as listed; plain functions without Qt."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Values = Mapping[str, Any]
DEFAULT_NAME = "S1"


def candidates_of(values: Values) -> list[dict[str, Any]]:
    """Return the candidates; without [[candidates]] the one that [model] and [scheme] make."""
    listed = values.get("candidates")
    if listed:
        return copy.deepcopy(list(listed))
    scheme = dict(values.get("scheme") or {})
    return [{"name": scheme.get("name", DEFAULT_NAME), "scheme": scheme}]


def unique_name(wanted: str, candidates: Sequence[Mapping[str, Any]]) -> str:
    """Return `wanted`, with a number where the name is taken."""
    taken = {item["name"] for item in candidates}
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name


def with_candidate(values: Values, candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables to change so that `candidate` comes last; its name is made unique.

    With the second candidate the first one is written down too: it is no longer implied by [scheme].
    """
    candidates = candidates_of(values)
    added = {**candidate, "name": unique_name(str(candidate["name"]), candidates)}
    return {"candidates": [*candidates, added]}


def without_candidate(values: Values, place: int) -> dict[str, Any]:
    """Return the tables to change so that a candidate goes; the last one left becomes [scheme] again."""
    candidates = candidates_of(values)
    del candidates[place]
    if len(candidates) == 1 and not set(candidates[0]) - {"name", "scheme"}:
        return {"candidates": None, "scheme": candidates[0].get("scheme") or values.get("scheme") or None}
    return {"candidates": candidates or None}


def with_item(values: Values, place: int, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables to change so that a candidate is `item`; its name is made unique."""
    candidates = candidates_of(values)
    others = candidates[:place] + candidates[place + 1 :]
    candidates[place] = {**item, "name": unique_name(str(item["name"]), others)}
    return {"candidates": candidates}


def with_change(values: Values, place: int, key: str, value: Any) -> dict[str, Any]:
    """Return the tables to change so that a candidate's `key` is `value`; None removes it."""
    if not values.get("candidates"):
        return {key: value} if key == "scheme" else {}
    candidates = candidates_of(values)
    candidates[place] = {**candidates[place], key: value}
    if value is None:
        candidates[place].pop(key, None)
    return {"candidates": candidates}
