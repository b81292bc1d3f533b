"""The Runtimes page: usable ones with versions, others with reason, remedy and copy."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from typing import Any

from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton

from workbench.ui.pages.runtimes import RuntimesPage, can_be_probed, facts_of
from workbench.ui.runtime_probe import RuntimeProbe
from workbench.ui.runtime_row import RuntimeRow
from workbench.ui.window import Window

STATES: list[dict[str, Any]] = [
    {
        "id": "ort_cpu",
        "title": "ONNX Runtime CPU",
        "ok": True,
        "reason": "",
        "remedy": "",
        "versions": {"onnxruntime": "1.31.1"},
        "devices": ["CPU: x"],
        "precisions": ["fp32", "int8"],
        "schemes": ["S1"],
    },
    {"id": "coreml", "title": "Core ML", "ok": False, "reason": "needs macOS", "remedy": "Use a Mac."},
]


@pytest.fixture
def page(window: Window) -> RuntimesPage:
    made = window.page("runtimes")
    assert isinstance(made, RuntimesPage)
    window.desk.bridge.close()
    made.show_runtimes(STATES)
    return made


def test_usable_and_not_usable_stand_apart(page: RuntimesPage) -> None:
    assert page._usable.count() == 1
    texts = [made.text() for made in page.findChildren(QLabel)]
    assert {"needs macOS", "Use a Mac."} <= set(texts)
    assert texts.count("Core ML") == 1
    assert any(made.accessibleName() == "Copy the remedy for Core ML" for made in page.findChildren(QPushButton))


def test_rows_are_added_with_names_of_their_own(page: RuntimesPage, window: Window) -> None:
    page._add("ort_cpu")
    page._add("ort_cpu")
    assert [item["name"] for item in window.desk.document.value("runtimes")] == [
        "ONNX Runtime CPU",
        "ONNX Runtime CPU (2)",
    ]
    assert page._rows.count() == 2
    assert page._none.isHidden()
    window.desk.document.undo_stack.undo()
    assert page._rows.count() == 1


def test_typing_in_a_row_keeps_the_row(page: RuntimesPage, window: Window) -> None:
    page._add("ort_cpu")
    window.show_page("runtimes")
    window.activateWindow()
    row = page.findChildren(RuntimeRow)[-1]
    row._threads.setFocus()
    row._threads.setValue(3)
    assert window.desk.document.value("runtimes", 0, "threads") == 3


def test_facts_leave_out_what_is_empty() -> None:
    assert facts_of(STATES[0]) == ["onnxruntime 1.31.1 · CPU: x", "FP32, INT8 · schemes S1"]
    assert facts_of(STATES[1]) == []


def test_runtimes_that_measure_come_before_the_evaluator(page: RuntimesPage) -> None:
    evaluator = {**STATES[0], "id": "coreml_evaluator", "title": "Core ML reference evaluator"}
    page.show_runtimes([evaluator, STATES[0]])
    shown = [made.text() for made in page.findChildren(QLabel)]
    assert shown.index(STATES[0]["title"]) < shown.index(evaluator["title"])


def test_what_cannot_be_used_has_its_reason_and_no_precisions(page: RuntimesPage) -> None:
    absent = {
        "id": "ort_tensorrt",
        "title": "TensorRT through ONNX Runtime",
        "ok": False,
        "reason": "no NVIDIA GPU is in this machine",
        "remedy": 'pip install "tensorrt-cu13==10.*"',
        "versions": {"onnxruntime-gpu": "1.31.1"},
        "devices": [],
        "precisions": ["fp32", "int8"],
        "schemes": ["S1"],
    }
    page.show_runtimes([STATES[0], absent])
    texts = [made.text() for made in page.findChildren(QLabel)]
    assert {absent["reason"], absent["remedy"]} <= set(texts)
    assert facts_of(absent) == ["onnxruntime-gpu 1.31.1"]


def test_core_ml_is_a_row_whose_package_is_verified_here(page: RuntimesPage) -> None:
    absent = {
        "id": "coreml",
        "title": "Core ML",
        "ok": False,
        "reason": "Core ML runs on macOS only; the package is built and verified here",
        "remedy": "int8-workbench bundle STUDY --runtime coreml -o job.zip, then run-bundle job.zip on a Mac",
        "versions": {"coremltools": "9.0"},
        "devices": [],
        "precisions": ["fp32", "fp16", "int8"],
        "schemes": ["S1", "S2", "S3", "fp32", "fp16"],
    }
    page.show_runtimes([STATES[0], absent])
    assert page._missing.count() == 1
    texts = [made.text() for made in page.findChildren(QLabel)]
    assert {absent["title"], absent["reason"], absent["remedy"], "verified here, runs elsewhere"} <= set(texts)
    adding = [made for made in page.findChildren(QAbstractButton) if made.toolTip() == "Add a row for Core ML"]
    assert len(adding) == 1, "a verified package and a bundle for the Mac need a row"
    adding[0].click()
    assert page._desk.document.value("runtimes")[-1] == {"id": "coreml", "name": "Core ML"}


def test_what_makes_no_artifact_here_has_no_row_to_add(page: RuntimesPage) -> None:
    page.show_runtimes([STATES[0], {**STATES[1], "precisions": []}])
    tips = [made.toolTip() for made in page.findChildren(QAbstractButton)]
    assert "Add a row for ONNX Runtime CPU" in tips
    assert "Add a row for Core ML" not in tips


def test_no_usable_runtime_is_said(page: RuntimesPage) -> None:
    page.show_runtimes(STATES[1:])
    assert page._asking.text().startswith("No runtime can be used here")


def test_a_usable_runtime_can_be_probed_and_its_result_outlives_asking_again(page: RuntimesPage) -> None:
    (probe,) = page.findChildren(RuntimeProbe)
    result = {"ok": True, "summary": "no pattern departs", "first_departure": None, "patterns": []}
    probe.show_result(result)
    page.show_runtimes(STATES)
    assert page.findChildren(RuntimeProbe) == [probe]
    assert probe.isVisibleTo(page)
    assert probe._summary.text() == "No pattern departs"
    page.show_runtimes(STATES[1:])
    assert not probe.isVisibleTo(page)


def test_only_runtimes_with_int8_and_the_scheme_are_probed() -> None:
    assert can_be_probed(STATES[0])
    assert not can_be_probed(STATES[1])
    assert not can_be_probed({**STATES[0], "kind": "quantizer"})
    assert not can_be_probed({**STATES[0], "precisions": ["fp32"]})
    assert not can_be_probed({**STATES[0], "schemes": ["fp32"]})


def test_a_runtime_that_is_not_usable_here_can_be_bundled_for_another_machine(
    page: RuntimesPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("workbench.ui.pages.runtimes.make_bundle", lambda *arguments: asked.append(arguments[4]))
    page.show_runtimes([{**STATES[1], "id": "coreml", "title": "Core ML"}])
    (make,) = [made for made in page.findChildren(QPushButton) if made.text() == "Make bundle"]
    assert make.accessibleName() == "Make a bundle of Core ML, to be run on another machine"
    make.click()
    assert asked == ["coreml"]
    page.show_runtimes([{**STATES[1], "id": "somebody_elses"}])
    assert not [made for made in page.findChildren(QPushButton) if made.text() == "Make bundle"]
