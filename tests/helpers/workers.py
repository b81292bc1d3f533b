"""Jobs for tests: the test plugins, a tiny model's files, and the arguments of jobs, as the engine gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
from helpers.onnx_models import conv_relu_net, random_feeds
from helpers.plans import make_plan

from workbench.execution.host import Worker, run_job
from workbench.execution.jobs import Job, Outcome, PluginRef
from workbench.model.canonical import canonical_graph
from workbench.model.data import DataSpec, scan
from workbench.model.load import load_model, save_proto
from workbench.model.preprocess import Preprocess
from workbench.quant.plan import save_plan

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
N = 10


def plugin(plugin_id: str) -> PluginRef:
    """Return a test plugin."""
    return PluginRef(plugin_id, PLUGINS / plugin_id)


@dataclass(frozen=True)
class Files:
    """A tiny model on disk: as loaded, canonical, its plan, its samples; and its signature as JSON."""

    folder: Path
    model: Path
    canonical: Path
    plan: Path
    data: Mapping[str, Any]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]

    def prepare_arguments(self, work_dir: Path, precision: str = "fp32") -> dict[str, Any]:
        """Arguments of a prepare job."""
        return {
            "model": str(self.model),
            "canonical": str(self.canonical),
            "plan": str(self.plan) if precision == "int8" else None,
            "precision": precision,
            "target": "x64",
            "settings": {},
            "work_dir": str(work_dir),
        }

    def cell_arguments(self, artifact: Path, outputs_dir: Path, **changes: Any) -> dict[str, Any]:
        """Arguments of a cell job."""
        return {
            "artifact": str(artifact),
            "deviations": [],
            "notes": {},
            "precision": "fp32",
            "threads": 1,
            "batch": 1,
            "settings": {},
            "inputs": self.inputs,
            "outputs": self.outputs,
            **self.data,
            "outputs_dir": str(outputs_dir),
            "speed": False,
            **changes,
        }


def write_files(folder: Path, proto: onnx.ModelProto | None = None, n: int = N) -> Files:
    """Write a model, its canonical graph, a min-max plan and `n` random samples."""
    folder.mkdir(parents=True, exist_ok=True)
    save_proto(proto or conv_relu_net(), folder / "source.onnx")
    model = load_model(folder / "source.onnx")
    canonical, _ = canonical_graph(model.proto)
    save_proto(model.proto, folder / "model.onnx")
    save_proto(canonical, folder / "canonical.onnx")
    feeds = random_feeds(model.proto, n)
    save_plan(make_plan(canonical, feeds), folder / "plan.json")
    np.savez(folder / "samples.npz", **feeds)
    spec = DataSpec("arrays", folder / "samples.npz", labels="", limit=None)
    data = {"data": spec.to_json(), "index": scan(spec).to_json(), "preprocess": Preprocess().to_json()}
    inputs, outputs = ([asdict(value) for value in values] for values in (model.inputs, model.outputs))
    return Files(folder, folder / "model.onnx", folder / "canonical.onnx", folder / "plan.json", data, inputs, outputs)


def run(
    kind: str,
    plugin_ref: PluginRef | None,
    arguments: Mapping[str, Any],
    work_dir: Path,
    timeout_s: float = 60,
    **more: Any,
) -> Outcome:
    """Run one job to its end."""
    return run_job(Job(kind, plugin_ref, arguments, work_dir, timeout_s), **more)


def living_children() -> list[str]:
    """Names of this process's living descendants; a worker that left one behind shows here."""
    living = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                living.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.NoSuchProcess:
            continue
    return living


__all__ = ["PLUGINS", "Files", "N", "Worker", "living_children", "plugin", "run", "write_files"]
