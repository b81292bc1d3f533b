"""Worst and disagreeing samples: ranked over all runs, with every runtime's stored answer in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.results import OPENVINO, ORT, all_null, no_runtimes
from helpers.study_folder import make_study_folder

from workbench.report.worst import Answer, disagreement_cards, worst_cards


def test_largest_distance_comes_first_and_each_sample_once(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path)
    assert [card.index for card in worst_cards(result, tmp_path)] == [2, 5, 0]


def test_every_runtime_answers_though_only_one_lists_the_sample(tmp_path: Path) -> None:
    card = worst_cards(make_study_folder(tmp_path), tmp_path)[1]
    assert card.index == 5
    assert card.answers == (Answer(ORT, "name 15", "wrong"), Answer(OPENVINO, "name 16", "right"))
    assert (card.label, card.reference) == ("name 16", "name 16")


def test_without_the_folder_unlisted_answers_are_not_guessed(tmp_path: Path) -> None:
    card = worst_cards(make_study_folder(tmp_path), None)[1]
    assert card.answers[0] == Answer(ORT, "not on record", "")
    assert card.answers[1].text == "class 16"
    assert card.picture is None
    assert card.no_picture == "the pictures are not on this machine"


def test_pictures_are_located_and_missing_ones_say_so(tmp_path: Path) -> None:
    first, second, _ = worst_cards(make_study_folder(tmp_path), tmp_path)
    assert first.picture == tmp_path / "pictures" / "2.png"
    assert (second.picture, second.no_picture) == (None, "the picture is not where it was")


def test_arrays_have_no_pictures(tmp_path: Path) -> None:
    card = worst_cards(make_study_folder(tmp_path, kind="arrays"), tmp_path)[0]
    assert (card.picture, card.no_picture) == (None, "an array, no picture")


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    assert worst_cards(make_study_folder(tmp_path, names=False), tmp_path)[0].label == "class 9"


def test_disagreements_take_the_reference_answer_from_its_stored_outputs(tmp_path: Path) -> None:
    cards = disagreement_cards(make_study_folder(tmp_path), tmp_path)
    assert [card.index for card in cards] == [2, 5]
    assert cards[0].reference == "name 9"
    assert [answer.text for answer in cards[0].answers] == ["name 9", "name 10"]


def test_without_labels_answers_stand_to_the_reference(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path)
    runs = [
        run.model_copy(update={"worst_samples": [{**entry, "label": None} for entry in run.worst_samples]})
        for run in result.runs
    ]
    card = worst_cards(result.model_copy(update={"runs": runs}), tmp_path)[0]
    assert card.label == ""
    assert [answer.state for answer in card.answers] == ["same", "changed"]


def test_values_that_are_not_finite_rank_first(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path)
    runs = [
        run.model_copy(
            update={"worst_samples": [{**e, "kl": None if e["index"] == 0 else e["kl"]} for e in run.worst_samples]}
        )
        for run in result.runs
    ]
    card = worst_cards(result.model_copy(update={"runs": runs}), tmp_path)[0]
    assert (card.index, card.note) == (0, "KL is not finite")


def test_a_task_without_answers_shows_distances(tmp_path: Path) -> None:
    result = make_study_folder(tmp_path)
    worst = [{"index": 3, "nmse": 0.25, "output": "boxes", "file": "3.png"}]
    runs = [
        run.model_copy(update={"worst_samples": worst if run.label == ORT and run.precision == "int8" else []})
        for run in result.runs
    ]
    (card,) = worst_cards(result.model_copy(update={"runs": runs, "task": {"kind": "divergence"}}), tmp_path)
    assert [answer.text for answer in card.answers] == ["NMSE 2.5e−01", "not among its worst"]
    assert card.note == "output boxes"


@pytest.mark.parametrize("make", [all_null, no_runtimes])
def test_nothing_on_record_gives_no_cards(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert worst_cards(make(), tmp_path) == []
    assert disagreement_cards(make(), tmp_path) == []
