"""The label placer."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.report.labels import Box, place, text_width

FRAME = Box(0, 0, 720, 300)
POINTS = st.lists(st.tuples(st.floats(60, 660), st.floats(30, 270)), min_size=1, max_size=5)


def test_overlap_and_outside() -> None:
    assert Box(0, 0, 10, 10).overlap(Box(5, 5, 10, 10)) == 25
    assert Box(0, 0, 10, 10).overlap(Box(20, 0, 10, 10)) == 0
    assert Box(-5, 0, 10, 10).outside(Box(0, 0, 100, 100)) == 50


@settings(max_examples=60, deadline=None)
@given(POINTS)
def test_few_labels_never_collide_and_stay_inside(points: list[tuple[float, float]]) -> None:
    boxes = place(points, ["ONNX Runtime"] * len(points), 12, FRAME)
    assert all(a.overlap(b) == 0 for a, b in combinations(boxes, 2))
    assert all(box.outside(FRAME) < 1e-6 for box in boxes)


def test_five_labels_at_one_point_part() -> None:
    boxes = place([(300.0, 150.0)] * 5, ["OpenVINO"] * 5, 12, FRAME, [Box(292, 142, 16, 16)])
    assert all(a.overlap(b) == 0 for a, b in combinations(boxes, 2))
    assert all(box.overlap(Box(292, 142, 16, 16)) == 0 for box in boxes)


def test_placing_is_deterministic() -> None:
    points = [(100.0, 100.0), (110.0, 100.0), (105.0, 104.0)]
    assert place(points, ["a", "b", "c"], 12, FRAME) == place(points, ["a", "b", "c"], 12, FRAME)


def test_width_grows_with_text_and_size() -> None:
    assert text_width("MMM", 12) > text_width("iii", 12)
    assert text_width("abc", 24) == 2 * text_width("abc", 12)
