"""tune from the command line: the table, JSON, events, exit codes and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.small_studies import complaint, run_command

from workbench.cli.tune_command import exit_code, tune_text
from workbench.execution.tune_record import FigureWithInterval, Tune, load_tune


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was tuned once, so that later starts keep its measurements."""
    folder = tmp_path_factory.mktemp("tune")
    studies.write_study(folder, studies.document([{"id": "ort_cpu"}]))
    assert run_command(["tune", folder / "study.toml", "-o", folder / "out", "--most-float-nodes", 1]) == 0
    return folder


def _command(place: Path, *more: object) -> list[object]:
    return ["tune", place / "study.toml", "-o", place / "out", "--most-float-nodes", 1, *more]


def test_without_a_target_every_point_is_shown_and_none_chosen(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_command(place)) == 0
    text = capsys.readouterr().out
    assert "24 samples, simulated" in text
    assert "1 in float: logits_node" in text
    assert "No target given: every point is shown, none is chosen." in text
    assert not (place / "out" / "tuned.toml").exists()


def test_a_target_that_is_met_is_marked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_command(place, "--sqnr-db", 45)) == 0
    text = capsys.readouterr().out
    marked = [line for line in text.splitlines() if line.startswith("*")]
    assert len(marked) == 1
    assert marked[0].endswith("met")
    assert f"int8-workbench run {place / 'out' / 'tuned.toml'} -o DIR" in text


def test_json_is_the_file(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_command(place, "--sqnr-db", 45, "--json")) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((place / "out" / "tune.json").read_text())


def test_a_target_that_nothing_meets_has_exit_code_3_and_names_the_best_point(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(_command(place, "--sqnr-db", 200, "--events")) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == {"event": "finished", "exit_code": 3}
    assert not (place / "out" / "tuned.toml").exists()
    assert "nothing meets the target; the best point leaves 1 in float" in load_tune(place / "out" / "tune.json").why


def test_what_cannot_be_told_has_exit_code_4(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_command(place, "--agreement", 0.95)) == 4
    assert "cannot be told" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--candidate", "S9"], "There is no candidate 'S9'"),
        (["--agreement", "1.5"], "--agreement 1.5 is not a target"),
        (["--most-float-nodes", "-1"], "--most-float-nodes -1 is no count"),
        (["--budget-s", "0"], "--budget-s 0 is no time"),
    ],
)
def test_mistakes_are_one_line(
    place: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(_command(place, *arguments)) == 1
    assert said in complaint(capsys.readouterr().err)


def test_a_search_that_had_too_little_time_cannot_tell(place: Path) -> None:
    record = load_tune(place / "out" / "tune.json")

    def changed(**changes: Any) -> Tune:
        points = [point.model_copy(update={"meets_target": False}) for point in record.points]
        return record.model_copy(update={"target": {"sqnr_db": 1.0}, "chosen": None, "points": points, **changes})

    assert exit_code(changed()) == 3
    assert exit_code(changed(complete=False)) == 4
    assert exit_code(changed(target={})) == 0
    assert "the same command goes on" in tune_text(changed(complete=False), place)


def test_a_set_that_holds_the_one_before_names_what_it_adds_and_another_names_all(place: Path) -> None:
    record = load_tune(place / "out" / "tune.json")
    sets = ([], ["a"], ["a", "b"], ["b", "c", "d"])
    points = [record.points[0].model_copy(update={"float_nodes": nodes}) for nodes in sets]
    text = tune_text(record.model_copy(update={"points": points}), place)
    for line in ("1 in float: a", "2 in float: those and b", "3 in float: b, c, d"):
        assert line in text.splitlines()


def test_the_table_shows_shares_as_other_tables_do_and_one_node_is_one(place: Path) -> None:
    record = load_tune(place / "out" / "tune.json")
    share = FigureWithInterval(value=0.99, interval=(0.946, 0.998))
    points = [
        record.points[0].model_copy(update={"float_nodes": nodes, "agreement": share}) for nodes in ([], ["conv1"])
    ]
    text = tune_text(record.model_copy(update={"points": points, "chosen": 1}), place)
    assert "99.0 % [94.6, 99.8]" in text
    assert "Chosen: 1 node in float, " in text
