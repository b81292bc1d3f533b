"""What a study names and is not there any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.ui.gone import gone, gone_at


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    for name in ("m.onnx", "labels.csv", "plan.json"):
        (tmp_path / name).touch()
    for name in ("e", "c"):
        (tmp_path / name).mkdir()
    return {
        "model": {"path": str(tmp_path / "m.onnx")},
        "data": {
            "evaluation": {"path": str(tmp_path / "e"), "labels": str(tmp_path / "labels.csv")},
            "calibration": {"path": str(tmp_path / "c"), "labels": ""},
        },
        "candidates": [{"name": "tuned", "plan": str(tmp_path / "plan.json")}],
    }


def test_nothing_is_gone_while_all_is_there(values: dict[str, Any]) -> None:
    assert gone(values) == []
    assert gone({}) == []


@pytest.mark.parametrize(
    ("file", "step", "what"),
    [
        ("m.onnx", "model", "model"),
        ("e", "data", "evaluation set"),
        ("c", "data", "calibration set"),
        ("labels.csv", "data", "list of labels of the evaluation set"),
        ("plan.json", "scheme", "plan of candidate tuned"),
    ],
)
def test_each_is_named_with_its_step(values: dict[str, Any], tmp_path: Path, file: str, step: Any, what: str) -> None:
    (tmp_path / file).rename(tmp_path / "elsewhere")
    found = gone_at(values, step)
    assert found is not None
    assert found.line == f"The {what} is gone: {tmp_path / file} is not there. Put it back, or choose another."
    assert gone(values) == [found]


def test_the_model_comes_first(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "e").rmdir()
    (tmp_path / "m.onnx").unlink()
    assert [item.step for item in gone(values)] == ["model", "data"]


def test_what_cannot_be_judged_here_is_left_to_the_command(values: dict[str, Any]) -> None:
    values["model"] = {"path": "relative.onnx"}
    assert gone(values) == []
    values["model"] = {"path": "/" + "x" * 5000}
    assert gone(values) == []
    values["model"] = {"factory": "package:function"}
    assert gone(values) == []
