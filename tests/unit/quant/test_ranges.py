"""Ranges that are kept: those that would be found, found once, and only for what they belong to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import depthwise_net
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.files import sha256_of_file
from workbench.model.canonical import canonical_graph
from workbench.model.graph import COMPUTE_OPS
from workbench.quant import ranges as ranges_module
from workbench.quant.build import build_plan
from workbench.quant.calibrate import Watch
from workbench.quant.observers import Histogram
from workbench.quant.ranges import FindRanges, KeptRanges, find_ranges
from workbench.quant.scheme import Scheme
from workbench.quant.thresholds import clip_range

CANONICAL = canonical_graph(depthwise_net())[0]
SAMPLES = rule_nets.MemorySamples(rule_nets.example_feeds(CANONICAL, 4, seed=1))
LAYERS = [node.name for node in CANONICAL.graph.node if node.op_type in COMPUTE_OPS]
NAMES = [node.output[0] for node in CANONICAL.graph.node][:3]
SILENT = Watch(lambda *_: None, lambda: None)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry per pass over the samples."""
    seen: list[int] = []

    def counted(*arguments: Any) -> Any:
        seen.append(1)
        return find_ranges(*arguments)

    monkeypatch.setattr(ranges_module, "find_ranges", counted)
    return seen


def plan_sha256(scheme: Scheme, find: FindRanges) -> str:
    return build_plan("a" * 64, CANONICAL, (), scheme, SAMPLES, lambda *_: None, lambda: None, find).sha256


SHARED = KeptRanges(CANONICAL)
"""One for all examples below, so that a plan may meet the ranges of any other."""


@settings(max_examples=12, deadline=None)
@given(
    st.sets(st.sampled_from(LAYERS), max_size=3),
    st.sampled_from(["S1", "S2"]),
    st.sampled_from(["mse", "percentile"]),
    st.booleans(),
)
def test_a_plan_of_shared_ranges_is_the_plan_of_its_own(
    floats: set[str], name: Any, method: Any, equalizes: bool
) -> None:
    scheme = Scheme(name, method, exclude_nodes=tuple(sorted(floats)), equalize_activations=equalizes)
    assert plan_sha256(scheme, SHARED) == plan_sha256(scheme, find_ranges)


def test_leaving_out_a_layer_in_the_middle_needs_no_further_pass(calls: list[int]) -> None:
    kept = KeptRanges(CANONICAL)
    for floats in ((), (LAYERS[1],), (LAYERS[2],), ()):
        plan_sha256(Scheme("S1", exclude_nodes=floats), kept)
    assert len(calls) == 1
    plan_sha256(Scheme("S2"), kept)
    plan_sha256(Scheme("S1", "percentile", 99.0), kept)
    assert len(calls) == 3


def test_another_model_and_another_list_get_their_own(calls: list[int]) -> None:
    kept, copy = KeptRanges(CANONICAL), onnx.ModelProto()
    copy.CopyFrom(CANONICAL)
    for model, names in ((CANONICAL, NAMES), (CANONICAL, NAMES[:2]), (copy, NAMES), (copy, NAMES), (CANONICAL, NAMES)):
        assert list(kept(model, names, Scheme(), SAMPLES, SILENT)) == names
    assert len(calls) == 4


def test_the_clip_of_a_histogram_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Any] = []

    def counted(histogram: Histogram, scheme: Scheme) -> tuple[float, float]:
        searched.append(histogram)
        return clip_range(histogram, scheme)

    monkeypatch.setattr(ranges_module, "clip_range", counted)
    kept = KeptRanges(CANONICAL)
    first = kept(CANONICAL, NAMES, Scheme(), SAMPLES, SILENT)
    assert kept(CANONICAL, NAMES[:2], Scheme(), SAMPLES, SILENT) == {name: first[name] for name in NAMES[:2]}
    assert len(searched) == len(NAMES)
    kept(CANONICAL, NAMES, Scheme("S2"), SAMPLES, SILENT)
    assert len(searched) == 2 * len(NAMES)


def test_a_folder_hands_them_to_other_processes_and_a_damaged_file_is_no_harm(calls: list[int], tmp_path: Path) -> None:
    folder = tmp_path / "ranges"
    first = KeptRanges(CANONICAL, folder)(CANONICAL, NAMES, Scheme(), SAMPLES, SILENT)
    (path,) = folder.iterdir()
    before = sha256_of_file(path)
    assert KeptRanges(CANONICAL, folder)(CANONICAL, NAMES, Scheme(), SAMPLES, SILENT) == first
    assert len(calls) == 1
    for text in ("{", '{"schema_version": 1, "ranges": {"a": [1]}}', '{"schema_version": 1}'):
        path.write_text(text)
        assert KeptRanges(CANONICAL, folder)(CANONICAL, NAMES, Scheme(), SAMPLES, SILENT) == first
        assert sha256_of_file(path) == before
    assert len(calls) == 4


def test_what_is_kept_is_what_was_asked_for_however_the_excluded_nodes_are_named() -> None:
    kept = KeptRanges(CANONICAL)
    scheme = Scheme()
    found = kept(CANONICAL, NAMES, scheme, SAMPLES, SILENT)
    assert kept(CANONICAL, NAMES, replace(scheme, exclude_nodes=(LAYERS[0],)), SAMPLES, SILENT) == found
    for tensor in found.values():
        assert tensor.low <= tensor.high
        assert tensor.minimum <= tensor.maximum
