"""The list of samples: hashes, JSON, duplicates, overlap."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FileFormatError
from workbench.model.sample_index import ArraySpec, SampleIndex, overlap, sample_index_from_json

HASHES = ("a" * 64, "b" * 64, "a" * 64)


def index(hashes: tuple[str, ...] = HASHES, labels: tuple[int, ...] | None = (4, -1, 2)) -> SampleIndex:
    return SampleIndex(
        kind="images",
        files=tuple(f"{i}.png" for i in range(len(hashes))),
        rows=(),
        sizes=(1,) * len(hashes),
        modified_ns=(2,) * len(hashes),
        labels=labels,
        label_names=("ant", "bee"),
        content_sha256=hashes,
        undecodable=(("x.png", "the file is empty"),),
        arrays=(ArraySpec("input", "float32", (3, 2)),),
        notes=("one note",),
    )


def test_json_gives_back_the_same():
    assert sample_index_from_json(json.loads(json.dumps(index().to_json()))) == index()
    unlabelled = index(labels=None)
    assert sample_index_from_json(json.loads(json.dumps(unlabelled.to_json()))) == unlabelled


def test_hash_covers_content_and_order_and_labels_have_their_own():
    first = index()
    assert index(("b" * 64, "a" * 64, "a" * 64)).sha256 != first.sha256
    assert index(labels=(4, -1, 3)).sha256 == first.sha256
    assert index(labels=(4, -1, 3)).labels_sha256 != first.labels_sha256
    assert index(labels=None).labels_sha256 == ""
    assert replace(first, files=("p", "q", "r"), modified_ns=(7, 8, 9)).sha256 == first.sha256


def test_figures_of_the_list():
    assert (index().n, index().label_range, index().duplicates) == (3, (-1, 4), 1)
    assert index(labels=None).label_range is None


def test_overlap_counts_samples_of_the_second_by_content():
    a, b = index(("x" * 64, "y" * 64)), index(("y" * 64, "y" * 64, "z" * 64))
    assert overlap(a, b) == 2
    assert overlap(b, a) == 1
    assert overlap(a, index(("w" * 64,))) == 0


@given(st.lists(st.sampled_from("abcdef"), max_size=8), st.lists(st.sampled_from("abcdef"), max_size=8))
def test_overlap_is_zero_together_and_full_with_itself(a, b):
    left, right = index(tuple(a), None), index(tuple(b), None)
    assert (overlap(left, right) == 0) == (overlap(right, left) == 0)
    assert overlap(left, left) == left.n


@pytest.mark.parametrize(
    "change", [{"files": None}, {"content_sha256": ["c" * 64]}, {"labels": [0, 0, 0]}, {"arrays": [1]}]
)
def test_damaged_json_is_refused(change):
    with pytest.raises(FileFormatError, match="stored list of samples"):
        sample_index_from_json({**index().to_json(), **change})


def test_a_missing_key_is_refused():
    document = index().to_json()
    del document["rows"]
    with pytest.raises(FileFormatError, match="damaged"):
        sample_index_from_json(document)
