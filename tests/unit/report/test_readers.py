"""How fields are read from a result."""

from __future__ import annotations

import pytest
from helpers import native_results, results

from workbench.execution.result import Machine
from workbench.report import readers

RESULT = results.ordinary()
INT8 = next(run for run in RESULT.runs if run.label == results.OPENVINO and run.precision == "int8")
FP32 = next(run for run in RESULT.runs if run.label == results.OPENVINO and run.precision == "fp32")


def test_deviation_says_requested_realised_reason() -> None:
    assert readers.deviations(INT8, RESULT) == [
        "/features/4/add/Add: rounding after the convolution became rounding after the sum only: "
        "OpenVINO fuses Conv and Add"
    ]
    assert readers.deviations(FP32, RESULT) == "as requested, no deviation"


def test_throughput_carries_label_and_windows() -> None:
    found = readers.throughput(INT8, RESULT)
    assert (found["label"], found["n"], found["value"]) == ("SUSTAINED", 58, 1821.0)


def test_percentile_below_its_floor_says_so() -> None:
    latency = INT8.latency_ms.model_copy(update={"p99": None, "n": 300})  # type: ignore[union-attr]
    run = INT8.model_copy(update={"latency_ms": latency})
    assert readers.latency("p99")(run, RESULT) == {"not_applicable": "300 runs are below the floor of P99"}
    assert readers.latency("p50")(run, RESULT)["n"] == 300


def test_throughput_counts_the_steady_windows_alone() -> None:
    speed = INT8.throughput_per_s.model_copy(update={"steady_from": 8})  # type: ignore[union-attr]
    assert readers.throughput(INT8.model_copy(update={"throughput_per_s": speed}), RESULT)["n"] == 50


def test_percentile_carries_its_interval() -> None:
    found = readers.latency("p90")(INT8, RESULT)
    assert found["interval"] == list(INT8.latency_ms.p90_interval)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("name", ["sqnr_db", "nmse"])
def test_an_error_carries_its_interval_or_the_reason(name: str) -> None:
    pair = getattr(INT8, f"{name}_interval")
    expected = {"value": getattr(INT8, name), "interval": list(pair), "n": INT8.n}
    assert readers.error(name)(INT8, RESULT) == expected
    bare = INT8.model_copy(update={f"{name}_interval": None})
    assert readers.error(name)(bare, RESULT) == {**expected, "interval": None}
    why = bare.model_copy(update={"reasons": {"sqnr_db_interval": "8 samples, an interval needs 10"}})
    assert readers.error(name)(why, RESULT) == {"not_applicable": "no interval: 8 samples, an interval needs 10"}
    assert readers.error(name)(INT8.model_copy(update={name: None}), RESULT) is None


def test_unlabelled_set_is_a_reason_not_a_gap() -> None:
    unlabelled = results.unlabelled()
    reason = {"not_applicable": "the evaluation set has no labels"}
    assert readers.accuracy(unlabelled.runs[0], unlabelled) == reason
    assert readers.accuracy_change(unlabelled.runs[1], unlabelled) == reason
    assert readers.metric_or_reason(unlabelled, unlabelled) == reason


def test_candidate_without_quantization_says_so() -> None:
    candidate = RESULT.candidates[0].model_copy(update={"scheme": {"name": "fp32"}})
    assert "not_applicable" in readers.calibration("method")(candidate, RESULT)
    assert readers.calibration("method")(RESULT.candidates[0], RESULT) == "mse"
    assert readers.precision_format(candidate, RESULT) == "float32"


def test_driver_is_owed_only_with_an_accelerator() -> None:
    assert readers.driver(Machine(id="a", facts={"gpu": "H200"}), RESULT) is None
    assert "not_applicable" in readers.driver(Machine(id="a", facts={}), RESULT)
    assert readers.driver(Machine(id="a", facts={"driver": "580.1"}), RESULT) == "580.1"


def test_transforms_are_counted_by_kind() -> None:
    assert readers.transforms(RESULT.candidates[0], RESULT) == ["batch_norm_fold (27)"]


def test_speedup_names_its_baseline() -> None:
    found = readers.speedup("fastest_float")(INT8, RESULT)
    assert (found["baseline"], found["interval"]) == ("OpenVINO FP32", [2.91, 3.08])
    assert readers.speedup("own_fp16")(INT8, RESULT) is None


def test_a_native_tool_chain_is_told_from_what_was_read_back() -> None:
    result = native_results.native()
    candidate, facts = result.candidates[1], native_results.FACTS
    assert readers.precision_format(candidate, result).startswith("INT8 as the tool-chain chose: weights 28 int8")
    assert readers.tensors(candidate, result) == (
        "weights: 28 int8; activations: 57 int8, asymmetric; float nodes: Softmax 1; KV cache: none"
    )
    assert readers.float_nodes(candidate, result) == facts["float nodes"]
    assert readers.transforms(candidate, result) == ["steps: one"]
    assert readers.calibration_parameters(candidate, result) == {
        "calibrate_method": "Entropy", "per_channel": "no", "skipped": "none",
    }  # fmt: skip
    for read in (readers.plan_sha256, readers.beyond_clip, readers.worst_tensors):
        assert "tool-chain" in read(candidate, result)["not_applicable"]
    run = next(run for run in result.runs if run.candidate == native_results.TITLE)
    assert readers.deviations(run, result)[:2] == [f"native tool-chain: {native_results.TITLE}", "weights: 28 int8"]


def test_a_tool_chain_that_made_nothing_owes_nothing() -> None:
    result = native_results.native(made=False)
    read = readers.if_quantized(readers.tensors)
    assert read(result.candidates[1], result) == {"not_applicable": "the native tool-chain made nothing"}
