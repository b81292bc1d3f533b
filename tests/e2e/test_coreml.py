"""Core ML packages of real models: the plan's numbers, the simulation's codes, and a study that says what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.coreml_passage import passage, subject_of
from helpers.real_models import RESNET8, run_document, run_of

from workbench.execution.evidence import NO_RUNTIME_SPEED
from workbench.model.load import load_model
from workbench.report import verdicts
from workbench.report.names import word_of

MODELS = ("kws_dscnn", "mobilenet_v1_0.25_224", "resnet8")


@pytest.mark.parametrize(("scheme", "target"), [("S1", "iOS17"), ("S2", "iOS18"), ("S1-P2", "iOS17")])
@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_keeps_numbers_and_codes(
    shared_data: Path, name: str, scheme: str, target: str, tmp_path: Path
) -> None:
    subject = subject_of(load_model(shared_data / "models" / f"{name}.onnx").proto, scheme)
    made = passage(subject, target, tmp_path)
    assert made.mismatches == ()
    assert made.checked == len(subject.plan.tensors) + len(subject.plan.weights) + len(subject.plan.biases)
    assert made.codes > 10_000
    assert made.equal_share >= 0.999
    assert made.largest_step <= 1
    assert made.unequal == 0
    assert (made.certified > 0.9 * made.codes) == (scheme == "S1-P2")


def test_a_study_verifies_the_package_and_keeps_the_evaluator_in_its_place(shared_data: Path, tmp_path: Path) -> None:
    half = {"id": "coreml_evaluator", "name": "half", "precisions": ["int8"], "options": {"compute": "float16"}}
    package = {"id": "coreml", "name": "coreml", "precisions": ["int8"]}
    document = RESNET8.document(shared_data, ["ort_cpu", package, "coreml_evaluator", half], n_evaluation=10)
    document["data"]["calibration"]["limit"] = 16
    result = run_document(document, tmp_path / "study")
    core = run_of(result, "coreml", "int8")
    if core.status != "ok":  # on a Mac it is
        assert core.status == "not_available"
        assert "macOS" in core.problem.message  # type: ignore[union-attr]
    assert core.parity is not None
    assert (core.parity.checked, core.parity.mismatches) == (36, [])
    checked, halved = (
        next(run for run in result.runs if run.label == label and run.precision == "int8")
        for label in ("coreml_evaluator", "half")
    )
    assert word_of(checked) == "reference evaluator"
    assert checked.throughput_per_s is None
    assert checked.reasons["throughput_per_s"] == NO_RUNTIME_SPEED
    assert checked.int8_mac_share is None
    assert "100.0 % of the multiply-accumulates" in checked.reasons["int8_mac_share"]
    assert halved.parity is not None
    assert (halved.parity.mismatches, halved.parity.declared) == ([], 10)
    assert any(item.codes_change and "biases" in item.realised for item in halved.deviations)
    assert halved.facts["biases_in_float16"].startswith("10 of 10 rounded")
    spoken = {entry["label"]: f"{entry['lead']} {entry['detail']}" for entry in verdicts.sentences(result)}
    assert "Artifact verified." in spoken["coreml"] or core.status == "ok"
    assert spoken["coreml_evaluator"].startswith("coreml_evaluator: reference evaluator.")
