"""Identity of what was compared, as records."""

from __future__ import annotations

from typing import Any

from workbench.execution.facts import candidate_record, data_findings, data_record, machine_id
from workbench.execution.preparation import PreparedData
from workbench.execution.study import load_study
from workbench.model.data import DataSpec
from workbench.model.sample_index import SampleIndex
from workbench.quant.plan import load_plan


def _data(path: Any, contents: str, **fields: Any) -> PreparedData:
    index = SampleIndex(
        kind="arrays",
        files=tuple(contents),
        rows=tuple(range(len(contents))),
        sizes=(1,),
        modified_ns=(1,),
        labels=None,
        label_names=(),
        content_sha256=tuple(contents),
        **fields,
    )
    return PreparedData(DataSpec("arrays", path), index, path)


def test_a_machine_stays_the_same_while_its_clock_and_battery_do_not() -> None:
    facts = {"cpu": "X", "clock": "smallest step 40 ns", "power_source": "battery, 83 %"}
    assert machine_id(facts) == machine_id({**facts, "clock": "smallest step 41 ns", "power_source": "mains"})
    assert machine_id(facts) != machine_id({**facts, "cpu": "Y"})
    assert len(machine_id(facts)) == 12


def test_data_are_named_without_their_path(tmp_path: Any) -> None:
    data = _data(tmp_path / "secret" / "set.npz", "abc", undecodable=(("bad.png", "cut off"),))
    record = data_record(data)
    assert record.name == "set.npz"
    assert str(tmp_path) not in record.model_dump_json()
    assert (record.n, record.labelled, record.undecodable) == (3, False, ["bad.png: cut off"])


def test_findings_name_what_a_reader_must_know(tmp_path: Any) -> None:
    calibration = _data(tmp_path, "ab", nonfinite=4)
    evaluation = _data(tmp_path, "bcd", undecodable=(("bad.png", "cut off"),))
    assert data_findings(calibration, evaluation) == [
        "4 calibration values are NaN or infinite",
        "1 evaluation files cannot be decoded",
        "1 evaluation samples are also in the calibration set",
    ]
    assert data_findings(None, _data(tmp_path, "x")) == []


def test_a_candidate_is_told_by_its_plan(finished: Any) -> None:
    plan = load_plan(finished.folder / "plans/S1/plan.json")
    candidate = load_study(finished.path).candidates[0]
    tensors = [{"name": str(number), "share": 0.1} for number in range(9)]
    facts = candidate_record(candidate, "a" * 64, plan, {"tensors": tensors, "beyond_clip": 0.01, "n": 24})
    assert facts.plan_sha256 == plan.sha256
    assert (facts.quantized_tensors, facts.quantized_weights) == (len(plan.tensors), len(plan.weights))
    assert facts.representation is not None
    assert len(facts.representation.worst_tensors) == 5
    bare = candidate_record(candidate, "a" * 64, None, None)
    assert (bare.plan_sha256, bare.scheme_title) == (None, "S1 W8A8 symmetric")
