"""What our S1 lowering is worth on ONNX Runtime: beside FP32 and ONNX Runtime's own quantizer, in one run.

    python tests/benchmarks/bench_lowering.py [--quick] [--rounds N] [--seconds S]

The other quantizer is onnxruntime.quantization.quantize_static: Q/DQ, u8 activations, s8 weights per channel, MinMax,
on the same graph and the same calibration samples. "S1 (table)" is our plan in the other spelling that leaves no float
op, LeakyRelu(0) between two Q/DQ pairs instead of Clip on codes. "S1 (full range)" is the declared deviation that the
plugin's option full_range_relu offers: uint8 with zero point 0 after ReLU, clamped at code 255 instead of 127. All
sessions have the options of the ort_cpu plugin and take turns in one process. Coverage is the share of MACs in integer
kernels, SQNR is on the compared outputs of the evaluation samples against FP32; both stand beside the speed because
neither is worth anything alone. Beside the real models run two light topologies with seeded weights (see
`helpers.light_models`), for their size: their answers mean nothing.

A second table tells what each ratio is made of: kinds of kernels by the time that a run spends more, or less, in them
than the other quantizer's run does, as a share of that run, from one profile each. A third one counts what the
deviation changes: codes of planned activations, over evaluation samples, in float simulation. A profile costs time per
kernel, so that in the smallest nets short kernels weigh more in it than they do in the timed runs.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import (
    CANDIDATE,
    LABEL,
    StudyFolder,
    bare_rate,
    bare_session,
    print_conditions,
    print_table,
    ratio_text,
    say,
    study_folder,
)
from helpers.light_models import images, input_name, light_model
from helpers.real_models import REAL_MODELS, RealModel
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from workbench_plugins.ort_cpu.canonical_nodes import nodes_of, save_nodes
from workbench_plugins.ort_cpu.lowering import dialect_for

from workbench.execution.bundle import open_bundle
from workbench.execution.coverage import float_leftovers, int8_mac_share, placement_records
from workbench.execution.discovery import find_plugin, load_runtime
from workbench.measure.divergence import divergence
from workbench.measure.latency import ratio_interval
from workbench.model.load import save_proto
from workbench.model.summary import graph_summary
from workbench.quant.passes.draft import QUANTIZED
from workbench.quant.passes.unsigned import UINT8_SHIFT
from workbench.quant.plan import QuantPlan, load_plan
from workbench.quant.qdq import declared_tensors, write_qdq
from workbench.spi import Dialect, OpenOptions, Prepared

FP32, OURS, TABLE, FULL, THEIRS = "FP32", "S1 (ours)", "S1 (table)", "S1 (full range)", "quantize_static"
SPELLINGS = {
    TABLE: replace(dialect_for("x64"), activation_function="leaky_relu"),
    FULL: dialect_for("x64", full_range_relu=True),
}
FEEDS, CODE_SAMPLES, CAUSES = 16, 8, 3
SEEDED, SEEDED_SAMPLES = ("ResNet-50", "ShuffleNet"), 8


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """The study's calibration samples, one by one."""

    def __init__(self, samples: Any) -> None:
        self._feeds: Iterator[Mapping[str, Any]] = samples.batches(1)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sample, or None at the end."""
        feeds = next(self._feeds, None)
        return None if feeds is None else dict(feeds)


def their_model(studied: StudyFolder, folder: Path) -> Path:
    """Quantize the canonical graph (BatchNorm folded, shapes inferred) with ONNX Runtime's own tool."""
    path = folder / "theirs.onnx"
    logging.disable(logging.WARNING)  # it asks for its own pre-processing, which the canonical graph has had
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantize_static(
            str(studied.canonical),
            str(path),
            Reader(open_bundle(studied.bundle("calibration"))),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            calibrate_method=CalibrationMethod.MinMax,
        )
    graph = graph_summary(onnx.load(studied.canonical))
    save_nodes(nodes_of(graph, None), path)
    return path


def respelled(studied: StudyFolder, dialect: Dialect, path: Path) -> Path:
    """Write our plan in another dialect."""
    canonical, plan = onnx.load(studied.canonical), plan_of(studied)
    save_proto(write_qdq(canonical, plan, dialect), path)
    save_nodes(nodes_of(graph_summary(canonical), plan), path)
    return path


def plan_of(studied: StudyFolder) -> QuantPlan:
    return load_plan(studied.folder / "plans" / CANDIDATE / "plan.json")


