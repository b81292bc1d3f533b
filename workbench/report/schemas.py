"""Published JSON Schemas, generated from the models; a test keeps resources/schemas in step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workbench.execution.result import Result
from workbench.files import write_text_atomic
from workbench.report.sheet import Sheet

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MODELS: dict[str, type[BaseModel]] = {"result": Result, "sheet": Sheet}


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file: "result" or "sheet"."""
    return {"$schema": DRAFT, **MODELS[name].model_json_schema(mode="serialization")}


def schema_text(name: str) -> str:
    """Return the schema file's text."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write `<name>.schema.json` of every model into a folder and return the paths. Raises OutputError."""
    paths = [folder / f"{name}.schema.json" for name in MODELS]
    for name, path in zip(MODELS, paths, strict=True):
        write_text_atomic(path, schema_text(name))
    return paths
