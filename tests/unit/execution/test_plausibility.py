"""Mistakes of set-up that give figures which look fine."""

from __future__ import annotations

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


def test_a_reference_that_is_never_right_is_told() -> None:
    wrong = judge(labels=np.arange(N) % 5)
    shuffled = Judge(wrong.task, wrong.options, wrong.reference, wrong.index, (np.arange(N) + 3) % 5 + 5)
    (found,) = plausibility_findings(shuffled, FINE, 100)
    assert "the FP32 reference itself is right in only" in found


def test_labels_in_another_order_are_told_from_a_poor_model() -> None:
    fine = judge(right=0.9)
    turned = Judge(fine.task, fine.options, fine.reference, fine.index, (fine.labels * 7 + 3) % CLASSES)
    (found,) = plausibility_findings(turned, FINE, 100)
    assert "no better than guessing among 11 classes" in found
    assert "whether labels are in the order of the outputs" in found
    assert plausibility_findings(judge(right=0.25), FINE, 100) == []


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
