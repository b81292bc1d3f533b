"""The published JSON Schemas of study file and plan fit real documents and are in step with the code."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from helpers.studies import document

from workbench.execution.schemas import NAMES, schema_of, schema_text, write_schemas

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_file_is_in_step(name: str, tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(name))
    committed = ROOT / "resources" / "schemas" / f"{name}.schema.json"
    assert committed.read_text(encoding="utf-8") == schema_text(name)
    assert tmp_path / f"{name}.schema.json" in write_schemas(tmp_path)


def test_real_study_files_fit() -> None:
    with (ROOT / "resources" / "demo" / "study.toml").open("rb") as stream:
        jsonschema.validate(tomllib.load(stream), schema_of("study"))
    jsonschema.validate(document(), schema_of("study"))


@pytest.mark.parametrize("changes", [{"schema_version": 2}, {"modle": {}}, {"task": {"kind": "guessing"}}])
def test_wrong_study_files_do_not(changes: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document(), **changes}, schema_of("study"))
    without = document()
    del without["schema_version"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(without, schema_of("study"))


def test_a_real_plan_fits_and_a_damaged_one_does_not(finished: Any) -> None:
    plan = json.loads((finished.folder / "plans/S1/plan.json").read_text())
    jsonschema.validate(plan, schema_of("plan"))
    for damage in (
        lambda d: d.pop("edges"),
        lambda d: d.update(extra=1),
        lambda d: next(iter(d["tensors"].values())).update(scale=0),
        lambda d: next(iter(d["weights"].values())).update(codes_sha256="no hash"),
        lambda d: d["scheme"].update(name="S9"),
    ):
        broken = copy.deepcopy(plan)
        damage(broken)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema_of("plan"))
