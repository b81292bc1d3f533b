"""JUnit XML: what a CI server reads from it."""

from __future__ import annotations

from xml.etree import ElementTree

from helpers.results import ordinary, without_gates

from workbench.cli.junit import junit_xml
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
