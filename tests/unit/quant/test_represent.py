"""Shares beyond the clip, counted against plain numpy on all values at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds

from workbench.errors import DataError, JobCancelledError
from workbench.model.canonical import canonical_graph
from workbench.model.summary import graph_summary
from workbench.quant.affine import real_range
from workbench.quant.build import build_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.represent import representation
from workbench.quant.scheme import Scheme


class Samples:
    """Arrays in memory; remembers how many batches were asked for and that its iterator was closed."""

    sha256 = "5" * 64
    feedback = None

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.n, self.handed, self.is_closed = array, len(array), 0, False

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        try:
            for at in range(start, self.n, batch):
                self.handed += 1
                yield {"input": self.array[at : at + batch]}
        finally:
            self.is_closed = True


def inputs(n: int, scale: float = 1.0, seed: int = 0) -> Samples:
    return Samples(random_feeds(conv_relu_net(), n, seed, scale)["input"])


def planned(**options: Any) -> tuple[onnx.ModelProto, QuantPlan]:
    canonical, transforms = canonical_graph(conv_relu_net())
    scheme = Scheme(**options)
    return canonical, build_plan("a" * 64, canonical, transforms, scheme, inputs(8), lambda *_: None, lambda: None)


@pytest.mark.parametrize("name", ["S1", "S2"])
def test_the_inputs_share_is_that_of_plain_numpy(name: str) -> None:
    canonical, plan = planned(name=name, method="percentile", percentile=99.0)
    data = inputs(12, 2.0, seed=4)
    got = representation(canonical, plan, data, lambda *_: None, lambda: None)
    low, high = real_range(plan.tensors["input"])
    row = next(row for row in got.tensors if row.name == "input")
    assert row.beyond_clip == np.mean((data.array < low) | (data.array > high))
    seen = plan.ranges["input"]
    assert row.beyond_observed == np.mean((data.array < seen["min"]) | (data.array > seen["max"]))
    assert 0 < row.beyond_observed < row.beyond_clip
    assert (row.minimum, row.maximum) == (float(data.array.min()), float(data.array.max()))
    assert got.n == 12


def test_wider_data_is_seen_and_the_worst_tensor_comes_first() -> None:
    canonical, plan = planned(method="minmax")
    same = representation(canonical, plan, inputs(8), lambda *_: None, lambda: None)
    wide = representation(canonical, plan, inputs(8, 5.0), lambda *_: None, lambda: None)
    assert same.beyond_clip == same.beyond_observed == 0.0
    assert wide.beyond_clip > 0.05
    shares = [row.beyond_clip for row in wide.tensors]
    assert shares == sorted(shares, reverse=True)
    assert {row.name for row in wide.tensors} == set(plan.ranges) & set(plan.tensors)
    assert wide.to_json()["tensors"][0]["beyond_clip"] == shares[0]


def test_only_the_first_samples_are_read_and_the_iterator_is_closed() -> None:
    canonical, plan = planned()
    data = inputs(64)
    log: list[tuple[int, int, str]] = []
    got = representation(canonical, plan, data, lambda *event: log.append(event), lambda: None, limit=10)
    assert got.n == 10
    assert log[-1] == (10, 10, "Checking ranges")
    assert data.handed == 2
    assert data.is_closed


def test_cancelling_closes_the_samples() -> None:
    canonical, plan = planned()
    data = inputs(8)

    def stop() -> None:
        raise JobCancelledError("stop")

    with pytest.raises(JobCancelledError):
        representation(canonical, plan, data, lambda *_: None, stop)
    assert data.is_closed


def test_values_that_are_not_finite_count_as_beyond() -> None:
    canonical, plan = planned()
    data = inputs(2)
    data.array[0, 0, 0, 0] = np.nan
    got = representation(canonical, plan, data, lambda *_: None, lambda: None)
    row = next(row for row in got.tensors if row.name == "input")
    assert row.beyond_observed >= 1 / data.array.size


def test_a_weight_only_plan_has_nothing_to_clip() -> None:
    canonical, plan = planned(name="S3")
    got = representation(canonical, plan, inputs(2), lambda *_: None, lambda: None)
    assert (got.n, got.beyond_clip, got.tensors) == (0, 0.0, ())


def test_no_samples_are_an_error() -> None:
    canonical, plan = planned()
    with pytest.raises(DataError, match="too few"):
        representation(canonical, plan, inputs(0), lambda *_: None, lambda: None)


def test_every_value_of_every_tensor_counts_once_in_the_whole() -> None:
    canonical, plan = planned(method="percentile", percentile=99.0)
    got = representation(canonical, plan, inputs(4, 3.0, seed=2), lambda *_: None, lambda: None)
    shapes = graph_summary(canonical).shapes
    sizes = [int(np.prod(shapes[row.name])) for row in got.tensors]  # type: ignore[arg-type]
    assert len(set(sizes)) > 2
    for kind in ("beyond_clip", "beyond_observed"):
        shares = [getattr(row, kind) for row in got.tensors]
        assert sum(share > 0 for share in shares) > 1
        assert getattr(got, kind) == pytest.approx(np.average(shares, weights=sizes))
    first = got.tensors[0]
    assert got.to_json()["tensors"][0] == {
        "name": first.name,
        "beyond_clip": first.beyond_clip,
        "beyond_observed": first.beyond_observed,
        "min": first.minimum,
        "max": first.maximum,
    }