@dataclass(frozen=True)
class Built:
    """What ONNX Runtime made of an artifact.

    Attributes:
        share: of multiply-accumulates in integer kernels, 0..1; floats: float ops between INT8 ones.
        kinds: kind of kernel -> share 0..1 of a profiled run.
    """

    share: float
    floats: int
    kinds: Mapping[str, float]


def built(studied: StudyFolder, artifact: Path, folder: Path) -> Built:
    """Open an artifact as the plugin does and read what was built."""
    graph = graph_summary(onnx.load(studied.canonical))
    runtime = load_runtime(find_plugin(LABEL).ref)
    folder.mkdir()
    with runtime.open(Prepared(artifact), OpenOptions("int8", 1, 1, folder)) as session:
        session.run(next(iter(open_bundle(studied.bundle("evaluation")).batches(1))))
        rows = session.placement()
    kinds: Counter[str] = Counter()
    for row in rows:
        kinds[row.op_type] += row.time_share or 0.0
    placement = placement_records([asdict(row) for row in rows], graph, ())
    return Built(int8_mac_share(placement, graph) or 0.0, len(float_leftovers(placement, graph)), kinds)


def cause(ours: Built, theirs: Built, ratio: float) -> str:
    """Return the kinds of kernels in which a run spends most more or less than theirs, as shares of their run."""
    kinds = ours.kinds.keys() | theirs.kinds.keys()
    more = {kind: ours.kinds.get(kind, 0.0) / ratio - theirs.kinds.get(kind, 0.0) for kind in kinds}
    largest = sorted(more, key=lambda kind: -abs(more[kind]))[:CAUSES]
    return ", ".join(f"{kind} {more[kind]:+.0%}" for kind in largest)


def sqnr_db(studied: StudyFolder, session: Any, exact: Any) -> float:
    """Return the least SQNR over the compared outputs and all evaluation samples."""
    names = studied.result.model.compared_outputs
    expected = [np.concatenate([values[number] for values in exact]) for number in range(len(names))]
    found = answers(studied, session)
    joined = [np.concatenate([values[number] for values in found]) for number in range(len(names))]
    figures = [divergence(f, q).sqnr_db for f, q in zip(expected, joined, strict=True)]
    return min(value if value is not None else np.inf for value in figures)


def answers(studied: StudyFolder, session: Any) -> list[list[Any]]:
    """Return the compared outputs, sample by sample."""
    names = studied.result.model.compared_outputs
    return [session.run(names, feeds) for feeds in open_bundle(studied.bundle("evaluation")).batches(1)]


def race(sessions: Mapping[str, Any], feeds: list[Any], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Time all sessions in turn; the order rotates from round to round."""
    rates: dict[str, list[float]] = {name: [] for name in sessions}
    names = list(sessions)
    for session in sessions.values():
        bare_rate(session, feeds, seconds)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            rates[name].append(bare_rate(sessions[name], feeds, seconds))
    return rates


def changed_codes(studied: StudyFolder) -> list[str]:
    """Return how many tensors deviate, and the shares of codes beyond the plan's clamp and of codes that differ.

    Both graphs are run in float, unoptimized; a code counts as changed where its real value differs from the plan's.
    """
    canonical, plan = onnx.load(studied.canonical), plan_of(studied)
    declared = declared_tensors(canonical, plan, SPELLINGS[FULL])
    planned, full = (
        code_session(write_qdq(canonical, plan, dialect), plan) for dialect in (dialect_for("x64"), SPELLINGS[FULL])
    )
    beyond = beyond_of = differing = of = 0
    for feeds in islice(open_bundle(studied.bundle("evaluation")).batches(1), CODE_SAMPLES):
        for name, before, after in zip(plan.tensors, planned.run(None, feeds), full.run(None, feeds), strict=True):
            codes = after.astype(np.int16) - (0 if name in declared else UINT8_SHIFT)
            beyond += int(np.count_nonzero(codes > 127)) if name in declared else 0
            beyond_of += codes.size if name in declared else 0
            differing += int(np.count_nonzero(codes != before.astype(np.int16) - UINT8_SHIFT))
            of += codes.size
    shares = [beyond / beyond_of if beyond_of else 0.0, differing / of]
    return [studied.real.name, f"{len(declared)} of {len(plan.tensors)}", *(f"{share:.4%}" for share in shares)]


def code_session(model: onnx.ModelProto, plan: QuantPlan) -> Any:
    """Open a graph, unoptimized, whose outputs are the codes of the planned tensors, in the plan's order."""
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name + QUANTIZED) for name in plan.tensors)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True)
class Tables:
    """Rows of the three tables."""

    speed: list[list[str]] = field(default_factory=list)
    causes: list[list[str]] = field(default_factory=list)
    codes: list[list[str]] = field(default_factory=list)


