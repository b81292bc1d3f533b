"""Small studies on disk for tests: a model, arrays with labels, a study file; and a run of one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tomli_w
from helpers.onnx_models import conv_relu_net, random_feeds
from helpers.plans import run_graph

from workbench.execution.engine import RunOptions, run_study
from workbench.execution.result import Result
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import load_study
from workbench.model.load import save_proto

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
ECHO: Mapping[str, Any] = {"id": "echo", "name": "echo"}
N = 24


def write_samples(path: Path, proto: onnx.ModelProto, n: int = N, seed: int = 0, *, labelled: bool = True) -> None:
    """Write random inputs and, as labels, the model's own answers with every eighth one wrong."""
    arrays: dict[str, Any] = dict(random_feeds(proto, n, seed))
    if labelled:
        first = next(iter(run_graph(proto, arrays).values()))
        labels = first.reshape(n, -1).argmax(1)
        labels[::8] = (labels[::8] + 1) % first[0].size
        arrays["labels"] = labels
    np.savez(path, **arrays)


def document(runtimes: Sequence[Mapping[str, Any]] = (ECHO,), **tables: Any) -> dict[str, Any]:
    """Return a study file's content; `tables` replace or add top-level keys."""
    arrays = {"kind": "arrays"}
    return {
        "schema_version": 1,
        "model": {"path": "net.onnx"},
        "data": {
            "calibration": {**arrays, "path": "calibration.npz"},
            "evaluation": {**arrays, "path": "evaluation.npz"},
        },
        "task": {"kind": "classification"},
        "measure": {"profile": "none"},
        "runtimes": [dict(row) for row in runtimes],
        **tables,
    }


def write_study(folder: Path, content: Mapping[str, Any] | None = None, proto: onnx.ModelProto | None = None) -> Path:
    """Write model, samples and study file; returns the study file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    proto = proto or conv_relu_net()
    save_proto(proto, folder / "net.onnx")
    if "N" in str(proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param):
        write_samples(folder / "evaluation.npz", proto)
        write_samples(folder / "calibration.npz", proto, 8, seed=1)
    return write_study_file(folder / "study.toml", content or document())


def write_study_file(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a study file alone."""
    path.write_text(tomli_w.dumps(dict(content)), encoding="utf-8")
    return path


def run(
    path: Path, folder: Path, cancel: threading.Event | None = None, **options: Any
) -> tuple[Result, list[dict[str, Any]]]:
    """Run a study; returns the result and all events."""
    events: list[dict[str, Any]] = []
    result = run_study(load_study(path), folder, RunOptions(**options), lambda e: events.append(dict(e)), cancel)
    return result, events


def stages(root: Path) -> tuple[Stages, list[Any]]:
    """Stages of a new study folder, and the events that they will tell."""
    store = Store(root)
    store.open()
    events: list[Any] = []
    return Stages(store, events.append, threading.Event()), events


def states(events: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """States that the stages whose name starts with `name` went through."""
    return [event["state"] for event in events if event["event"] == "stage" and event["name"].startswith(name)]
