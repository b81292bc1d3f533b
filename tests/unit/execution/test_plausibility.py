"""Mistakes of set-up that give figures which look fine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from workbench.execution.evaluate import Judge, judge_of
from workbench.execution.plausibility import plausibility_findings
from workbench.model.sample_index import SampleIndex

N, CLASSES = 200, 11
FINE: dict[str, Any] = {"mean": [127.5], "std": [127.5]}


def judge(shift: int = 0, offset: int = 0, right: float = 0.8, labels: np.ndarray | None = None, n: int = N) -> Judge:
    """A reference that is right on a share of samples when its outputs are read from position `shift`."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, CLASSES - shift, n) if labels is None else labels
    answers = np.where(rng.random(n) < right, truth, rng.integers(0, CLASSES - shift, n))
    outputs = np.eye(CLASSES, dtype=np.float32)[answers + shift] * 5
    index = SampleIndex(
        kind="images",
        files=tuple(f"{i}.jpg" for i in range(n)),
        rows=(),
        sizes=(1,) * n,
        modified_ns=(1,) * n,
        labels=tuple(int(label) for label in truth),
        label_names=("ant", "bee"),
        content_sha256=tuple(f"{i:064x}" for i in range(n)),
    )
    return judge_of("classification", offset, {"logits": outputs}, index)


def test_a_sound_study_has_no_finding() -> None:
    assert plausibility_findings(judge(), FINE, 100) == []
    assert plausibility_findings(judge(shift=1, offset=1), FINE, None) == []
    assert plausibility_findings(judge(right=0.3), FINE, 100) == []


def test_a_forgotten_class_offset_is_named_with_what_it_would_give() -> None:
    (found,) = plausibility_findings(judge(shift=1, offset=0), FINE, 100)
    assert "with class_offset = 1 it would be 8" in found
    (found,) = plausibility_findings(judge(shift=0, offset=1, labels=np.arange(N) % 10), FINE, 100)
    assert "with class_offset = 0 it would be 8" in found


def relabelled(fine: Judge, labels: np.ndarray | None, **index: Any) -> Judge:
    """The same reference with other labels, and other facts in its list of samples."""
    return Judge(fine.task, fine.options, fine.reference, replace(fine.index, **index), labels)


def test_labels_that_count_from_one_are_told() -> None:
    fine = judge(labels=np.arange(N) % 10)
    assert fine.labels is not None
    (found,) = plausibility_findings(relabelled(fine, fine.labels + 1), FINE, 100)
    assert "with labels lowered by 1 it would be 8" in found
    assert "they count from 1, outputs from 0" in found
    (found,) = plausibility_findings(relabelled(judge(shift=1, offset=1), judge(shift=1).labels + 1), FINE, 100)
    assert "with class_offset = 0 it would be" in found
    assert "or the labels if they are 1 too high" in found


def test_labels_in_another_order_are_told_from_a_poor_model() -> None:
    fine = judge(right=0.9)
    (found,) = plausibility_findings(relabelled(fine, (fine.labels * 7 + 3) % CLASSES), FINE, 100)
    assert "the labels are in another order than the outputs; answered are label 0 (ant) as " in found
    assert plausibility_findings(judge(right=0.25), FINE, 100) == []


def test_one_label_that_fits_another_offset_by_chance_is_no_offset() -> None:
    fine = judge(right=0.9)
    order = np.array([2, 3, 4, 5, 0, 1, 10, 6, 8, 9, 7])
    (found,) = plausibility_findings(relabelled(fine, order[fine.labels]), FINE, 100)
    assert "another order" in found
    assert "class_offset" not in found


def test_a_reference_that_guesses_says_what_to_look_at() -> None:
    fine = judge()
    drawn = relabelled(fine, np.random.default_rng(9).integers(0, CLASSES, N))
    (found,) = plausibility_findings(drawn, FINE, 100)
    assert "right in only" in found
    assert "hardly better than guessing among 11 classes" in found
    assert "check mean, std, color and size in [preprocess], and whether labels are in the order" in found
    note = "array input is uint8 and fed as it is, 0 to 255: arrays get no mean and std"
    (found,) = plausibility_findings(relabelled(fine, drawn.labels, kind="arrays", notes=(note,)), FINE, 100)
    assert note in found
    assert "[preprocess]" not in found


def test_a_model_for_other_data_is_named() -> None:
    fine = judge()
    (found,) = plausibility_findings(relabelled(fine, np.random.default_rng(9).integers(0, 2, N)), FINE, 100)
    assert "whether the model is for these data: labels are 2 (ant, bee, ... numbered by their order)" in found
    assert "its outputs 11" in found


def test_accuracy_without_labels_says_why_there_is_none() -> None:
    fine = judge()
    note = "no sub-folders with images: unlabelled"
    (found,) = plausibility_findings(relabelled(fine, None, notes=(note,)), FINE, 100)
    assert found == f"the evaluation samples have no labels, so that accuracy is not measured: {note}"


def test_one_class_alone_means_missing_labels() -> None:
    (found,) = plausibility_findings(judge(labels=np.ones(N, np.int64)), FINE, 100)
    assert found.startswith("all 200 evaluation samples have the label 'bee'")


def test_few_samples_or_no_labels_are_not_judged() -> None:
    assert plausibility_findings(judge(right=0.0, n=10), FINE, 10) == []
    unlabelled = judge(right=0.0)
    unlabelled = Judge(unlabelled.task, unlabelled.options, unlabelled.reference, unlabelled.index, None)
    assert plausibility_findings(unlabelled, FINE, 100) == []


@pytest.mark.parametrize(
    ("mean", "std", "found"),
    [
        ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], True),
        ([0.5], [0.5], True),
        ([0.0], [1.0], False),
        ([104.0], [0.017], False),
        ([123.7, 116.3, 103.5], [58.4, 57.1, 57.4], False),
        ([104.0, 117.0, 123.0], [1.0, 1.0, 1.0], False),
    ],
)
def test_the_scale_of_mean_and_std(mean: list[float], std: list[float], found: bool) -> None:
    lines = plausibility_findings(judge(), {"mean": mean, "std": std}, 100)
    assert any("multiply both by 255" in line for line in lines) == found


def test_more_calibration_than_evaluation_may_be_swapped() -> None:
    (found,) = plausibility_findings(judge(), FINE, 401)
    assert "are the two swapped?" in found
    assert plausibility_findings(judge(), FINE, 400) == []
