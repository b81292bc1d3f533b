"""The ordinary result with a native tool-chain beside our candidate: one row that ran, one that could not read it."""

from __future__ import annotations

import copy
from typing import Any

from helpers.results import ORT, digest, ordinary_document

from workbench.execution.result import Result

TITLE = "ONNX Runtime quantize_static, Entropy"
FACTS = {"weights": "28 int8", "activations": "57 int8, asymmetric", "float nodes": "Softmax 1"}
PARITY = f"{TITLE} chose the numbers itself, there is no plan to compare with"


def native_document(*, made: bool = True) -> dict[str, Any]:
    """Return the document; `made`: whether the tool-chain wrote its artifact."""
    document = ordinary_document()
    document["candidates"].append(_candidate(made))
    ours = next(run for run in document["runs"] if (run["label"], run["precision"]) == (ORT, "int8"))
    run = {**copy.deepcopy(ours), "candidate": TITLE, "plan_sha256": None, "parity": None, "deviations": []}
    run["reasons"] = {**run.get("reasons", {}), "parity": PARITY}
    document["runs"].append(run if made else _unmade(run))
    document["exchanges"] = [_exchange()] if made else []
    return document


def native(*, made: bool = True) -> Result:
    """Return the result."""
    return Result.model_validate(native_document(made=made))


def _candidate(made: bool) -> dict[str, Any]:
    tool = {"id": "ort_quantize_static", "title": TITLE, "options": {"calibrate_method": "Entropy"}}
    written = {"format": "qdq_onnx", "artifact_sha256": digest("native"), "facts": FACTS, "notes": {"steps": "one"}}
    parameters = {"calibrate_method": "Entropy", "per_channel": False, "skipped": []}
    calibration = {"method": TITLE, "parameters": parameters, "n": 100, "sha256": digest("calibration")}
    return {
        "name": TITLE,
        "model_sha256": digest("model"),
        "scheme": {"name": "native tool-chain"},
        "scheme_title": f"native tool-chain: {TITLE}",
        "calibration": calibration if made else None,
        "native": {**tool, **(written if made else {})},
    }


def _unmade(run: dict[str, Any]) -> dict[str, Any]:
    kept = ("runtime", "label", "candidate", "precision", "machine", "threads", "batch", "versions")
    problem = {"message": "ort_quantize_static (quantize) was ended by SIGSEGV", "signal": "SIGSEGV"}
    return {**{key: run[key] for key in kept}, "status": "crashed", "problem": problem}


def _exchange() -> dict[str, Any]:
    change = {"value": -0.4, "interval": [-0.9, 0.1], "n": 2000}
    return {
        "label": ORT,
        "instead_of": "model",
        "candidate": TITLE,
        "n": 2000,
        "answers_differ": 31,
        "accuracy_change_points": change,
        "sqnr_db": 24.0,
        "nmse": 0.004,
    }
