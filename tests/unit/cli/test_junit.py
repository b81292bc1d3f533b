"""JUnit XML: what a CI server reads from it."""

from __future__ import annotations

from xml.etree import ElementTree

from helpers.results import ordinary, without_gates

from workbench.cli.junit import junit_xml
from workbench.execution.baseline_record import BaselineComparison, ComparedRun, EarlierStudy
from workbench.execution.result import Result


def cases(result: Result) -> dict[str, ElementTree.Element]:
    suite = ElementTree.fromstring(junit_xml(result))
    return {case.attrib["name"]: case for case in suite}


def test_every_run_and_gate_is_a_case() -> None:
    result = ordinary()
    found = cases(result)
    assert len(found) == len(result.runs) + len(result.verdicts)
    assert {case.attrib["classname"] for case in found.values()} == {"runs", "gates"}


def test_counts_in_the_suite_fit_its_cases() -> None:
    suite = ElementTree.fromstring(junit_xml(ordinary()))
    assert int(suite.attrib["tests"]) == len(suite)
    for attribute, tag in (("errors", "error"), ("failures", "failure"), ("skipped", "skipped")):
        assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}")), attribute


def test_a_required_run_that_did_not_finish_is_an_error_with_its_log() -> None:
    result = ordinary()
    broken = next(run for run in result.runs if run.status == "crashed")
    assert broken.problem is not None
    for required, tag in ((True, "error"), (False, "skipped")):
        changed = broken.model_copy(update={"required": required})
        case = next(iter(cases(result.model_copy(update={"runs": [changed], "verdicts": []})).values()))
        found = case.find(tag)
        assert found is not None
        assert found.attrib["message"] == broken.problem.message
        assert (found.text or "").splitlines() == broken.problem.log_tail


def test_verdicts_pass_fail_or_are_skipped() -> None:
    result = ordinary()
    first = result.verdicts[0]
    for verdict, tag in (("PASS", None), ("FAIL", "failure"), ("CANNOT TELL", "skipped")):
        changed = result.model_copy(update={"runs": [], "verdicts": [first.model_copy(update={"verdict": verdict})]})
        case = next(iter(cases(changed).values()))
        assert [child.tag for child in case] == ([tag] if tag else [])


def test_without_gates_there_are_runs_only() -> None:
    assert {case.attrib["classname"] for case in cases(without_gates()).values()} == {"runs"}


def _against(result: Result) -> BaselineComparison:
    """Every measured run against a baseline: INT8 moved on one sample, the rest is the same or not there."""
    earlier = EarlierStudy(name="then", study_sha256="0" * 64, created_utc="2026-11-27T03:00:00Z", program_version="1")
    runs = []
    for run in (run for run in result.runs if run.runtime != "reference"):
        who = {key: getattr(run, key) for key in ("runtime", "label", "candidate", "precision", "status")}
        if run.status != "ok":
            runs.append(ComparedRun(**who, reasons={"baseline": "it is crashed"}))
            continue
        sample = {"index": 3, "file": "cat.png", "answer_then": 1, "answer": 2, "label": 1}
        moved = {"identical": False, "samples": [sample], "differs": ["onnxruntime 1.30.0 -> 1.31.1"]}
        runs.append(ComparedRun(**who, **(moved if run.precision == "int8" else {"identical": True})))
    return BaselineComparison(baseline=earlier, runs=runs)


def test_a_baseline_gives_a_case_per_compared_run_that_never_fails() -> None:
    result = ordinary()
    suite = ElementTree.fromstring(junit_xml(result, _against(result)))
    found = [case for case in suite if case.attrib["classname"] == "baseline"]
    assert len(found) == sum(run.runtime != "reference" for run in result.runs)
    assert {child.tag for case in found for child in case} == {"system-out", "skipped"}
    told = [case.findtext("system-out") or "" for case in found]
    assert sum("cat.png: 1 -> 2 (label 1)" in text and "onnxruntime 1.30.0 -> 1.31.1" in text for text in told) == 2
    assert int(suite.attrib["tests"]) == len(suite)


def test_a_gate_that_fails_against_the_baseline_names_the_samples() -> None:
    result = ordinary()
    first = result.verdicts[0].model_copy(update={"verdict": "FAIL"})
    against = first.model_copy(update={"gate": "max_baseline_answers_changed"})
    suite = ElementTree.fromstring(
        junit_xml(result.model_copy(update={"verdicts": [first, against]}), _against(result))
    )
    texts = [case.findtext("failure") or "" for case in suite if case.attrib["classname"] == "gates"]
    assert texts == ["", "cat.png: 1 -> 2 (label 1)"]
