"""Identity of what was compared, as records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.execution.artifacts import Artifact
from workbench.execution.facts import (
    candidate_record,
    data_findings,
    data_record,
    machine_id,
    model_record,
    native_findings,
    native_record,
    plan_findings,
)
from workbench.execution.native import Native, Tool
from workbench.execution.preparation import PreparedData, PreparedModel
from workbench.execution.probing import RuntimeState
from workbench.execution.study import Candidate, SchemeSection, load_study
from workbench.model.data import DataSpec
from workbench.model.sample_index import ArraySpec, SampleIndex
from workbench.quant.plan import CalibrationRecord, QuantPlan, load_plan
from workbench.quant.scheme import Scheme


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


def test_sequences_tell_their_frames(tmp_path: Any) -> None:
    arrays = (ArraySpec("h", "float32", (1, 4)), ArraySpec("x", "float32", (120, 1, 8)))
    data = _data(tmp_path / "set.npz", "abc", arrays=arrays)
    assert data_record(data, {"h": "h_next"}).frames == 120
    assert data_record(data).frames is None


def test_a_plan_that_quantizes_nothing_is_a_finding() -> None:
    record = CalibrationRecord("mse", {}, 0, "")
    nothing = QuantPlan("a" * 64, Scheme(), record, float_nodes={"lstm": "LSTM is recurrent", "out": "after it"})
    some = QuantPlan("a" * 64, Scheme(), record, quantized_nodes=("conv",))
    found = plan_findings({"S1": nothing, "other": some})
    assert found == [
        "S1: nothing in this model is INT8 under S1 W8A8 symmetric; what runs under its name is float32 "
        "(LSTM is recurrent; after it)"
    ]


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


def _native(tmp_path: Any, sha256: str) -> Native:
    state = RuntimeState("tool", "Tool", ok=True, versions={"tool": "1"}, kind="quantizer")
    record = {"artifact_sha256": sha256, "n_samples": 8, "samples_sha256": "s", "facts": {"weights": "none"}}
    return Native(Tool("tool", "Tool, a", {"method": "a"}, state), state, Artifact(tmp_path, record))


def test_native_candidates_with_equal_files_are_a_finding(tmp_path: Any) -> None:
    natives = {"a": _native(tmp_path, "1"), "b": _native(tmp_path, "2"), "c": _native(tmp_path, "1")}
    assert native_findings(natives) == ["a and c wrote the same file, bit for bit"]
    assert native_findings({"a": natives["a"], "b": natives["b"]}) == []


def test_a_native_candidate_has_its_tool_chain_instead_of_a_scheme(tmp_path: Any) -> None:
    candidate = Candidate(name="Tool, a", source="m.onnx", scheme_section=SchemeSection(), native="tool")
    made = native_record(candidate, "m", _native(tmp_path, "1"))
    assert (made.scheme, made.scheme_title) == ({"name": "native tool-chain"}, "native tool-chain: Tool, a")
    assert made.calibration == {"method": "Tool, a", "parameters": {"method": "a"}, "n": 8, "sha256": "s"}
    assert made.native is not None
    assert made.native.versions == {"tool": "1"}
    not_run = native_record(candidate, "m", None)
    assert (not_run.calibration, not_run.plan_sha256) == (None, None)


def test_the_macs_of_a_model_are_those_of_its_samples_where_they_are_known() -> None:
    tensor = {"name": "x", "dtype": "float32", "shape": ["N", "T"]}
    facts = {
        "name": "m", "sha256": "0" * 64, "family": "other", "format": "ONNX", "opset": 17, "parameters": 4, "macs": 4,
        "inputs": [tensor], "outputs": [tensor], "notes": [], "compared": ["x"],
    }  # fmt: skip
    prepared = PreparedModel(facts, Path("fp32.onnx"), Path("canonical.onnx"))
    assert (model_record(prepared).macs, model_record(prepared, 48).macs) == (4, 48)
