"""A small study folder as a finished study leaves it: result, samples, stored outputs, artifacts; nothing is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from helpers.results import OPENVINO, ORT, ordinary_document
from PIL import Image

from workbench.execution.handlers import artifact_sha256
from workbench.execution.result import Result
from workbench.execution.store import safe_name
from workbench.files import write_json_atomic, write_text_atomic

SAMPLES, CLASSES = 6, 1000
NAMES = [f"name {index}" for index in range(CLASSES - 1)]
ANSWERS = {ORT: (5, 7, 9, 11, 13, 15), OPENVINO: (5, 7, 10, 11, 13, 16)}
REFERENCE = (5, 7, 9, 11, 13, 16)
LABELS = (5, 7, 9, 12, 13, 16)


def make_study_folder(folder: Path, *, kind: str = "images", names: bool = True) -> Result:
    """Write the folder and return its result.

    Six samples, 1,000 outputs of which the first is a background class; the two runtimes answer sample 2 and 5
    differently. Pictures lie in folder/pictures.
    """
    document = ordinary_document()
    for number, run in enumerate(document["runs"]):
        if run["runtime"] != "reference" and run["status"] == "ok":
            _write_cell(folder, run, number)
    document["runs"] = [_with_worst(run) for run in document["runs"]]
    document["disagreements"][0]["samples"] = [_pair(index) for index in (2, 5)]
    document["data"]["evaluation"]["kind"] = kind
    result = Result.model_validate(document)
    write_json_atomic(folder / "result.json", result.model_dump(mode="json"))
    _write_samples(folder, kind, NAMES if names else [])
    _write_outputs(folder / "reference" / f"{result.model.name}-{result.model.sha256[:12]}", REFERENCE)
    return result


def _write_cell(folder: Path, run: dict[str, Any], number: int) -> None:
    place = folder / "artifacts" / _cell(run)
    write_text_atomic(place / "artifact" / "model.int8.onnx", f"model {number}")
    write_json_atomic(place / "stage.json", {"value": {"artifact": "artifact/model.int8.onnx"}})
    run["artifact_sha256"] = artifact_sha256(place / "artifact" / "model.int8.onnx")
    _write_outputs(folder / "cells" / _cell(run), ANSWERS[run["label"]])


def _write_outputs(place: Path, answers: tuple[int, ...]) -> None:
    logits = np.zeros((SAMPLES, CLASSES), np.float32)
    logits[np.arange(SAMPLES), np.array(answers) + 1] = 1.0
    place.mkdir(parents=True)
    np.save(place / "0.npy", logits)
    write_json_atomic(place / "stage.json", {"value": {"outputs": [{"name": "logits", "path": "0.npy"}]}})


def _cell(run: dict[str, Any]) -> Path:
    return Path(*(safe_name(run[key]) for key in ("label", "candidate", "precision")))


def _with_worst(run: dict[str, Any]) -> dict[str, Any]:
    if run["precision"] != "int8" or run["status"] != "ok":
        return run
    order = (2, 0) if run["label"] == ORT else (5, 2)
    return {**run, "worst_samples": [_worst(run["label"], index, rank) for rank, index in enumerate(order)]}


def _worst(name: str, index: int, rank: int) -> dict[str, Any]:
    answers = {"reference_answer": REFERENCE[index], "answer": ANSWERS[name][index], "label": LABELS[index]}
    return {"index": index, "file": _file(index), "kl": 0.5 / (rank + 1), "margin_loss": 0.1, **answers}


def _pair(index: int) -> dict[str, Any]:
    answers = {"answer_a": ANSWERS[ORT][index], "answer_b": ANSWERS[OPENVINO][index], "label": LABELS[index]}
    return {"index": index, "file": _file(index), **answers}


def _file(index: int) -> str:
    return f"{index}.png"


def _write_samples(folder: Path, kind: str, names: list[str]) -> None:
    write_json_atomic(folder / "data" / "evaluation" / "index.json", {"label_names": names})
    pictures = folder / "pictures"
    pictures.mkdir()
    for index in range(SAMPLES - 1):
        Image.new("RGB", (8, 8), (40 * index, 20, 200)).save(pictures / _file(index))
    write_text_atomic(folder / "study.toml", _study(kind, pictures))


def _study(kind: str, pictures: Path) -> str:
    path = json.dumps(str(pictures if kind == "images" else pictures / "samples.npz"))
    return f"""schema_version = 1
[model]
path = "model.onnx"
[data.evaluation]
kind = "{kind}"
path = {path}
[[runtimes]]
id = "ort_cpu"
"""
