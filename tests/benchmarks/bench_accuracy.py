"""What INT8 costs in accuracy: ours beside the tool-chains' own quantizers, on real models and real runtimes.

    python tests/benchmarks/bench_accuracy.py [--models NAME ...] [--all-settings] [--quick]

Every row is run by the program itself, as a study would: same samples, same logits, same runtime plugins, seed 0, the
shipped calibration and evaluation lists, the first run counts. Rows:

- FP32: the float reference.
- quantize_static: ONNX Runtime's own quantizer, u8 activations, s8 weights per channel; MinMax, Percentile and Entropy
  are all run, and the one with the highest SQNR on that runtime's evaluation samples is shown: its choice sees the
  answers, ours does not. --all-settings shows all three.
- NNCF: OpenVINO's own quantizer with its defaults, where it is installed.
- ours S1: every default. ours S1 tuned: GPTQ rounding and, where the SQNR on the calibration set stays below 23 dB, at
  most three layers in float, found by the search behind `int8-workbench tune` on calibration samples alone. The same
  for S2, the affine scheme.

Accuracy, agreement and SQNR are on logits against the FP32 reference, intervals at 95 %; INT8 MACs is what the runtime
really built. Prints one Markdown table, then the conditions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import DATA, print_conditions, say
from helpers.real_models import BOTH, FACE, REAL_MODELS, RealModel, run_document

from workbench.execution.result import Result, Run
from workbench.execution.study import study_from_document
from workbench.execution.tune import TuneOptions, tune_study
from workbench.quant.plan import QuantPlan, load_plan

HEADERS = (
    "model", "quantizer", "runtime", "accuracy %", "same answer as FP32 %",
    "changed: right to wrong, wrong to right, wrong to other", "SQNR dB", "INT8 MACs", "layers left float",
)  # fmt: skip
STATIC = {"per_channel": True, "activation_type": "QUInt8", "weight_type": "QInt8"}
METHODS = ("MinMax", "Percentile", "Entropy")
TUNED = {"weight_rounding": "gptq"}
MOST_FLOAT_LAYERS = 3
ENOUGH_DB = 23.0
"""SQNR on the calibration set from which on no layer is left in float."""
NNCF = "nncf"

Document = dict[str, Any]


def document(real: RealModel, candidates: Sequence[Mapping[str, Any]], limit: int | None) -> Document:
    """Return the study of a model on both runtimes, on all samples of the shipped lists."""
    made = real.document(DATA, BOTH, candidates)
    for part, section in made["data"].items():
        section.pop("limit")
        if real == FACE:  # without labels the lists still say which picture belongs to which set
            section["labels"] = str(DATA / "imagenet_sample" / f"{part}.csv")
        if limit:
            section["limit"] = limit
    for row in made["runtimes"]:
        row["precisions"] = ["int8"]
    return made


def float_layers(real: RealModel, scheme: Mapping[str, Any], folder: Path, limit: int | None) -> list[str]:
    """Return the at most three layers that the search leaves in float; none where the calibration set asks for none."""
    study = study_from_document(document(real, [{"name": "tuned", "scheme": scheme}], limit), folder, "tune.toml")
    tune_study(study, folder, TuneOptions(most_float_nodes=0), lambda _event: None)
    plan = load_plan(folder / "plans" / "tuned" / "plan.json")
    if calibration_db(plan) >= ENOUGH_DB:
        return []
    record = tune_study(study, folder, TuneOptions(most_float_nodes=MOST_FLOAT_LAYERS), lambda _event: None)
    return record.points[-1].float_nodes


def calibration_db(plan: QuantPlan) -> float:
    """Return the SQNR on the calibration set that the plan's bias correction recorded."""
    (note,) = [item for item in plan.transforms if item["kind"] == "bias_correction"]
    return float(note["sqnr_db"]["after" if note["kept"] else "before"] or "inf")


