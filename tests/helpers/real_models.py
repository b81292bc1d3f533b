"""Study documents for the real models beside the checkout, as a user would write them, and running them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.execution.engine import RunOptions, run_study
from workbench.execution.result import Result, Run
from workbench.execution.study import study_from_document

BOTH = ("ort_cpu", "openvino")


@dataclass(frozen=True)
class RealModel:
    """One real model with its data, as [model], [data], [preprocess] and [task] of a study.

    Attributes:
        model: file name under models/; input: the model's input name; planted: a Conv that tests leave in float.
        n_calibration, n_evaluation: samples that a test needs.
        calibration, evaluation: [data.*] tables with paths under the data folder.
    """

    name: str
    model: str
    input: str
    planted: str
    n_calibration: int
    n_evaluation: int
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=lambda: {"kind": "classification"})
    calibration: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)

    def path(self, data: Path) -> Path:
        """The model file."""
        return data / "models" / self.model

    def document(
        self,
        data: Path,
        runtimes: Sequence[str | Mapping[str, Any]] = BOTH,
        candidates: Sequence[Mapping[str, Any]] = (),
        n_evaluation: int | None = None,
    ) -> dict[str, Any]:
        """Return a study document without timing; `candidates` are [[candidates]] tables."""
        return {
            "schema_version": 1,
            "name": self.name,
            "model": {"path": str(self.path(data))},
            "data": {
                "calibration": {**_absolute(self.calibration, data), "limit": self.n_calibration},
                "evaluation": {**_absolute(self.evaluation, data), "limit": n_evaluation or self.n_evaluation},
            },
            "preprocess": dict(self.preprocess),
            "task": dict(self.task),
            "candidates": [dict(item) for item in candidates],
            "runtimes": [{"id": row, "name": row} if isinstance(row, str) else dict(row) for row in runtimes],
            "measure": {"profile": "none"},
        }


def _absolute(section: Mapping[str, Any], data: Path) -> dict[str, Any]:
    changed = {key: str(data / section[key]) for key in ("path", "labels") if section.get(key)}
    return {**section, **changed}


def _imagenet(part: str) -> dict[str, Any]:
    return {"kind": "images", "path": "imagenet_sample", "labels": f"imagenet_sample/{part}.csv"}


MOBILENET = RealModel(
    name="mobilenet_v1_0.25_224",
    model="mobilenet_v1_0.25_224.onnx",
    input="input",
    planted="n27_Conv",
    n_calibration=32,
    n_evaluation=64,
    preprocess={"resize_short": 256, "center_crop": 224, "color": "RGB", "mean": [127.5] * 3, "std": [127.5] * 3},
    task={"kind": "classification", "class_offset": 1},
    calibration=_imagenet("calibration"),
    evaluation=_imagenet("evaluation"),
)
SQUEEZENET = RealModel(
    name="squeezenet1.1",
    model="squeezenet1.1.onnx",
    input="input",
    planted="n16_Conv",
    n_calibration=16,
    n_evaluation=32,
    preprocess={"resize_short": 256, "center_crop": 227, "color": "BGR", "mean": [104, 117, 123], "std": [1, 1, 1]},
    calibration=_imagenet("calibration"),
    evaluation=_imagenet("evaluation"),
)
RESNET8 = RealModel(
    name="resnet8",
    model="resnet8.onnx",
    input="input",
    planted="n11_Conv",
    n_calibration=100,
    n_evaluation=600,
    preprocess={"color": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1]},
    calibration={"kind": "images", "path": "cifar10_sample/calibration"},
    evaluation={"kind": "images", "path": "cifar10_sample/evaluation"},
)
KWS = RealModel(
    name="kws_dscnn",
    model="kws_dscnn.onnx",
    input="input",
    planted="n11_Conv",
    n_calibration=100,
    n_evaluation=400,
    calibration={"kind": "arrays", "path": "kws_sample/calibration.npz"},
    evaluation={"kind": "arrays", "path": "kws_sample/evaluation.npz"},
)
FACE = RealModel(
    name="version-RFB-320",
    model="version-RFB-320.onnx",
    input="input",
    planted="Conv_12",
    n_calibration=16,
    n_evaluation=32,
    preprocess={"resize": [240, 320], "color": "RGB", "mean": [127] * 3, "std": [128] * 3},
    task={"kind": "divergence"},
    calibration={**_imagenet("calibration"), "labels": "", "seed": 1},
    evaluation={**_imagenet("evaluation"), "labels": ""},
)
CLASSIFIERS = (MOBILENET, SQUEEZENET, RESNET8, KWS)
REAL_MODELS = (*CLASSIFIERS, FACE)


def run_document(document: Mapping[str, Any], folder: Path, options: RunOptions | None = None) -> Result:
    """Run a study given as a document with absolute paths; events are dropped."""
    study = study_from_document(dict(document), folder.parent, f"{document.get('name', 'study')}.toml")
    return run_study(study, folder, options or RunOptions(), lambda event: None, threading.Event())


def run_of(result: Result, runtime: str, precision: str, candidate: str | None = None) -> Run:
    """Return the one run of a runtime in a precision; float runs belong to the first candidate."""
    found = [
        run
        for run in result.runs
        if (run.runtime, run.precision) == (runtime, precision) and candidate in (None, run.candidate)
    ]
    assert len(found) == 1, [(run.label, run.candidate, run.precision) for run in result.runs]
    return found[0]
