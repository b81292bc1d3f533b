"""The whole search on a small labelled study, and the mistakes it answers with one line."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import studies

from workbench.errors import JobCancelledError, StudyError
from workbench.execution.study import load_study
from workbench.execution.tune import Clock, TuneOptions, tunable, tune_study, with_float_nodes
from workbench.execution.tune_record import Tune, load_tune
from workbench.quant.plan import load_plan

ROW = {"id": "ort_cpu"}
CONVS = ["conv1_node", "conv2_node", "logits_node"]


def _tune(path: Path, folder: Path, **options: Any) -> tuple[Tune, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    record = tune_study(load_study(path), folder, TuneOptions(**options), lambda event: events.append(dict(event)))
    return record, events


def _free_the_size(path: Path) -> None:
    """Make height and width symbols, so that only samples tell them."""
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim[2:], "hw", strict=False):
            axis.dim_param = name
    del model.graph.value_info[:]
    onnx.save(model, path)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tune, list[dict[str, Any]]]:
    """A target between the all-INT8 plan's figure and what one node gives."""
    folder = tmp_path_factory.mktemp("tune")
    path = studies.write_study(folder, studies.document([ROW]))
    return folder, *_tune(path, folder / "out", target={"sqnr_db": 45.0}, most_float_nodes=2)


def test_points_go_from_all_int8_to_fewer_and_are_what_a_study_gets(
    tuned: tuple[Path, Tune, list[dict[str, Any]]],
) -> None:
    folder, record, _ = tuned
    assert record.complete
    assert [len(point.float_nodes) for point in record.points] == [0, 1, 2]
    assert record.points[0].int8_mac_share == 1.0
    values = [point.sqnr_db.value for point in record.points]
    assert values == sorted(value for value in values if value is not None)
    assert sorted(item.node for item in record.sensitivity) == CONVS
    assert sum(item.mac_share or 0.0 for item in record.sensitivity) == pytest.approx(1.0)
    gains = [item.gain_db for item in record.sensitivity if item.gain_db is not None]
    assert gains == sorted(gains, reverse=True)
    assert record.points[0].plan_sha256 == load_plan(folder / "out/plans/S1/plan.json").sha256


def test_shares_count_the_sizes_that_the_samples_have(
    tuned: tuple[Path, Tune, list[dict[str, Any]]], tmp_path: Path
) -> None:
    path = studies.write_study(tmp_path, studies.document([ROW]))
    _free_the_size(tmp_path / "net.onnx")
    record, _ = _tune(path, tmp_path / "out", most_float_nodes=1)
    known = {item.node: item.mac_share for item in tuned[1].sensitivity}
    assert {item.node: item.mac_share for item in record.sensitivity} == pytest.approx(known)