def seeded_model(name: str, folder: Path) -> RealModel:
    """Write a light topology and its samples; return it as a study takes a real one."""
    proto = light_model(name)
    folder.mkdir()
    save_proto(proto, folder / "model.onnx")
    for seed, part in enumerate(("calibration", "evaluation"), 2):
        np.savez(folder / f"{part}.npz", **{input_name(proto): images(SEEDED_SAMPLES, seed)})
    sections = {part: {"kind": "arrays", "path": str(folder / f"{part}.npz")} for part in ("calibration", "evaluation")}
    return RealModel(
        name=f"{name} (seeded)",
        model=str(folder / "model.onnx"),
        input=input_name(proto),
        planted="",
        n_calibration=SEEDED_SAMPLES,
        n_evaluation=SEEDED_SAMPLES,
        task={"kind": "divergence"},
        **sections,
    )


def measure(studied: StudyFolder, folder: Path, rounds: int, seconds: float, tables: Tables) -> None:
    """Measure every variant of a model and add its rows."""
    folder.mkdir()
    paths = {FP32: studied.canonical, OURS: studied.artifact("int8")}
    paths |= {name: respelled(studied, dialect, folder / f"{name}.onnx") for name, dialect in SPELLINGS.items()}
    paths |= {THEIRS: their_model(studied, folder)}
    sessions = {name: bare_session(path) for name, path in paths.items()}
    feeds = list(islice(open_bundle(studied.bundle("evaluation")).batches(1), FEEDS))
    rates = race(sessions, feeds, rounds, seconds)
    exact = answers(studied, sessions[FP32])
    found = {name: built(studied, path, folder / name) for name, path in paths.items() if name != FP32}
    for name, session in sessions.items():
        tables.speed.append(_speed_row(studied, name, rates, found.get(name), session, exact))
    for name in (OURS, TABLE, FULL):
        ratio = float(np.median(rates[name]) / np.median(rates[THEIRS]))
        tables.causes.append([f"{studied.real.name} {name}", f"{ratio:.2f}", cause(found[name], found[THEIRS], ratio)])
    tables.codes.append(changed_codes(studied))


def _speed_row(
    studied: StudyFolder, name: str, rates: Mapping[str, list[float]], found: Built | None, session: Any, exact: Any
) -> list[str]:
    windows = {key: tuple((rate,) for rate in values) for key, values in rates.items()}
    rate = f"{float(np.median(rates[name])):.1f}"
    if found is None:
        return [f"{studied.real.name} {name}", rate, "", "", "", "", ""]
    against = "" if name == THEIRS else ratio_text(ratio_interval(windows[name], windows[THEIRS]), 2)
    own = ratio_text(ratio_interval(windows[name], windows[FP32]), 2)
    quality = [f"{found.share:.1%}", str(found.floats), f"{sqnr_db(studied, session, exact):.1f}"]
    return [f"{studied.real.name} {name}", rate, own, against, *quality]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds and few samples: only to see it work")
    parser.add_argument("--rounds", type=int, default=9, help="blocks per session and model")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one block")
    options = parser.parse_args()
    rounds, seconds = (2, 0.1) if options.quick else (options.rounds, options.seconds)
    tables = Tables()
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        seeded = [seeded_model(topology, Path(name) / topology) for topology in SEEDED]
        for real in (*REAL_MODELS, *seeded):
            say(f"{real.name} ...")
            n = 8 if options.quick else min(64, real.n_evaluation)
            studied = study_folder(real, Path(name) / real.name, n)
            measure(studied, Path(name) / f"{real.name} sessions", rounds, seconds, tables)
    headers = ["model", "runs /s", "x FP32", "x quantize_static", "INT8 MACs", "float between INT8", "SQNR dB"]
    print_table("ONNX Runtime, one sample per run, one thread", headers, tables.speed)
    print_table("What the ratio is made of", ["model", "x quantize_static", "time more or less"], tables.causes)
    counts = ["model", "tensors that deviate", "their codes beyond 127", "all codes that change"]
    print_table("What the declared deviation changes", counts, tables.codes)
    print_conditions(rounds=rounds, seconds_per_block=seconds, threads=1, turns="interleaved, order rotates")


if __name__ == "__main__":
    main()
