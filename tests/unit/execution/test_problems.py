"""What is wrong with a document, in one line."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.execution.problems import first_problem


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weight: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner
    several: list[Inner] = []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"inner": {"wieght": 1}}, "unknown key 'inner.wieght'; did you mean 'weight'?"),
        ({"inner": {}, "several": [{"zzz": 1}]}, "unknown key 'several.0.zzz'; known here: weight"),
        ({}, "key 'inner' is missing"),
        ({"inner": {"weight": "x"}}, "inner.weight: input should be a valid integer"),
    ],
)
def test_the_place_and_the_nearest_key_are_named(document: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document)
    assert first_problem(caught.value, Outer).startswith(expected)
