"""Cells and gates as JUnit XML, for a nightly CI."""

from __future__ import annotations

from xml.etree import ElementTree

from workbench.execution.result import GateVerdict, Result, Run


def junit_xml(result: Result) -> bytes:
    """Return one test suite: a case per run (error when it did not finish) and per gate (failure, or skipped)."""
    suite = ElementTree.Element("testsuite", name=f"int8-workbench {result.study_name}")
    for run in result.runs:
        _run_case(suite, run)
    for verdict in result.verdicts:
        _gate_case(suite, verdict)
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


def _gate_case(suite: ElementTree.Element, verdict: GateVerdict) -> None:
    case = _case(suite, "gates", f"{verdict.label} {verdict.candidate} {verdict.gate}")
    tags = {"FAIL": "failure", "CANNOT TELL": "skipped"}
    if verdict.verdict in tags:
        ElementTree.SubElement(case, tags[verdict.verdict], message=verdict.text)


def _case(suite: ElementTree.Element, group: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=group, name=name)
