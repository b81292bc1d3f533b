"""Memory against number of samples: largest resident memory of the workers that read data, in one run.

    python tests/benchmarks/bench_memory.py [--quick] [--samples 50,500,5000]

Synthetic samples, the same network: as PNG images in a folder, and as float32 arrays in one .npz. Each job runs in a
worker of its own, as in a study: scan, calibration (with the figures on representation), reference pass, accuracy
pass. Beside them: what the samples alone would take in memory, and what the last tenfold step added.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import LABEL, print_conditions, print_table, say
from helpers.onnx_models import Builder

from workbench.execution.bundle import bundle_json
from workbench.execution.discovery import find_plugin
from workbench.execution.host import run_job
from workbench.execution.jobs import Job, PluginRef
from workbench.model.canonical import canonical_graph
from workbench.model.data import DataSpec
from workbench.model.load import Model, load_model, save_proto
from workbench.model.preprocess import Preprocess
from workbench.quant.scheme import Scheme

SIDE = 64
SAMPLE_BYTES = 3 * SIDE * SIDE * 4
MIB = 2**20
JOBS = ("scan", "calibrate", "reference", "cell")
TIMEOUT_S = 600.0


def write_network(folder: Path) -> tuple[Model, Path]:
    """Write a network with a residual Add on [N,3,64,64] and its canonical graph."""
    b = Builder(0)
    x = b.node("Relu", [b.conv("stem", "input", 3, 16)], "stem_relu")
    x = b.node("MaxPool", [x], "pool", kernel_shape=[4, 4], strides=[4, 4])
    y = b.conv("second", b.node("Relu", [b.conv("first", x, 16, 16)], "first_relu"), 16, 16)
    x = b.node("Relu", [b.node("Add", [x, y], "sum")], "sum_relu")
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "mean")], "flat")
    b.linear("logits", x, 16, 10)
    save_proto(b.model({"input": ["N", 3, SIDE, SIDE]}, {"logits": ["N", 10]}), folder / "source.onnx")
    model = load_model(folder / "source.onnx")
    canonical, _ = canonical_graph(model.proto)
    save_proto(model.proto, folder / "model.onnx")
    save_proto(canonical, folder / "canonical.onnx")
    return model, folder / "canonical.onnx"


def write_images(folder: Path, n: int) -> tuple[DataSpec, Preprocess]:
    """Write n PNG images; half noise, half one colour, so that they compress differently."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(n):
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        pixels[: SIDE // 2] = number % 256
        Image.fromarray(pixels).save(folder / f"{number:06d}.png", compress_level=1)
    return DataSpec("images", folder, "", None), Preprocess(mean=(127.5,), std=(127.5,))


def write_arrays(path: Path, n: int) -> tuple[DataSpec, Preprocess]:
    """Write n float32 samples to one .npz, in pieces, so that this process stays small too."""
    values = np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.float32, (n, 3, SIDE, SIDE))
    rng = np.random.default_rng(0)
    for start in range(0, n, 100):
        values[start : start + 100] = rng.standard_normal(values[start : start + 100].shape, np.float32)
    values.flush()
    np.savez(path, input=values)
    path.with_suffix(".npy").unlink()
    return DataSpec("arrays", path, "", None), Preprocess()


