"""Published JSON Schemas of what a study is made from, of tune.json, baseline.json, and what travels elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.execution.baseline_record import BASELINE_VERSION, BaselineComparison
from workbench.execution.elsewhere.records import JOB_VERSION, RETURNED_VERSION, Job, Returned
from workbench.execution.study import STUDY_VERSION, StudyFile
from workbench.execution.tune_record import TUNE_VERSION, Tune
from workbench.files import write_text_atomic
from workbench.quant.plan import PLAN_VERSION
from workbench.quant.scheme import METHODS, SCALE_ROUNDINGS, SCHEME_TITLES, WEIGHT_ROUNDINGS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAMES = ("study", "plan", "tune", "baseline", "job", "returned")
_TEXT: Mapping[str, Any] = {"type": "string"}
_SHA256: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_WHOLE: Mapping[str, Any] = {"type": "integer"}
_NUMBER: Mapping[str, Any] = {"type": "number"}


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file: one of NAMES."""
    return {"$schema": DRAFT, **_MAKERS[name]()}


def schema_text(name: str) -> str:
    """Return the schema file's text."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write `<name>.schema.json` of every file into a folder and return the paths. Raises OutputError."""
    paths = [folder / f"{name}.schema.json" for name in NAMES]
    for name, path in zip(NAMES, paths, strict=True):
        write_text_atomic(path, schema_text(name))
    return paths


def _study() -> dict[str, Any]:
    schema = StudyFile.model_json_schema()
    schema["properties"]["schema_version"] = {"const": STUDY_VERSION}
    return {**schema, "required": ["schema_version", *schema["required"]]}


def _tune() -> dict[str, Any]:
    schema = Tune.model_json_schema(mode="serialization")
    schema["properties"]["schema_version"] = {"const": TUNE_VERSION}
    return schema


def _baseline() -> dict[str, Any]:
    schema = BaselineComparison.model_json_schema(mode="serialization")
    schema["properties"]["schema_version"] = {"const": BASELINE_VERSION}
    return schema


def _job() -> dict[str, Any]:
    schema = Job.model_json_schema(mode="serialization")
    schema["properties"]["schema_version"] = {"const": JOB_VERSION}
    return schema


def _returned() -> dict[str, Any]:
    schema = Returned.model_json_schema(mode="serialization")
    schema["properties"]["schema_version"] = {"const": RETURNED_VERSION}
    return schema


def _plan() -> dict[str, Any]:
    """`QuantPlan.to_json`; arrays lie in the .npz beside it and appear by their hash."""
    array = _table({"sha256": _SHA256})
    properties = {
        "schema_version": {"const": PLAN_VERSION},
        "model": _table({"sha256": _SHA256}),
        "scheme": _scheme(),
        "calibration": _table(
            {"method": {"enum": list(METHODS)}, "parameters": {"type": "object"}, "n": _least(0), "sha256": _TEXT}
        ),
        "tensors": _by_name(_tensor()),
        "weights": _by_name(_weight()),
        "biases": _by_name(array),
        "float_values": _by_name(array),
        "quantized_nodes": _list(_TEXT),
        "edges": _by_name(_list(_least(0))),
        "float_nodes": _by_name(_TEXT),
        "transforms": _list({"type": "object", "required": ["kind"], "properties": {"kind": _TEXT}}),
        "ranges": _by_name(_by_name(_NUMBER)),
    }
    return {"title": "Quantization plan", **_table(properties)}


def _scheme() -> dict[str, Any]:
    return _table(
        {
            "name": {"enum": list(SCHEME_TITLES)},
            "method": {"enum": list(METHODS)},
            "percentile": {"type": "number", "exclusiveMinimum": 50, "maximum": 100},
            "exclude_nodes": _list(_TEXT),
            "exclude_op_types": _list(_TEXT),
            "quantize_logits": {"type": "boolean"},
            "bias_correction": {"type": "boolean"},
            "equalize_activations": {"type": "boolean"},
            "weight_rounding": {"enum": list(WEIGHT_ROUNDINGS)},
            "smoothing": {"type": "number", "minimum": 0, "maximum": 1},
            "scale_rounding": {"enum": list(SCALE_ROUNDINGS)},
        }
    )


def _tensor() -> dict[str, Any]:
    return _table(
        {
            "scale": {"type": "number", "exclusiveMinimum": 0},
            "zero_point": _WHOLE,
            "dtype": {"enum": ["int8", "uint8"]},
            "axis": {"type": ["integer", "null"]},
            "clamp": {**_list(_WHOLE), "minItems": 2, "maxItems": 2},
        }
    )


def _weight() -> dict[str, Any]:
    return _table(
        {
            "scale": _list({"type": "number", "exclusiveMinimum": 0}),
            "zero_point": _list(_WHOLE),
            "axis": _WHOLE,
            "dtype": {"const": "int8"},
            "codes_sha256": _SHA256,
        }
    )


def _table(properties: Mapping[str, Any]) -> dict[str, Any]:
    """All keys required, no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _by_name(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": dict(value)}


def _list(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(item)}


def _least(minimum: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": minimum}


_MAKERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "study": _study,
    "plan": _plan,
    "tune": _tune,
    "baseline": _baseline,
    "job": _job,
    "returned": _returned,
}
