"""Sets of float nodes, measured on real plans of a small net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import depthwise_net, random_feeds

from workbench.errors import FileFormatError, JobCancelledError
from workbench.model.canonical import canonical_graph
from workbench.quant.build import build_plan
from workbench.quant.dialect import SIMULATED
from workbench.quant.float_sets import FloatSets, HeldSamples
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.reference import ReferenceSession

SCHEME = Scheme("S1")


@pytest.fixture(scope="module")
def canonical() -> onnx.ModelProto:
    return canonical_graph(depthwise_net())[0]


@pytest.fixture(scope="module")
def samples() -> HeldSamples:
    return HeldSamples([random_feeds(depthwise_net(), 1, seed) for seed in range(4)])


def made(
    canonical: onnx.ModelProto, samples: HeldSamples, kept: Path, before: Callable[[int], None] = lambda done: None
) -> FloatSets:
    outputs = [value.name for value in canonical.graph.output]
    return FloatSets(canonical, "0" * 64, SCHEME, samples, outputs, kept, before, lambda: None)


def _nmse(canonical: onnx.ModelProto, samples: HeldSamples, scheme: Scheme) -> float:
    """The written-out definition: one output, plan and graph made as a study makes them."""
    plan = build_plan("0" * 64, canonical, (), scheme, samples, lambda *_: None, lambda: None)
    simulated = write_qdq(canonical, plan, SIMULATED).SerializeToString()
    with ReferenceSession(canonical.SerializeToString()) as exact, ReferenceSession(simulated, 1, False) as other:
        pairs: list[Any] = [(*exact.run(feeds).values(), *other.run(feeds).values()) for feeds in samples.runs]
    f, q = (np.concatenate(values).astype(np.float64) for values in zip(*pairs, strict=True))
    return float(np.square(f - q).sum() / np.square(f).sum())


def test_an_error_is_that_of_the_plan_a_study_would_get(
    canonical: onnx.ModelProto, samples: HeldSamples, tmp_path: Path
) -> None:
    sets, node = made(canonical, samples, tmp_path / "kept.json"), canonical.graph.node[0].name
    excluded = replace(SCHEME, exclude_nodes=(node,))
    plain = replace(excluded, bias_correction=False)
    assert sets.as_asked((node,)) == pytest.approx(_nmse(canonical, samples, excluded), rel=1e-6)
    assert sets.plain((node,)) == pytest.approx(_nmse(canonical, samples, plain), rel=1e-6)
    assert sets.as_asked((node,)) < sets.plain((node,))


def test_a_set_is_measured_once_and_kept(canonical: onnx.ModelProto, samples: HeldSamples, tmp_path: Path) -> None:
    begun: list[int] = []
    sets = made(canonical, samples, tmp_path / "kept.json", begun.append)
    assert sets.known_plain(()) is None
    first = sets.plain(())
    assert (sets.plain(()), sets.known_plain(()), begun) == (first, first, [0])
    again = made(canonical, samples, tmp_path / "kept.json", begun.append)
    assert (again.known_plain(()), again.plain(()), begun) == (first, first, [0])


def test_what_was_measured_before_a_stop_stays(
    canonical: onnx.ModelProto, samples: HeldSamples, tmp_path: Path
) -> None:
    def stop_at_one(done: int) -> None:
        if done == 1:
            raise JobCancelledError("stop")

    sets = made(canonical, samples, tmp_path / "kept.json", stop_at_one)
    first = sets.plain(())
    with pytest.raises(JobCancelledError):
        sets.as_asked(())
    assert made(canonical, samples, tmp_path / "kept.json").known_plain(()) == first


def test_a_torn_file_of_measurements_is_named(canonical: onnx.ModelProto, samples: HeldSamples, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"kept\.json"):
        made(canonical, samples, tmp_path / "kept.json")


def test_held_samples_are_given_run_by_run() -> None:
    runs = [{"x": np.full((2, 1), index, np.float32)} for index in range(3)]
    held = HeldSamples(runs, step=2)
    assert held.n == 6
    assert [int(feeds["x"][0, 0]) for feeds in held.batches(8)] == [0, 1, 2]
    assert [int(feeds["x"][0, 0]) for feeds in held.batches(8, start=2)] == [1, 2]
