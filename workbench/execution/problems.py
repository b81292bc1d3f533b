"""What is wrong with a document, in one line, from pydantic's report: unknown keys with the nearest known one."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def first_problem(error: ValidationError, form: type[BaseModel]) -> str:
    """Return the first problem of a document that does not have the form."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {where!r}{_nearest(problem['loc'], form)}"
    if problem["type"] == "missing":
        return f"key {where!r} is missing"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{where}: {message}, found {problem['input']!r:.60}" if where else message


def _nearest(location: tuple[int | str, ...], form: type[BaseModel]) -> str:
    known = _keys_at(location[:-1], form)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _keys_at(location: tuple[int | str, ...], form: type[BaseModel]) -> list[str]:
    """Return the keys that the table at `location` may have."""
    table = form
    for part in location:
        if isinstance(part, str) and part in table.model_fields:
            table = _table_of(table.model_fields[part].annotation) or table
    return list(table.model_fields)


def _table_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _table_of(argument)
        if found is not None:
            return found
    return None