def test_the_chosen_point_is_in_the_tuned_study_and_its_plan_is_the_same(
    tuned: tuple[Path, Tune, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, record, _ = tuned
    assert record.chosen == 1
    nodes = record.points[1].float_nodes
    study = load_study(folder / "out" / "tuned.toml")
    assert study.candidates[0].scheme.exclude_nodes == tuple(nodes)
    assert Path(study.candidates[0].source).is_absolute()
    again, _ = _tune(folder / "out" / "tuned.toml", tmp_path / "again", most_float_nodes=0)
    assert again.points[0].plan_sha256 == record.points[1].plan_sha256
    assert again.points[0].sqnr_db == record.points[1].sqnr_db
    assert not (tmp_path / "again" / "tuned.toml").exists()


def test_a_second_start_keeps_everything_and_says_the_same(tuned: tuple[Path, Tune, list[dict[str, Any]]]) -> None:
    folder, record, _ = tuned
    again, events = _tune(folder / "study.toml", folder / "out", target={"sqnr_db": 45.0}, most_float_nodes=2)
    assert again.model_copy(update={"spent_s": record.spent_s}) == record
    assert load_tune(folder / "out" / "tune.json") == again
    assert {"kept"} == {state for name in ("Plan", "Simulated") for state in studies.states(events, name)}
    assert not [event for event in events if event["event"] == "progress"]


def test_progress_tells_how_far_the_search_is_and_the_time_left(
    tuned: tuple[Path, Tune, list[dict[str, Any]]],
) -> None:
    _, _, events = tuned
    told = [event for event in events if event["event"] == "progress" and event["text"] == "measurements"]
    assert told
    assert all(event["done"] <= event["total"] for event in told)
    assert all(event["remaining_s"] > 0 for event in told[1:])


def test_a_spent_budget_leaves_what_there_is(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, studies.document([ROW]))
    record, _ = _tune(path, tmp_path / "out", target={"sqnr_db": 90.0}, budget_s=0.01)
    assert (record.complete, len(record.points), record.chosen) == (False, 1, None)
    assert "within the time given" in record.why
    assert load_tune(tmp_path / "out" / "tune.json") == record


def test_a_cancel_stops_it(tmp_path: Path) -> None:
    path, cancel = studies.write_study(tmp_path, studies.document([ROW])), threading.Event()

    def stop_in_the_search(event: Any) -> None:
        if event.get("text") == "measurements":
            cancel.set()

    with pytest.raises(JobCancelledError):
        tune_study(load_study(path), tmp_path / "out", TuneOptions(), stop_in_the_search, cancel)
    assert not (tmp_path / "out" / "tune.json").exists()


def test_what_cannot_be_tuned_says_why(tmp_path: Path) -> None:
    candidates = [
        {"name": "tool", "native": "ort_quantize_static"},
        {"name": "ready", "plan": "plan.json"},
        {"name": "weights", "scheme": {"name": "S3"}},
        {"name": "ours", "scheme": {"name": "S2"}},
    ]
    study = load_study(studies.write_study(tmp_path, studies.document([ROW], candidates=candidates)))
    assert tunable(study).name == "ours"
    for name, why in (
        ("tool", "a native tool-chain chooses its own numbers"),
        ("ready", "its plan is ready"),
        ("weights", "scheme S3 quantizes no activations"),
        ("nobody", "Known candidates: tool, ready, weights, ours"),
    ):
        with pytest.raises(StudyError, match=why):
            tunable(study, name)


def test_only_the_named_candidates_scheme_changes(tmp_path: Path) -> None:
    candidates = [{"name": "a"}, {"name": "b"}]
    content = studies.document([ROW], candidates=candidates, scheme={"exclude_nodes": ["conv1_node"]})
    study = load_study(studies.write_study(tmp_path, content))
    changed = with_float_nodes(study, "b", ["conv2_node"])
    found = {candidate.name: candidate.scheme.exclude_nodes for candidate in changed.candidates}
    assert found == {"a": ("conv1_node",), "b": ("conv1_node", "conv2_node")}


def test_accuracy_needs_labels(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, studies.document([ROW]))
    with np.load(tmp_path / "evaluation.npz") as arrays:
        np.savez(tmp_path / "evaluation.npz", **{name: arrays[name] for name in arrays if name != "labels"})
    with pytest.raises(StudyError, match="--max-drop-points needs labels"):
        _tune(path, tmp_path / "out", target={"max_drop_points": 1.0})


def test_calibration_data_are_needed(tmp_path: Path) -> None:
    content = studies.document([ROW])
    del content["data"]["calibration"]
    with pytest.raises(StudyError, match="no calibration data"):
        _tune(studies.write_study(tmp_path, content), tmp_path / "out")


def test_the_time_left_is_within_the_budget() -> None:
    clock = Clock(5.0, 8)
    assert clock.remaining_s() is None
    clock.points(3, 100.0)
    left_s = clock.remaining_s()
    assert left_s is not None
    assert 0 < left_s <= 5.0
    free = Clock(None, 8)
    free.points(3, 100.0)
    assert free.remaining_s(7.0) == pytest.approx(307.0)
    assert free.left_s is None