def candidates(real: RealModel, folder: Path, limit: int | None, *, with_nncf: bool) -> list[Document]:
    """Return every candidate, in the order of the rows."""
    found: list[Document] = [
        {
            "name": f"quantize_static {method}",
            "native": "ort_quantize_static",
            "native_options": {**STATIC, "calibrate_method": method},
        }
        for method in METHODS
    ]
    if with_nncf:
        found.append({"name": "NNCF", "native": NNCF})
    for name in ("S1", "S2"):
        scheme = {"name": name, **TUNED}
        nodes = float_layers(real, scheme, folder / f"tune {name}", limit)
        found.append({"name": f"ours {name}", "scheme": {"name": name}})
        found.append({"name": f"ours {name} tuned", "scheme": {**scheme, "exclude_nodes": nodes}})
    return found


def shown(result: Result, runtime: str, *, all_settings: bool) -> list[Run]:
    """Return the runs of one runtime that get a row; of quantize_static the best one unless all are wanted."""
    runs = [run for run in result.runs if run.runtime == runtime and run.precision == "int8"]
    runs = [run for run in runs if run.status != "not_available"]  # NNCF writes for OpenVINO alone
    static = [run for run in runs if run.candidate.startswith("quantize_static")]
    best = max(static, key=lambda run: run.sqnr_db or float("-inf"), default=None)
    return [run for run in runs if all_settings or run not in static or run is best]


def rows_of(real: RealModel, result: Result, *, all_settings: bool) -> list[list[str]]:
    """Return the lines of one model."""
    floats = {item.name: item.scheme.get("exclude_nodes") or [] for item in result.candidates}
    reference = next(run for run in result.runs if run.precision == "reference")
    rows = [[real.name, "FP32", "reference", accuracy(reference), "", "", "", "", ""]]
    for runtime in BOTH:
        rows += [
            [
                real.name,
                run.candidate.partition(" (")[0],
                runtime,
                *figures(run),
                ", ".join(floats.get(run.candidate, [])),
            ]
            for run in shown(result, runtime, all_settings=all_settings)
        ]
    return rows


def figures(run: Run) -> list[str]:
    """Return what one run gave, or why it gave nothing."""
    if run.status != "ok":
        reason = run.problem.message if run.problem else ""
        return [f"{run.status}: {reason}", "", "", "", ""]
    changed = run.answers_changed
    counts = [changed.right_to_wrong, changed.wrong_to_right, changed.wrong_to_other] if changed else []
    return [
        accuracy(run),
        figure(run.top1_agreement.value, run.top1_agreement.interval, 100) if run.top1_agreement else "",
        ", ".join(str(count) for count in counts if count is not None),
        "" if run.sqnr_db is None else figure(run.sqnr_db, run.sqnr_db_interval),
        "" if run.int8_mac_share is None else f"{run.int8_mac_share:.1%}",
    ]


def accuracy(run: Run) -> str:
    """Return "60.5 [53.6, 67.0]" in percent, "" without labels."""
    return figure(run.accuracy.value, run.accuracy.interval, 100) if run.accuracy else ""


def figure(value: float, interval: Sequence[float] | None, factor: float = 1.0) -> str:
    """Return "value [low, high]" with one decimal."""
    text = f"{factor * value:.1f}"
    return f"{text} [{factor * interval[0]:.1f}, {factor * interval[1]:.1f}]" if interval else text


def markdown(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [real.name for real in REAL_MODELS]
    parser.add_argument("--models", nargs="+", choices=names, default=names, metavar="NAME", help="all unless given")
    parser.add_argument("--all-settings", action="store_true", help="show every setting of quantize_static")
    parser.add_argument("--quick", action="store_true", help="16 samples: only shows that it works")
    options = parser.parse_args()
    limit = 16 if options.quick else None
    with_nncf = find_spec(NNCF) is not None
    say(markdown(HEADERS))
    say(markdown(["---"] * len(HEADERS)))
    for real in (real for real in REAL_MODELS if real.name in options.models):
        with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
            found = candidates(real, Path(name), limit, with_nncf=with_nncf)
            result = run_document(document(real, found, limit), Path(name) / "study")
            for row in rows_of(real, result, all_settings=options.all_settings):
                say(markdown(row))
    print_conditions(threads=1, batch=1, seed=0, nncf=version(NNCF) if with_nncf else "not installed")


if __name__ == "__main__":
    main()
