"""What refining a plan costs beside plain inference and calibration, and what a further point of a tuning costs.

    python tests/benchmarks/bench_refine.py [--models resnet50,mobilenet] [--n 128] [--repeats 1]

Every figure is of a fresh process, from its first instruction, on the same canonical graph and the same samples: plain
inference of the 32 held samples and of all n (one session with all optimizations, one thread); a plan without bias
correction; a plan with it; the same plan from ranges that this one kept, which is what a point of `tune` costs that
watches the same tensors; and one with a layer in the middle left in float. Refinement is the difference of the two
plans. Parts take turns, --repeats times, and show medians. Plans run two samples at a time, each on one thread, where
there are two cores: compare CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.calibration_runs import ABOUT, MODEL, FileSamples, peak_bytes, plain
from helpers.calibration_runs import DATA as SAMPLES

MIB, HELD = 2**20, 32
RANGES = "ranges"
PARTS = {
    "plain, held": "plain inference of the held samples",
    "plain": "plain inference of all samples",
    "uncorrected": "plan without bias correction",
    "plan": "plan with bias correction",
    "point": "the same plan, ranges kept",
    "other point": "a layer in the middle in float, ranges kept",
}


def one_part(part: str, folder: Path, n: int) -> None:
    """Do one part in this process and print what it cost since the process began, as a line of JSON."""
    start = time.perf_counter() - time.process_time()
    samples = FileSamples(folder, HELD if part == "plain, held" else n)
    if part.startswith("plain"):
        plain(folder, samples)
    else:
        make_plan(part, folder, samples)
    cost = {"cpu_s": time.process_time(), "wall_s": time.perf_counter() - start, "peak_bytes": peak_bytes()}
    sys.stdout.write(json.dumps(cost) + "\n")


def make_plan(part: str, folder: Path, samples: FileSamples) -> None:
    """Make the plan of a part; "plan" leaves its ranges to the points."""
    import onnx

    from workbench.model.graph import COMPUTE_OPS
    from workbench.quant.build import build_plan
    from workbench.quant.ranges import KeptRanges, find_ranges
    from workbench.quant.scheme import Scheme
    from workbench.reference import give_large_blocks_back

    give_large_blocks_back()
    canonical = onnx.load(folder / MODEL)
    layers = [node.name for node in canonical.graph.node if node.op_type in COMPUTE_OPS]
    floats = (layers[len(layers) // 2],) if part == "other point" else ()
    scheme = Scheme(bias_correction=part != "uncorrected", exclude_nodes=floats)
    if part == "plan":
        shutil.rmtree(folder / RANGES, ignore_errors=True)
    find = find_ranges if part == "uncorrected" else KeptRanges(canonical, folder / RANGES)
    build_plan("0" * 64, canonical, (), scheme, samples, lambda *_: None, lambda: None, find)


def subjects() -> dict[str, tuple[str, Callable[[], Any], Callable[[int, int], Any]]]:
    """Return title, model and samples of each subject."""
    from helpers.benchmarks import DATA
    from helpers.big_models import image_feeds, resnet50_size

    from workbench.model.load import load_model

    mobilenet = DATA / "models" / "mobilenet_v1_0.25_224.onnx"
    return {
        "resnet50": ("ResNet-50 size", resnet50_size, image_feeds),
        "mobilenet": ("mobilenet_v1_0.25_224", lambda: load_model(mobilenet).proto, image_feeds),
    }


def prepare(model: Any, feeds: Callable[[int, int], Any], folder: Path, n: int) -> None:
    """Write the canonical graph and n samples."""
    import onnx

    from workbench.model.canonical import canonical_graph

    canonical, _ = canonical_graph(model)
    onnx.save(canonical, folder / MODEL)
    with (folder / SAMPLES).open("wb") as file:
        for start in range(0, n, 16):
            values = feeds(min(16, n - start), start)
            file.write(values.tobytes())
    about = {"input": canonical.graph.input[0].name, "shape": values.shape[1:], "dtype": str(values.dtype)}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def run(part: str, folder: Path, n: int) -> dict[str, float]:
    """Run one part as a process. Raises SystemExit with its last lines when it failed."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--n", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{part}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def measured(title: str, folder: Path, n: int, repeats: int) -> list[list[str]]:
    """Return one row per part, and one for refinement, each beside plain inference of the held samples."""
    said: dict[str, list[dict[str, float]]] = {part: [] for part in PARTS}
    for _ in range(repeats):
        for part, runs in said.items():
            runs.append(run(part, folder, n))
    costs = {part: {key: median(one[key] for one in runs) for key in runs[0]} for part, runs in said.items()}
    words = {part: f"{title}: {text}" for part, text in PARTS.items()}
    costs["refinement"] = {key: costs["plan"][key] - costs["uncorrected"][key] for key in ("cpu_s", "wall_s")}
    words["refinement"] = f"{title}: refinement (difference of the plans)"
    return [[words[part], *row_of(cost, costs["plain, held"], costs["plain"])] for part, cost in costs.items()]


def row_of(cost: dict[str, float], held: dict[str, float], whole: dict[str, float]) -> list[str]:
    """Return figures and their ratios to both plain inferences."""
    ratios = [f"{cost['cpu_s'] / floor['cpu_s']:.2f}" for floor in (held, whole)]
    peak = f"{cost['peak_bytes'] / MIB:.0f}" if "peak_bytes" in cost else ""
    return [f"{cost['cpu_s']:.2f}", *ratios, f"{cost['wall_s']:.2f}", peak]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="resnet50,mobilenet")
    parser.add_argument("--n", type=int, default=128, help="calibration samples, at least 32")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        one_part(chosen.part, chosen.folder, chosen.n)
        return
    from helpers.benchmarks import print_conditions, print_table

    rows: list[list[str]] = []
    for name in chosen.models.split(","):
        title, model, feeds = subjects()[name]
        with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
            prepare(model(), feeds, Path(folder), chosen.n)
            rows += measured(title, Path(folder), chosen.n, chosen.repeats)
    headers = ["", "CPU s", f"x plain {HELD}", f"x plain {chosen.n}", "wall s", "peak MiB"]
    print_table(f"Refinement: whole processes, n = {chosen.n}, {HELD} held", headers, rows)
    print_conditions(repeats=chosen.repeats, cores=os.cpu_count())


if __name__ == "__main__":
    main()
