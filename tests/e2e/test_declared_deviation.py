"""A declared deviation from the row's option to the sheet: announced, judged by what it declares, never silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.small_studies import run_command, write_workplace

from workbench.execution.load_result import load_result
from workbench.execution.result import Result, Run

ROWS = """\
[[runtimes]]
id = "ort_cpu"
name = "as planned"
precisions = ["int8"]
[[runtimes]]
id = "ort_cpu"
name = "full range"
precisions = ["int8"]
options = {full_range_relu = true}
"""
REALISED = "uint8 activations after ReLU, zero point 0, clamped at code 255 (x64)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study in which one runtime runs with the option and without."""
    folder = write_workplace(tmp_path_factory.mktemp("declared"))
    study = (folder / "study.toml").read_text(encoding="utf-8")
    head, _, rest = study.partition("[[runtimes]]")
    text = head + ROWS + rest[rest.index("[measure]") :]
    (folder / "study.toml").write_text(text, encoding="utf-8")
    assert run_command(["run", folder / "study.toml", "-o", folder / "result"]) == 0
    return folder


@pytest.fixture(scope="module")
def result(place: Path) -> Result:
    return load_result(place / "result" / "result.json")


def run_of(result: Result, label: str) -> Run:
    (found,) = [run for run in result.runs if run.label == label and run.precision == "int8"]
    return found


def test_explain_announces_it_for_its_row_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["explain", place / "study.toml", "--json"]) == 0
    (candidate,) = json.loads(capsys.readouterr().out)["candidates"]
    changes = {row["label"]: [item["realised"] for item in row["deviations"]] for row in candidate["rows"]}
    assert REALISED in changes["full range"]
    assert REALISED not in changes["as planned"]


def test_the_result_names_it_and_its_parity_counts_it(result: Result) -> None:
    planned, full = run_of(result, "as planned"), run_of(result, "full range")
    (told,) = [item for item in full.deviations if item.codes_change]
    assert told.realised == REALISED
    assert not [item for item in planned.deviations if item.codes_change]
    assert planned.parity is not None
    assert full.parity is not None
    assert (planned.parity.declared, planned.parity.mismatches) == (0, [])
    assert (full.parity.declared, full.parity.mismatches) == (3, [])
    assert planned.parity.checked == full.parity.checked
    assert full.int8_mac_share == 1.0
    assert full.outputs_sha256 != planned.outputs_sha256


def test_the_parity_command_and_the_sheet_say_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parity", place / "result"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("same numbers: ")[1] for line in lines] == ["yes", "yes, but for 3 that a deviation declares"]
    assert run_command(["sheet", place / "result", "-f", "md", "-o", place / "out"]) == 0
    (sheet,) = (place / "out").rglob("*.md")
    text = sheet.read_text(encoding="utf-8")
    assert "clamped at code 255" in text
    assert "but for 3 that a deviation declares" in text
