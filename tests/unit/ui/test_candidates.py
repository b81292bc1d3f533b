"""Candidates: implied by [scheme], written down with the second one, unique names."""

from __future__ import annotations

from workbench.ui.candidates import (
    candidates_of,
    unique_name,
    with_candidate,
    with_change,
    with_item,
    without_candidate,
)

SCHEME = {"scheme": {"name": "S2", "method": "minmax"}}


def test_without_a_list_there_is_the_one_of_the_scheme() -> None:
    assert candidates_of(SCHEME) == [{"name": "S2", "scheme": SCHEME["scheme"]}]
    assert candidates_of({}) == [{"name": "S1", "scheme": {}}]


def test_the_second_writes_the_first_down() -> None:
    after = with_candidate(SCHEME, {"name": "S2", "scheme": {"name": "S2"}})
    assert [item["name"] for item in after["candidates"]] == ["S2", "S2 2"]
    assert after["candidates"][0]["scheme"] == SCHEME["scheme"]


def test_the_last_one_left_becomes_the_scheme_again() -> None:
    values = {**SCHEME, **with_candidate(SCHEME, {"name": "S3", "scheme": {"name": "S3"}})}
    assert without_candidate(values, 1) == {"candidates": None, "scheme": SCHEME["scheme"]}


def test_a_candidate_with_its_own_model_stays_a_candidate() -> None:
    values = with_candidate(SCHEME, {"name": "student", "model": {"path": "s.onnx"}})
    assert without_candidate(values, 0) == {"candidates": [{"name": "student", "model": {"path": "s.onnx"}}]}


def test_change_goes_where_the_scheme_stands() -> None:
    assert with_change({}, 0, "scheme", {"name": "S3"}) == {"scheme": {"name": "S3"}}
    assert with_change({}, 0, "plan", "plan.json") == {}
    values = with_candidate(SCHEME, {"name": "B", "plan": "plan.json"})
    assert "plan" not in with_change(values, 1, "plan", None)["candidates"][1]


def test_names_are_unique() -> None:
    assert unique_name("S1", [{"name": "S1"}, {"name": "S1 2"}]) == "S1 3"


def test_a_candidate_is_replaced_and_keeps_a_name_of_its_own() -> None:
    values = with_candidate(SCHEME, {"name": "tool", "native": "a"})
    after = with_item(values, 1, {"name": "S2", "native": "b"})
    assert after["candidates"][1] == {"name": "S2 2", "native": "b"}
    assert after["candidates"][0] == values["candidates"][0]
    assert with_item(values, 1, {"name": "tool", "native": "c"})["candidates"][1]["name"] == "tool"
