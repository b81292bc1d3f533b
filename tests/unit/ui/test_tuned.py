"""Reading `tune.json` for the window."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers import tuned

from workbench.errors import FileFormatError


def test_points_figures_and_choice(tmp_path: Path) -> None:
    found = tuned.read(tuned.document(), tmp_path)
    assert (found.candidate, found.calibration_n, found.evaluation_n, found.is_labelled) == ("S1", 50, 200, True)
    assert [len(point.float_nodes) for point in found.points] == [0, 1, 2, 3, 4]
    assert found.is_reached
    chosen = found.points[2]
    assert chosen.figures["sqnr_db"].value == 23.9
    assert chosen.figures["sqnr_db"].pair == pytest.approx((23.5, 24.3))
    assert found.sensitivity[0].node == "conv1"


def test_nodes_of_the_scheme_stay_excluded_once(tmp_path: Path) -> None:
    document = tuned.document()
    document["scheme"]["exclude_nodes"] = ["first", "conv1"]
    found = tuned.read(document, tmp_path)
    assert found.excluded(found.points[2]) == ["first", "conv1", "block2.depthwise"]


def test_what_is_null_is_absent_and_no_error_is_infinite(tmp_path: Path) -> None:
    document = tuned.unlabelled()
    document["points"][4]["sqnr_db"] = {"value": None, "interval": None}
    found = tuned.read(document, tmp_path)
    assert set(found.points[0].figures) == {"sqnr_db", "agreement"}
    assert math.isinf(found.points[4].figures["sqnr_db"].value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": []}, "not among"),
        ({"chosen": 9}, "not among"),
        ({"schema_version": 99}, "newer"),
        ({"candidate": None}, "damaged"),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        tuned.read(tuned.document() | change, tmp_path)