class Runner:
    """Runs the jobs of one set of samples and gathers each worker's peak."""

    def __init__(self, folder: Path, model: Model, canonical: Path) -> None:
        self.folder, self.model, self.canonical = folder, model, canonical
        self.peaks: dict[str, int] = {}

    def run(self, kind: str, arguments: Mapping[str, Any], plugin: PluginRef | None = None, name: str = "") -> Any:
        """Run one job to its end; its peak is kept under `name`, or the job's kind."""
        name = name or kind
        outcome = run_job(Job(kind, plugin, arguments, self.folder / f"work {name}", TIMEOUT_S))
        value = outcome.require()
        self.peaks[name] = outcome.peak_rss_bytes or 0
        return value

    def all_jobs(self, spec: DataSpec, preprocess: Preprocess) -> dict[str, int]:
        """Return job -> peak resident memory in bytes."""
        index = self.folder / "data" / "index.json"
        index.parent.mkdir(parents=True)
        self.run("scan", {"spec": spec.to_json(), "preprocess": preprocess.to_json(), "out": str(index)})
        bundle = bundle_json(spec, index, preprocess, self.model.inputs)
        outputs = [asdict(value) for value in self.model.outputs]
        self.run("calibrate", self._calibration(bundle))
        fp32 = str(self.canonical.with_name("model.onnx"))
        self.run("reference", self._reference(fp32, bundle, outputs))
        plugin = find_plugin(LABEL).ref
        built = self.run("prepare", self._prepare(fp32), plugin)
        self.run("cell", self._cell(built, bundle, outputs), plugin)
        return {name: self.peaks[name] for name in JOBS}

    def _calibration(self, bundle: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "canonical": str(self.canonical),
            "model_sha256": self.model.sha256,
            "transforms": [],
            "scheme": Scheme().to_json(),
            "calibration": bundle,
            "evaluation": bundle,
            "out": str(self.folder / "plan.json"),
            "ready": False,
        }

    def _reference(self, fp32: str, bundle: Mapping[str, Any], outputs: list[dict[str, Any]]) -> dict[str, Any]:
        place = self.folder / "reference"
        return {
            "model": fp32,
            "bundle": bundle,
            "outputs": outputs,
            "optimized": True,
            "batch": 1,
            "outputs_dir": str(place),
        }

    def _prepare(self, fp32: str) -> dict[str, Any]:
        return {
            "model": fp32,
            "canonical": str(self.canonical),
            "plan": str(self.folder / "plan.json"),
            "precision": "int8",
            "target": "x64",
            "settings": {},
            "work_dir": str(self.folder / "artifact"),
        }

    def _cell(
        self, built: Mapping[str, Any], bundle: Mapping[str, Any], outputs: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            **bundle,
            "artifact": built["artifact"],
            "deviations": built["deviations"],
            "notes": built["notes"],
            "precision": "int8",
            "threads": 1,
            "batch": 1,
            "settings": {},
            "outputs": outputs,
            "outputs_dir": str(self.folder / "outputs"),
            "speed": False,
        }


def peaks_of(kind: str, counts: list[int], root: Path) -> list[dict[str, int]]:
    """Return the peaks of every job for each number of samples."""
    found = []
    for n in counts:
        say(f"{kind}, {n} samples ...")
        folder = root / f"{kind} {n}"
        folder.mkdir()
        model, canonical = write_network(folder)
        write = write_images if kind == "images" else write_arrays
        spec, preprocess = write(folder / ("images" if kind == "images" else "arrays.npz"), n)
        found.append(Runner(folder, model, canonical).all_jobs(spec, preprocess))
    return found


def rows_of(kind: str, counts: list[int], found: list[dict[str, int]]) -> list[list[str]]:
    """Return one row per job: peaks in MiB, and what the last step added, in MiB and of the samples' size."""
    rows = []
    for job in JOBS:
        peaks = [item[job] / MIB for item in found]
        added = peaks[-1] - peaks[-2]
        samples = (counts[-1] - counts[-2]) * SAMPLE_BYTES / MIB
        rows.append([f"{kind} {job}", *(f"{peak:.1f}" for peak in peaks), f"{added:+.1f}", f"{added / samples:+.1%}"])
    sizes = [n * SAMPLE_BYTES / MIB for n in counts]
    return [
        *rows,
        [f"{kind}: samples as float32", *(f"{size:.1f}" for size in sizes), f"{sizes[-1] - sizes[-2]:+.1f}", ""],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 and 200 samples: only to see it work")
    parser.add_argument("--samples", default="50,500,5000", help="numbers of samples, ascending, at least two")
    options = parser.parse_args()
    counts = [20, 200] if options.quick else [int(part) for part in options.samples.split(",")]
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        for kind in ("images", "arrays"):
            rows += rows_of(kind, counts, peaks_of(kind, counts, Path(name)))
    headers = ["worker's peak, MiB", *(f"n = {n}" for n in counts), "last step", "of its samples"]
    print_table("Largest resident memory against number of samples", headers, rows)
    print_conditions(sample=f"float32 [3, {SIDE}, {SIDE}], {SAMPLE_BYTES} bytes", batch=1, jobs=", ".join(JOBS))


if __name__ == "__main__":
    main()
