"""tune.json: written, read back, refused when damaged or from the future, in step with its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from workbench.errors import FileFormatError
from workbench.execution.schemas import schema_of
from workbench.execution.tune_record import Tune, load_tune


def _document(**changes: Any) -> dict[str, Any]:
    sha = "0" * 64
    point = {
        "float_nodes": ["conv1"],
        "int8_mac_share": 0.9,
        "plan_sha256": sha,
        "sqnr_db": {"value": 16.0, "interval": [15.6, 16.4]},
        "agreement": {"value": 0.9, "interval": [0.85, 0.94]},
        "accuracy": {"metric": "top-1", "value": 0.5, "interval": [0.4, 0.6]},
        "accuracy_change_points": {"value": -1.0, "interval": [-3.0, 1.0], "n": 200},
        "n": 200,
        "meets_target": False,
        "why": "16 [15.6, 16.4] dB, at least 23 dB asked",
    }
    return {
        "schema_version": 1,
        "program_version": "0",
        "study_name": "study",
        "study_sha256": sha,
        "model": {"name": "net", "sha256": sha},
        "candidate": "S1",
        "scheme": {"name": "S1"},
        "calibration": {"n": 50, "sha256": sha},
        "evaluation": {"n": 200, "sha256": sha, "labelled": True},
        "measured": "simulated",
        "target": {"sqnr_db": 23.0},
        "budget_s": None,
        "spent_s": 93.2,
        "complete": True,
        "sensitivity": [{"node": "conv1", "op_type": "Conv", "mac_share": 0.1, "sqnr_db": 18.9, "gain_db": 2.9}],
        "sensitivity_n": 16,
        "sensitivity_all_int8_db": 16.0,
        "points": [point],
        "chosen": None,
        "why": "nothing meets the target",
        **changes,
    }


def _written(folder: Path, document: dict[str, Any]) -> Path:
    (folder / "tune.json").write_text(json.dumps(document))
    return folder / "tune.json"


def test_what_is_written_is_read_back_and_fits_the_schema(tmp_path: Path) -> None:
    record = load_tune(_written(tmp_path, _document()))
    written = record.model_dump(mode="json")
    assert written == _document()
    jsonschema.validate(written, schema_of("tune"))
    assert Tune.model_validate(written) == record


@pytest.mark.parametrize(
    "changes", [{"extra": 1}, {"chosen": "first"}, {"target": {"speed": 1.0}}, {"measured": "on device"}]
)
def test_damage_is_named_and_breaks_the_schema(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"tune\.json is damaged"):
        load_tune(_written(tmp_path, _document(**changes)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_document(**changes), schema_of("tune"))


def test_a_file_from_a_newer_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="newer"):
        load_tune(_written(tmp_path, _document(schema_version=2)))
