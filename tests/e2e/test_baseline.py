"""A nightly run against an accepted one: what is told, which exit code, what is refused before anything is run."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net
from helpers.small_studies import STUDY, complaint, run_command, write_workplace

GATES = "[gates]\nmax_baseline_answers_changed = 0\nmax_baseline_sqnr_drop_db = 0.5\n"


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workplace with a finished study in accepted/."""
    place = write_workplace(tmp_path_factory.mktemp("baseline") / "place")
    assert run_command(["run", place / "study.toml", "-o", place / "accepted"]) == 0
    (place / "study.toml").write_text(STUDY + GATES, encoding="utf-8")
    return place


@pytest.fixture
def place(accepted: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(accepted, tmp_path / "place"))


def nightly(place: Path, *more: object) -> int:
    """Run the study again into another folder, against the accepted one."""
    return run_command(["run", place / "study.toml", "-o", place / "tonight", "--baseline", place / "accepted", *more])


def test_nothing_moved_passes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nightly(place) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == "Exit code 0: all 2 gates passed."
    assert shown[-3:-1] == [
        "  ort_cpu fp32: the same answers bit for bit.",
        "  ort_cpu int8: the same answers bit for bit.",
    ]


def test_other_calibration_samples_fail_the_gate_and_are_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(place / "calibration.npz") as arrays:
        np.savez(place / "calibration.npz", input=arrays["input"][:8] * 20)
    assert nightly(place, "--junit", place / "tonight.xml") == 3
    shown = capsys.readouterr().out
    assert "what differs: the calibration set." in shown
    assert "Plan of S1: " in shown
    assert "max_baseline_sqnr_drop_db" in shown.splitlines()[-1]
    suite = ElementTree.parse(place / "tonight.xml").getroot()
    assert int(suite.attrib["failures"]) >= 1
    assert {case.attrib["classname"] for case in suite} == {"runs", "baseline", "gates"}


def test_without_a_baseline_its_gates_cannot_be_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", place / "study.toml", "-o", place / "accepted"]) == 4
    told = capsys.readouterr().out.splitlines()[-1]
    assert "cannot tell for 2 of 2 gates: ort_cpu S1 max_baseline_answers_changed" in told


def another_model(place: Path) -> None:
    onnx.save(conv_relu_net(7), str(place / "model.onnx"))


def other_samples(place: Path) -> None:
    with np.load(place / "evaluation.npz") as arrays:
        np.savez(place / "evaluation.npz", **{name: values[:20] for name, values in arrays.items()})


def gone(place: Path) -> None:
    shutil.rmtree(place / "accepted")


def unfinished(place: Path) -> None:
    (place / "accepted" / "result.json").unlink()


def cut(place: Path) -> None:
    path = place / "accepted" / "result.json"
    path.write_bytes(path.read_bytes()[:900])


def lost_answers(place: Path) -> None:
    for path in (place / "accepted" / "cells").rglob("*.npy"):
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (another_model, "the model differs; the baseline's is: model "),
        (other_samples, "the evaluation set differs; the baseline's is: 24 samples of "),
        (gone, "accepted does not exist"),
        (unfinished, "accepted holds no result.json"),
        (cut, "The baseline accepted cannot be used: result.json is not a result file"),
        (lost_answers, "The baseline accepted is damaged: the answers of ort_cpu S1 fp32 are missing or cut off"),
    ],
)
def test_what_is_no_baseline_is_one_line_before_anything_is_run(
    place: Path, capsys: pytest.CaptureFixture[str], change: object, words: str
) -> None:
    assert callable(change)
    change(place)
    assert nightly(place) == 1
    assert words in complaint(capsys.readouterr().err)
    assert not (place / "tonight" / "reference").exists()
