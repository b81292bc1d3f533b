"""Answers, changes, agreement, worst samples, and the label-order trap."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.errors import DataError
from workbench.measure.tasks import classification as c
from workbench.measure.tasks.task import AnswerChanges, TaskOptions, TaskOutcome

SMALL = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
LOGITS = SMALL.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=st.integers(-3, 3).map(float)))

TIED = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, np.inf])


def evaluate(f: np.ndarray, q: np.ndarray, labels: np.ndarray | None = None, class_offset: int = 0) -> TaskOutcome:
    return c.evaluate({"logits": f}, {"logits": q}, labels, TaskOptions(class_offset))


def trained(n: int = 300, classes: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits that are right in about 85 %, a slightly disturbed copy, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    f = rng.normal(0, 1, (n, classes)).astype(np.float32)
    f[np.arange(n), labels] += 3
    return f, f + rng.normal(0, 0.3, f.shape).astype(np.float32), labels


@given(LOGITS, st.integers(0, 3))
def test_answers_are_the_first_largest_after_the_offset(logits: np.ndarray, offset: int) -> None:
    if offset >= logits.shape[1]:
        with pytest.raises(DataError, match="leaves no class"):
            c.answers(logits, offset)
        return
    found = c.answers(logits, offset)
    assert found.dtype == np.int64
    assert found.tolist() == [row[offset:].index(max(row[offset:])) for row in logits.tolist()]


def test_answers_of_other_shapes_and_of_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.array([[0, 2, 1], [5, 4, 4], [1, np.nan, 0]], np.float16)
    assert c.answers(logits).tolist() == [1, 0, c.NO_ANSWER]
    assert c.answers(logits.reshape(3, 3, 1, 1)).tolist() == [1, 0, c.NO_ANSWER]
    monkeypatch.setattr(c, "CHUNK_VALUES", 3)
    assert c.answers(logits).tolist() == [1, 0, c.NO_ANSWER]
    assert c.answers(np.array([[3, -7], [-7, 3]], np.int8)).tolist() == [0, 1]


def test_samples_without_answer_neither_agree_nor_are_right() -> None:
    missing = np.array([c.NO_ANSWER, 1], np.int64)
    assert c.top1_agreement(missing, missing).value == 0.5
    assert c.answers_changed(missing, missing, None).changed == 1
    assert c.top1_accuracy(missing, np.array([0, 1])).value == 0.5


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=60))
def test_changes_add_up(rows: list[tuple[int, int, int]]) -> None:
    before, now, labels = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    changes = c.answers_changed(before, now, labels)
    assert changes.right_to_wrong is not None
    assert changes.wrong_to_right is not None
    assert changes.wrong_to_other is not None
    assert changes.changed == changes.right_to_wrong + changes.wrong_to_right + changes.wrong_to_other
    assert changes.changed == round(len(rows) * (1 - c.top1_agreement(before, now).value))
    net = c.top1_accuracy(now, labels).value - c.top1_accuracy(before, labels).value
    assert net * len(rows) == pytest.approx(changes.wrong_to_right - changes.right_to_wrong)


def test_each_kind_of_change() -> None:
    before, now = np.array([0, 1, 1, 1, 0]), np.array([1, 0, 2, 1, 0])
    assert c.answers_changed(before, now, np.array([0, 0, 0, 0, 0])) == AnswerChanges(3, 1, 1, 1)
    assert c.answers_changed(before, now, None) == AnswerChanges(3)


@given(LOGITS)
def test_top5_overlap_of_equal_outputs_is_one(logits: np.ndarray) -> None:
    assert c.top5_overlap(logits, logits) == 1.0


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=TIED))
def test_top5_overlap_takes_the_first_of_equal_values(logits: np.ndarray) -> None:
    count = min(5, logits.shape[1])
    ranked = np.argsort(-logits, axis=1, kind="stable")[:, :count]
    marked = np.zeros_like(logits)
    np.put_along_axis(marked, ranked, 1.0, axis=1)
    assert c.top5_overlap(logits, marked) == 1.0
    other = np.flip(logits, axis=1)
    pairs = zip(ranked, np.argsort(-other, axis=1, kind="stable")[:, :count], strict=True)
    assert c.top5_overlap(logits, other) == pytest.approx(np.mean([len({*a} & {*b}) for a, b in pairs]) / count)


def test_top5_overlap_counts_shared_classes() -> None:
    f = np.arange(10.0)[None]
    q = f.copy()
    q[0, 0], q[0, 5] = 20.0, -np.inf
    assert c.top5_overlap(f, q) == pytest.approx(0.8)
    assert c.top5_overlap(f, -f) == 0.0
    assert c.top5_overlap(np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])) == 1.0
    assert c.top5_overlap(np.array([[-np.inf] * 6]), np.array([[-np.inf] * 6])) == 1.0
    assert c.top5_overlap(np.array([[np.nan, 1.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])) == 0.5


def test_margin_loss() -> None:
    f, q = np.array([[5.0, 3.0, 1.0], [0.0, 2.0, 1.0]]), np.array([[4.0, 4.5, 1.0], [0.0, 2.0, 1.0]])
    assert c.margin_loss(f, q).tolist() == [2.5, 0.0]
    assert c.margin_loss(f[:, :1], q[:, :1]).tolist() == [0.0, 0.0]


def test_evaluate_with_labels() -> None:
    f, q, labels = trained()
    result = evaluate(f, q, labels)
    before, now = f.argmax(axis=1), q.argmax(axis=1)
    assert result.accuracy is not None
    assert result.accuracy.value == pytest.approx((now == labels).mean())
    assert result.accuracy_change_points is not None
    assert result.accuracy_change_points.value == pytest.approx(
        100 * ((now == labels).mean() - (before == labels).mean())
    )
    low, high = result.accuracy_change_points.interval
    assert low <= result.accuracy_change_points.value <= high
    assert result.top1_agreement is not None
    assert result.top1_agreement.value == pytest.approx((before == now).mean())
    assert result.discordant_share == pytest.approx(((before == labels) != (now == labels)).mean())
    assert result.mcnemar_p is not None
    assert 0 < result.mcnemar_p <= 1
    assert result.kl is not None
    assert result.kl.nonfinite == 0
    assert (result.metric, result.n, result.findings) == ("top1", 300, ())
    json.dumps(asdict(result), allow_nan=False)


def test_evaluate_without_labels_says_what_is_missing() -> None:
    f, q, _ = trained()
    result = evaluate(f, q)
    assert result.accuracy is result.accuracy_change_points is result.mcnemar_p is None
    assert set(result.reasons) == {"accuracy", "accuracy_change_points", "mcnemar_p"}
    assert result.answers_changed is not None
    assert result.answers_changed.right_to_wrong is None
    assert result.worst[0]["label"] is None


def test_the_reference_against_itself() -> None:
    f, _, labels = trained()
    result = evaluate(f, f, labels)
    assert result.answers_changed == AnswerChanges(0, 0, 0, 0)
    assert result.accuracy_change_points is not None
    assert result.accuracy_change_points.value == 0.0
    assert result.mcnemar_p == 1.0
    assert result.kl is not None
    assert result.kl.max == pytest.approx(0.0, abs=1e-12)


def test_worst_samples_come_first_and_nan_before_all() -> None:
    f, q, labels = trained(50)
    q[7] = f[7] + np.float32(9) * np.eye(10, dtype=np.float32)[(f[7].argmax() + 1) % 10]
    q[30, 2] = np.nan
    result = evaluate(f, q, labels)
    assert [sample["index"] for sample in result.worst[:2]] == [30, 7]
    assert result.worst[0]["kl"] is None
    assert result.worst[0]["answer"] == c.NO_ANSWER
    assert result.worst[1]["answer"] == (f[7].argmax() + 1) % 10
    assert result.worst[1]["reference_answer"] == f[7].argmax()
    kls = [sample["kl"] for sample in result.worst[1:]]
    assert kls == sorted(kls, reverse=True)
    assert len(result.worst) == 20
    assert result.findings == ("1 of 50 samples have no answer: their outputs contain NaN",)
    json.dumps(asdict(result), allow_nan=False)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (-1, "label -1 is out of range.* Labels are whole numbers from 0"),
        (10, "label 10 is out of range.* Labels that count from 1 are one too high: lower each by 1"),
        (99, "label 99 is out of range.* or the model for these data"),
    ],
)
def test_labels_out_of_range(bad: int, text: str) -> None:
    f, q, labels = trained()
    labels[5] = bad
    with pytest.raises(DataError, match=text):
        evaluate(f, q, labels)


def test_wrong_number_of_labels() -> None:
    f, q, labels = trained()
    with pytest.raises(DataError, match="299 labels for 300 samples"):
        evaluate(f, q, labels[:-1])
