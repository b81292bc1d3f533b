"""Published JSON Schemas."""

from __future__ import annotations

import importlib.resources
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from helpers import results

from workbench.report.schemas import MODELS, schema_of, schema_text, write_schemas
from workbench.report.sheet import build_sheet, to_document

DOCUMENTS: dict[str, dict[str, Any]] = {
    "result": results.ordinary().model_dump(mode="json"),
    "sheet": to_document(build_sheet(results.ordinary(), hosts=())),
}


@pytest.mark.parametrize("name", MODELS)
def test_published_schema_is_the_model_s(name: str) -> None:
    """Set INT8_WORKBENCH_GOLDEN=write to write the files anew after a wanted change."""
    if os.environ.get("INT8_WORKBENCH_GOLDEN") == "write":
        write_schemas(Path(__file__).resolve().parents[3] / "resources" / "schemas")
    published = importlib.resources.files("workbench_resources").joinpath("schemas", f"{name}.schema.json")
    assert published.read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", MODELS)
def test_real_document_fits_and_a_foreign_one_does_not(name: str) -> None:
    validator = jsonschema.Draft202012Validator(schema_of(name))
    validator.validate(DOCUMENTS[name])
    assert not validator.is_valid({**DOCUMENTS[name], "surprise": 1})
    assert not validator.is_valid({**DOCUMENTS[name], "runs": 3})


def test_schemas_are_written(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path)
    assert {path.name for path in paths} == {"result.schema.json", "sheet.schema.json"}
    assert json.loads(paths[0].read_text(encoding="utf-8"))["$schema"].endswith("2020-12/schema")
