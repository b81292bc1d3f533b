"""Cells and gates as JUnit XML, for a nightly CI."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from workbench.execution.baseline_record import BaselineComparison, ComparedRun
from workbench.execution.result import GateVerdict, Result, Run
from workbench.measure.gates import GATES
from workbench.report.baseline import moved_words, sample_words

SAMPLES = 20


def junit_xml(result: Result, comparison: BaselineComparison | None = None) -> bytes:
    """Return one test suite: a case per run (error when it did not finish) and per gate (failure, or skipped).

    Args:
        comparison: with the baseline; then also a case per compared run, which says what moved and fails never: only
            gates do. One that fails against the baseline names the samples.
    """
    suite = ElementTree.Element("testsuite", name=f"int8-workbench {result.study_name}")
    for run in result.runs:
        _run_case(suite, run)
    compared = comparison.runs if comparison else []
    for moved in compared:
        _baseline_case(suite, moved)
    for verdict in result.verdicts:
        _gate_case(suite, verdict, compared)
    cases = list(suite)
    for attribute, tag in (("errors", "error"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _run_case(suite: ElementTree.Element, run: Run) -> None:
    case = _case(suite, "runs", f"{run.label} {run.candidate} {run.precision}")
    if run.status == "ok":
        return
    tag = "error" if run.required else "skipped"
    problem = ElementTree.SubElement(case, tag, message=run.problem.message if run.problem else run.status)
    problem.text = "\n".join(run.problem.log_tail) if run.problem else ""


def _baseline_case(suite: ElementTree.Element, run: ComparedRun) -> None:
    case = _case(suite, "baseline", f"{run.label} {run.candidate} {run.precision}")
    if "baseline" in run.reasons:
        ElementTree.SubElement(case, "skipped", message=moved_words(run))
        return
    output = ElementTree.SubElement(case, "system-out")
    other = [f"other than then: {', '.join(run.differs)}"] if run.differs else []
    output.text = "\n".join([moved_words(run), *other, *sample_words(run, SAMPLES)])


def _gate_case(suite: ElementTree.Element, verdict: GateVerdict, compared: Sequence[ComparedRun]) -> None:
    case = _case(suite, "gates", f"{verdict.label} {verdict.candidate} {verdict.gate}")
    tags = {"FAIL": "failure", "CANNOT TELL": "skipped"}
    if verdict.verdict in tags:
        found = ElementTree.SubElement(case, tags[verdict.verdict], message=verdict.text)
        found.text = "\n".join(_changed(verdict, compared))


def _changed(verdict: GateVerdict, compared: Sequence[ComparedRun]) -> list[str]:
    """Return the samples that changed since the baseline, of a gate that is judged against it."""
    if not GATES[verdict.gate].against_baseline:
        return []
    key = (verdict.label, verdict.candidate, "int8")
    return [
        line
        for run in compared
        if (run.label, run.candidate, run.precision) == key
        for line in sample_words(run, SAMPLES)
    ]


def _case(suite: ElementTree.Element, group: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=group, name=name)
