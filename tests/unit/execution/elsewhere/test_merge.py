"""Runs that came back stand in the result, in their machine's group, and stay there when the study is run again."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.elsewhere import Trip, flipped, relisted, rewritten

from workbench.errors import StudyError, UserError
from workbench.execution.elsewhere.merge import Imported, import_result, with_returned
from workbench.execution.load_result import load_result
from workbench.execution.result import Result


@dataclass(frozen=True)
class Taken:
    """A study folder into which a result of another machine was taken."""

    folder: Path
    archive: Path
    imported: Imported


def elsewhere(trip: Trip, to: Path, **versions: str) -> Path:
    """The trip's result as another machine would have told it."""

    def change(content: dict[str, bytes]) -> None:
        document = json.loads(content["returned.json"])
        machine = {**document["machine"], "cpu": "Apple(R) M9 CPU @ 9.00GHz", "os": "macOS 99"}
        relisted(content, machine=machine, versions={**document["versions"], **versions})

    return rewritten(trip.result, to, change)


@pytest.fixture(scope="module")
def taken(trip: Trip, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    place = tmp_path_factory.mktemp("taken")
    shutil.copytree(trip.folder, place / "study")
    (place / "study" / "returned" / ".incoming-of-a-killed-program").mkdir(parents=True)
    archive = elsewhere(trip, place / "r.zip", onnxruntime="1.19.2")
    return Taken(place / "study", archive, import_result(archive, place / "study", "MacBook"))


def runs_there(result: Result) -> list[Any]:
    return [run for run in result.runs if "job" in run.facts]


def test_nothing_half_unpacked_is_left(taken: Taken) -> None:
    assert list((taken.folder / "returned").glob(".incoming-*")) == []


def test_the_cells_stand_in_their_machines_own_group(taken: Taken, finished: Any) -> None:
    result = load_result(taken.folder / "result.json")
    assert result == taken.imported.result
    fp32, int8 = runs_there(result)
    assert fp32.label == int8.label == "ONNX Runtime CPU (MacBook)"
    assert len(result.machines) == 2
    assert int8.machine == fp32.machine == result.machines[1].id != result.machines[0].id
    assert result.machines[1].facts["os"] == "macOS 99"
    assert [run.label for run in result.runs][-2:] == ["Simulated", "FP32 reference"]
    here = [run for run in result.runs if "job" not in run.facts]
    assert [run.outputs_sha256 for run in here] == [run.outputs_sha256 for run in finished.result.runs]


def test_figures_are_made_here_from_the_answers(taken: Taken) -> None:
    result = load_result(taken.folder / "result.json")
    fp32, int8 = runs_there(result)
    simulated = next(run for run in result.runs if run.precision == "simulated")
    assert fp32.n == int8.n == result.data["evaluation"].n
    assert fp32.divergence.total_nmse < 1e-9
    assert int8.accuracy.value == pytest.approx(simulated.accuracy.value, abs=0.05)
    assert int8.sqnr_db == pytest.approx(simulated.sqnr_db, abs=3)
    assert int8.int8_mac_share == 1.0
    assert int8.plan_sha256 == simulated.plan_sha256
    assert int8.parity.mismatches == []


def test_ratios_stay_within_the_machine(taken: Taken) -> None:
    for run in runs_there(load_result(taken.folder / "result.json")):
        assert run.throughput_per_s.sustained > 0
        assert {item.baseline_label for item in run.speedup} <= {"ONNX Runtime CPU (MacBook) FP32"}
    _, int8 = runs_there(load_result(taken.folder / "result.json"))
    assert [item.baseline for item in int8.speedup] == ["own_fp32", "fastest_float"]
    assert int8.speedup[0].interleaved


def test_versions_that_differ_are_told(taken: Taken) -> None:
    words = taken.imported.versions
    assert words.startswith("other versions than where it was lowered: onnxruntime ")
    assert words.endswith(" here, 1.19.2 there")
    assert all(words in run.findings for run in runs_there(taken.imported.result))


def test_gates_and_disagreements_speak_of_them_too(taken: Taken) -> None:
    result = load_result(taken.folder / "result.json")
    judged = {item.gate: item.verdict for item in result.verdicts if item.label == "ONNX Runtime CPU (MacBook)"}
    assert set(judged) == set(result.gates)
    pairs = {(item.label_a, item.label_b, item.precision) for item in result.disagreements}
    assert ("echo", "ONNX Runtime CPU (MacBook)", "int8") in pairs


def test_taking_it_again_replaces_it_and_another_machine_stands_beside_it(
    taken: Taken, trip: Trip, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    again = import_result(taken.archive, folder, "Mac mini").result
    assert {run.label for run in runs_there(again)} == {"ONNX Runtime CPU (Mac mini)"}
    both = import_result(trip.result, folder, "the other").result
    labels = {run.label for run in runs_there(both)}
    assert labels == {"ONNX Runtime CPU (Mac mini)", "ONNX Runtime CPU (the other)"}
    assert len({(run.label, run.candidate, run.precision) for run in both.runs}) == len(both.runs)
    assert with_returned(both, folder) == both


def test_two_versions_on_one_machine_stand_beside_each_other(taken: Taken, trip: Trip, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    newer = elsewhere(trip, tmp_path / "newer.zip", onnxruntime="1.20.1")
    for name, label in (("MacBook", "MacBook, onnxruntime 1.20.1"), ("MacBook, newer", "MacBook, newer")):
        imported = import_result(newer, folder, name)
        assert imported.labels == (f"ONNX Runtime CPU ({label})",)
        assert {run.label for run in runs_there(imported.result)} == {
            "ONNX Runtime CPU (MacBook)",
            f"ONNX Runtime CPU ({label})",
        }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (" macbook ", "another machine of this study is called macbook already"),
        ("Mac\x1b[31m", "letters that cannot be shown"),
        ("x" * 61, "longer than 60 letters"),
    ],
)
def test_a_name_that_is_anothers_or_cannot_be_shown_is_refused(
    taken: Taken, trip: Trip, tmp_path: Path, name: str, words: str
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    before = (folder / "result.json").read_bytes()
    with pytest.raises(StudyError, match=words) as caught:
        import_result(trip.result, folder, name)
    assert str(caught.value).endswith("Give another name.")
    assert (folder / "result.json").read_bytes() == before
    assert [path.name for path in (folder / "returned").iterdir()] == [
        path.name for path in (taken.folder / "returned").iterdir()
    ]


def test_two_machines_with_one_processor_have_two_names(taken: Taken, trip: Trip, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    first = import_result(trip.result, folder).name

    def change(content: dict[str, bytes]) -> None:
        relisted(content, machine={**json.loads(content["returned.json"])["machine"], "os": "another system"})

    second = import_result(rewritten(trip.result, tmp_path / "r.zip", change), folder).name
    assert second.startswith(f"{first} ")
    assert len(second) == len(first) + 5


def test_without_a_name_it_is_called_by_its_processor(taken: Taken, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    assert import_result(taken.archive, folder).name == "Apple M9"


def test_a_study_that_is_run_again_keeps_them(taken: Taken, finished: Any, tmp_path: Path, known_plugins: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    result, events = studies.run(finished.path, folder)
    assert studies.states(events, "Run echo") == ["kept", "kept"]
    assert [run.outputs_sha256 for run in runs_there(result)] == [
        run.outputs_sha256 for run in runs_there(taken.imported.result)
    ]


def test_what_does_not_belong_any_more_is_left_out_and_said(taken: Taken, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    shutil.rmtree(folder / "bundles/jobs")
    result = with_returned(load_result(folder / "result.json"), folder)
    assert runs_there(result) == []
    assert len(result.machines) == 1
    assert any(text.startswith("what came back from MacBook is left out") for text in result.findings)


def test_a_folder_that_cannot_be_opened_again_loses_them_and_nothing_else(taken: Taken, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(taken.folder, folder)
    shutil.rmtree(folder / "reference")
    result = with_returned(load_result(folder / "result.json"), folder)
    assert runs_there(result) == []
    assert any("The reference's answers cannot be read" in text for text in result.findings)


def test_what_is_refused_leaves_the_study_as_it_was(trip: Trip, finished: Any, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(trip.folder, folder)
    name = "cells/1/outputs/0.npy"
    bad = rewritten(trip.result, tmp_path / "r.zip", lambda content: content.update({name: flipped(content[name])}))
    with pytest.raises(UserError, match="was changed"):
        import_result(bad, folder)
    assert (folder / "result.json").read_bytes() == (finished.folder / "result.json").read_bytes()
    assert not any((folder / "returned").glob("*"))
    shutil.rmtree(folder / "bundles")
    with pytest.raises(StudyError, match="does not belong"):
        import_result(trip.result, folder)
    assert not any((folder / "returned").glob("*"))
