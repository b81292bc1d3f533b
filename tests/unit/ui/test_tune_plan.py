"""What can be tuned, where to, and what adopting changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers import tuned

from workbench.cli import parser
from workbench.ui import tune_plan as plan
from workbench.ui.tuned import Tuned

VALUES: dict[str, Any] = {"model": {"path": "m.onnx"}, "scheme": {"name": "S1", "method": "mse"}}


def _found(folder: Path) -> Tuned:
    return tuned.read(tuned.document(), folder)


def test_it_goes_beside_the_results_or_where_it_lies(tmp_path: Path) -> None:
    assert plan.tune_folder(tmp_path / "digits-results") == tmp_path / "digits-tune"
    assert plan.tune_folder(tmp_path / "digits") == tmp_path / "digits-tune"
    _found(tmp_path / "digits")
    assert plan.tune_folder(tmp_path / "digits") == tmp_path / "digits"


def test_only_what_this_program_quantizes_can_be_tuned() -> None:
    listed = [
        {"name": "A", "scheme": {"name": "S2"}},
        {"name": "B", "scheme": {"name": "S3"}},
        {"name": "C", "native": {"tool": "ort"}},
        {"name": "D", "plan": "plan.json"},
        {"name": "E"},
    ]
    assert plan.tunable({**VALUES, "candidates": listed}) == ["A", "E"]
    assert plan.tunable({"scheme": {"name": "fp32"}}) == []


def test_the_command_line() -> None:
    found = plan.arguments(Path("s.toml"), Path("out"), "S1", {"sqnr_db": 23.0, "agreement": 0.9}, 3, 60.0)
    assert found == ["tune", "s.toml", "-o", "out", "--candidate", "S1", "--sqnr-db", "23", "--agreement", "0.9",
                     "--most-float-nodes", "3", "--budget-s", "60", "--events"]  # fmt: skip
    free = plan.arguments(Path("s.toml"), Path("out"), "S1", {}, 8, 0.0, allows_code=True)
    assert free[-2:] == ["--allow-code", "--events"]
    assert "--budget-s" not in free


def test_the_command_takes_every_option() -> None:
    target = {"sqnr_db": 1.0, "agreement": 0.9, "max_drop_points": 2.0}
    asked = plan.arguments(Path("s.toml"), Path("out"), "S1", target, 3, 60.0, allows_code=True)
    taken = parser().parse_args(asked)
    assert {key: getattr(taken, key) for key in target} == target
    assert (taken.most_float_nodes, taken.budget_s, taken.allow_code, taken.events) == (3, 60.0, True, True)


def test_adopting_names_the_nodes_in_the_scheme_and_taking_back_removes_them(tmp_path: Path) -> None:
    found = _found(tmp_path)
    tables = plan.adopted(VALUES, found, found.points[2])
    assert tables == {"scheme": {"name": "S1", "method": "mse", "exclude_nodes": ["conv1", "block2.depthwise"]}}
    after = {**VALUES, **tables}
    assert plan.place_in_study(after, found) == 2
    assert plan.place_in_study(VALUES, found) == 0
    assert plan.adopted(after, found, found.points[0]) == {"scheme": {"name": "S1", "method": "mse"}}


def test_a_listed_candidate_gets_its_own_scheme(tmp_path: Path) -> None:
    found = _found(tmp_path)
    values = {**VALUES, "candidates": [{"name": "other"}, {"name": "S1"}]}
    (first, second) = plan.adopted(values, found, found.points[1])["candidates"]
    assert first == {"name": "other"}
    assert second["scheme"]["exclude_nodes"] == ["conv1"]


def test_points_of_another_scheme_or_candidate_are_not_adopted(tmp_path: Path) -> None:
    found = _found(tmp_path)
    assert plan.why_not_adopted(VALUES, found) == ""
    assert "No study is open" in plan.why_not_adopted({}, found)
    assert "no candidate S1" in plan.why_not_adopted({**VALUES, "candidates": [{"name": "other"}]}, found)
    changed = {**VALUES, "scheme": {"name": "S1", "method": "minmax"}}
    assert "has changed since" in plan.why_not_adopted(changed, found)
    assert plan.adopted({**VALUES, "candidates": [{"name": "other"}]}, found, found.points[1]) == {}


def test_targets_that_cannot_be_asked_for_have_a_reason(tmp_path: Path) -> None:
    labelled = {**VALUES, "task": {"kind": "classification"}}
    assert plan.targets_absent(labelled, None) == (frozenset(), "")
    assert plan.targets_absent(VALUES, None) == ({"agreement", "max_drop_points"}, plan.NO_ANSWERS)
    unlabelled = tuned.read(tuned.unlabelled(), tmp_path)
    assert plan.targets_absent(labelled, unlabelled) == ({"max_drop_points"}, plan.NO_LABEL_SEEN)
