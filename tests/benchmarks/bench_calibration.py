"""What calibration costs, beside plain inference and onnxruntime.quantization's calibrators, in one run.

    python tests/benchmarks/bench_calibration.py [--models resnet50,bert,squeezenet] [--n 32,128,512]
        [--methods "ours mse,MinMax,Percentile,Entropy"] [--repeats 3]

Every run is a fresh process on the same canonical graph and the same samples; its figures count from its first
instruction: imports, opening the model, the samples, the search for thresholds. Plain inference is the floor: one
session with all optimizations, one thread. Ours runs two samples at a time, each on one thread, where there are two
cores: compare its CPU seconds; its wall time uses the second core. The other calibrators run as quantize_static runs
them (its default operators and options, its session without optimizations), on one thread. Plain inference and ours
take turns, --repeats times, and show medians; the others run once. A run whose memory, extended from the smaller n,
would not fit the machine is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import DATA, print_conditions, print_table, say
from helpers.big_models import bert_base_size, image_feeds, resnet50_size, token_feeds
from helpers.calibration_runs import ABOUT, MODEL
from helpers.calibration_runs import DATA as SAMPLES

from workbench.model.canonical import canonical_graph
from workbench.model.load import load_model

PLAIN, OURS = "plain", "ours mse"
MIB, GIB = 2**20, 2**30
CHUNK = 16
TARGETS = "targets: ours / plain at most 1.05 wall, 1.10 CPU at n = 128 and 1.25 at n = 32, below 1.5 memory"


@dataclass(frozen=True)
class Subject:
    """A model with a way to make samples for its one input: (how many, seed) -> [n, ...]."""

    title: str
    model: Callable[[], onnx.ModelProto]
    feeds: Callable[[int, int], npt.NDArray[Any]]


def pixels(n: int, seed: int) -> npt.NDArray[np.float32]:
    """Return float32 [n,3,227,227] in the range of pixels less their mean."""
    return np.asarray(60.0 * image_feeds(n, seed, 227), np.float32)


SUBJECTS = {
    "resnet50": Subject("ResNet-50 size", resnet50_size, image_feeds),
    "bert": Subject("BERT-base size", bert_base_size, token_feeds),
    "squeezenet": Subject("squeezenet1.1", lambda: load_model(DATA / "models" / "squeezenet1.1.onnx").proto, pixels),
}


def prepare(subject: Subject, folder: Path, n: int) -> None:
    """Write the canonical graph and n samples."""
    model, _ = canonical_graph(subject.model())
    onnx.save(model, folder / MODEL)
    with (folder / SAMPLES).open("wb") as file:
        for start in range(0, n, CHUNK):
            values = subject.feeds(min(CHUNK, n - start), start)
            file.write(values.tobytes())
    name = model.graph.input[0].name
    about = {"input": name, "shape": values.shape[1:], "dtype": str(values.dtype)}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def run(what: str, folder: Path, n: int) -> dict[str, Any]:
    """Run one process and return what it said; raises SystemExit with its last lines when it failed."""
    script = Path(__file__).resolve().parents[1] / "helpers" / "calibration_runs.py"
    done = subprocess.run([sys.executable, script, what, folder, str(n)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{what}, n = {n}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def in_turns(methods: Sequence[str], folder: Path, n: int, repeats: int) -> dict[str, dict[str, Any]]:
    """Return medians of runs that take turns, starting with another one each time."""
    said: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    for number in range(repeats):
        order = methods if number % 2 == 0 else methods[::-1]
        for method in order:
            said[method].append(run(method, folder, n))
    return {method: {key: median(one[key] for one in runs) for key in runs[0]} for method, runs in said.items()}


def needed_bytes(earlier: Mapping[int, Mapping[str, Any]], floor: Mapping[int, Mapping[str, Any]], n: int) -> float:
    """Return the memory that n samples would need if it grows as from nothing to the largest n seen; 0 at first."""
    if not earlier:
        return 0.0
    seen = max(earlier)
    base = floor[seen]["peak_bytes"]
    return float(base + max(0, earlier[seen]["peak_bytes"] - base) * n / seen)


def measured(subject: Subject, counts: Sequence[int], methods: Sequence[str], repeats: int) -> list[list[str]]:
    """Return one row per n and method."""
    costs: dict[str, dict[int, dict[str, Any]]] = {method: {} for method in (PLAIN, *methods)}
    rows: list[list[str]] = []
    own = [PLAIN, *(method for method in methods if method.startswith("ours"))]
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        prepare(subject, Path(name), max(counts))
        for n in counts:
            say(f"{subject.title}, n = {n} ...")
            for method, cost in in_turns(own, Path(name), n, repeats).items():
                costs[method][n] = cost
            for method in (PLAIN, *methods):
                needed = 0.0 if method in own else needed_bytes(costs[method], costs[PLAIN], n)
                if needed > psutil.virtual_memory().available:
                    rows.append([f"{subject.title} n={n} {method}", *[""] * 7, f"needs about {needed / GIB:.0f} GiB"])
                    continue
                if method not in own:
                    costs[method][n] = run(method, Path(name), n)
                rows.append(row_of(f"{subject.title} n={n} {method}", method, n, costs))
    return rows


def row_of(title: str, method: str, n: int, costs: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> list[str]:
    """Return a row: figures, their ratios to plain inference, and to ours where the row is neither."""
    cost, floor = costs[method][n], costs[PLAIN][n]
    ours = costs.get(OURS, {}).get(n)
    keys = ("cpu_s", "wall_s", "peak_bytes")
    figures = [f"{cost['cpu_s']:.2f}", f"{cost['wall_s']:.2f}", f"{cost['peak_bytes'] / MIB:.0f}"]
    ratios = ["" if method == PLAIN else f"{cost[key] / floor[key]:.2f}" for key in keys]
    is_other = ours is not None and method != PLAIN and not method.startswith("ours")
    against = f"{cost['cpu_s'] / ours['cpu_s']:.1f} / {cost['peak_bytes'] / ours['peak_bytes']:.1f}" if is_other else ""
    cells = [value for pair in zip(figures, ratios, strict=True) for value in pair]
    return [title, *cells, against, note_of(cost)]


def note_of(cost: Mapping[str, Any]) -> str:
    """Return how many tensors were calibrated, and for ours values per sample and the threshold search."""
    if "values" in cost:
        return f"{cost['tensors']:.0f} tensors, {cost['values'] / 1e6:.1f}e6 values, search {cost['search_s']:.2f} s"
    return f"{cost['tensors']} tensors" if "tensors" in cost else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(SUBJECTS), help="of " + ", ".join(SUBJECTS))
    parser.add_argument("--n", default="32,128,512", help="numbers of samples, ascending")
    parser.add_argument("--methods", default=f"{OURS},MinMax,Percentile,Entropy", help='"ours METHOD" and theirs')
    parser.add_argument("--repeats", type=int, default=3, help="runs of plain inference and ours, in turns")
    chosen = parser.parse_args()
    counts = [int(part) for part in chosen.n.split(",")]
    rows: list[list[str]] = []
    for name in chosen.models.split(","):
        rows += measured(SUBJECTS[name], counts, chosen.methods.split(","), chosen.repeats)
    headers = ["", "CPU s", "x plain", "wall s", "x plain", "peak MiB", "x plain", "x ours CPU / memory", ""]
    print_table("Calibration: cost of a whole process", headers, rows)
    say(TARGETS)
    memory = f"{psutil.virtual_memory().total / GIB:.0f} GiB"
    print_conditions(repeats=chosen.repeats, cores=os.cpu_count(), memory=memory, ours="two runs at a time")


if __name__ == "__main__":
    main()
