"""What a plugin's methods returned: the right types pass, each wrong one is a line with plugin, method and types."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import ContractError
from workbench.execution.plugin_answers import answer, answers, texts
from workbench.spi import Availability, Deviation, Placement

ROW = Placement("conv", "Conv", "CPU", "int8")


def test_the_right_types_pass_as_they_are() -> None:
    found = Availability(ok=True)
    assert answer("mine", "probe", found, Availability) is found
    assert answers("mine", "placement", (ROW, ROW), Placement) == [ROW, ROW]
    assert answers("mine", "realise", [], Deviation) == []
    assert texts("mine", "facts", {"threads": "1"}) == {"threads": "1"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "mine: probe returned nothing, not an Availability"),
        (True, "mine: probe returned a bool, not an Availability"),
        (Availability, "mine: probe returned the class Availability, not an Availability"),
    ],
)
def test_a_wrong_type_is_named(value: Any, text: str) -> None:
    with pytest.raises(ContractError) as caught:
        answer("mine", "probe", value, Availability)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "mine: placement returned nothing, not a list of Placement"),
        ({"conv": ROW}, "mine: placement returned a dict, not a list of Placement"),
        ([ROW, {"node": "conv"}], "mine: placement returned a dict at place 1 of its list, not a Placement"),
    ],
)
def test_a_wrong_list_is_named(value: Any, text: str) -> None:
    with pytest.raises(ContractError) as caught:
        answers("mine", "placement", value, Placement)
    assert str(caught.value) == text


def test_texts_are_a_dict() -> None:
    with pytest.raises(ContractError, match="mine: facts returned a list, not a dict of texts"):
        texts("mine", "facts", ["threads"])
