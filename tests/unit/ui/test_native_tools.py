"""Native tool-chains in the window: known at once, named by what was chosen, names that follow."""

from __future__ import annotations

from typing import Any

from workbench.ui.native_tools import candidate_of, changed_options, known_tools, menu_text, title_of, tools_among

TOOL: dict[str, Any] = {
    "id": "tool",
    "title": "Tool",
    "kind": "quantizer",
    "ok": True,
    "options": {"method": ["a", "b"], "deep": [False, True]},
}


def test_they_are_known_before_they_are_asked() -> None:
    found = {tool["id"]: tool for tool in known_tools()}
    assert {"ort_quantize_static", "nncf"} <= set(found)
    assert found["nncf"]["ok"] is None
    assert menu_text(found["nncf"]) == "OpenVINO NNCF quantize"


def test_the_menu_says_which_cannot_be_used() -> None:
    assert menu_text({**TOOL, "ok": False}) == "Tool (not usable here)"


def test_runtimes_are_no_tool_chains() -> None:
    assert tools_among([{"id": "ort_cpu", "kind": "runtime"}, TOOL]) == [TOOL]


def test_only_what_is_not_at_its_default_stands_in_the_study() -> None:
    assert changed_options(TOOL, {"method": "a", "deep": True}) == {"deep": True}
    assert candidate_of(TOOL, {"method": "a"}) == {"name": "Tool, a", "native": "tool"}


def test_a_name_that_told_the_choice_follows_it_and_an_own_name_stays() -> None:
    first = candidate_of(TOOL, {})
    second = candidate_of(TOOL, {"method": "b"}, {**first, "native_title": title_of(TOOL, {})})
    assert second == {"name": "Tool, b", "native": "tool", "native_options": {"method": "b"}}
    mine = candidate_of(TOOL, {"method": "b"}, {"name": "mine", "native": "tool", "native_title": "Tool, a"})
    assert mine["name"] == "mine"


def test_a_scheme_and_a_plan_go_and_a_model_stays() -> None:
    item = {"name": "x", "scheme": {"name": "S1"}, "plan": "p.json", "model": {"path": "m.onnx"}}
    assert candidate_of(TOOL, {}, item) == {"name": "x", "model": {"path": "m.onnx"}, "native": "tool"}
