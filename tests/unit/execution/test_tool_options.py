"""Options of a native tool-chain: defaults, refusals in one line, and the name that says what was chosen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import StudyError
from workbench.execution.tool_options import checked_options, default_of, is_declaration, option_words, titled

DECLARED: dict[str, Any] = {
    "method": ["MinMax", "Entropy"],
    "per_channel": [False, True],
    "pre_process": [True, False],
    "percentile": 99.999,
    "subset": 0,
    "skipped": [],
    "model_type": "none",
}


def test_defaults_are_filled_in_in_the_declared_order() -> None:
    found = checked_options(DECLARED, {"subset": 5, "method": "Entropy"}, "Tool")
    assert list(found) == list(DECLARED)
    assert found == {
        "method": "Entropy",
        "per_channel": False,
        "pre_process": True,
        "percentile": 99.999,
        "subset": 5,
        "skipped": [],
        "model_type": "none",
    }


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"methd": "MinMax"}, "Tool has no option 'methd'. Did you mean 'method'?"),
        ({"zzz": 1}, "Tool has no option 'zzz'. Known: method, per_channel"),
        ({"method": "Max"}, "Tool cannot have method = 'Max'. Give one of MinMax, Entropy."),
        ({"per_channel": 1}, "Give one of false, true."),
        ({"percentile": "high"}, "Give a number."),
        ({"percentile": float("nan")}, "Give a number."),
        ({"percentile": True}, "Give a number."),
        ({"subset": 1.5}, "Give a whole number from 0."),
        ({"subset": -1}, "Give a whole number from 0."),
        ({"skipped": "node"}, "Give a list of texts."),
        ({"skipped": [1]}, "Give a list of texts."),
        ({"model_type": 3}, "Give a text."),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(option: dict[str, Any], text: str) -> None:
    with pytest.raises(StudyError) as caught:
        checked_options(DECLARED, option, "Tool")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_name_tells_the_method_and_what_is_not_at_its_default() -> None:
    assert titled("Tool", DECLARED, {}) == "Tool, MinMax"
    options = {"method": "Entropy", "per_channel": True, "pre_process": False, "percentile": 99.9, "skipped": ["a"]}
    assert titled("Tool", DECLARED, options) == (
        "Tool, Entropy, per_channel, no pre_process, percentile 99.9, skipped a"
    )
    assert titled("Tool", {}, {}) == "Tool"


@given(st.fixed_dictionaries({}, optional={key: st.just(default_of(item)) for key, item in DECLARED.items()}))
def test_a_default_that_is_written_down_changes_nothing(options: dict[str, Any]) -> None:
    assert checked_options(DECLARED, options, "Tool") == checked_options(DECLARED, {}, "Tool")
    assert option_words(DECLARED, options) == ["MinMax"]


@pytest.mark.parametrize(
    "value", [None, [], {"a": None}, {"a": {}}, {"a": [1]}, {"a": ["x", True]}, {"a": True}, {"a": float("inf")}]
)
def test_what_is_no_declaration(value: object) -> None:
    assert not is_declaration(value)


def test_the_declaration_of_this_test_is_one() -> None:
    assert is_declaration(DECLARED)
    assert is_declaration({})
