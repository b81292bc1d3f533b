"""What our S1 lowering is worth on ONNX Runtime: beside FP32 and ONNX Runtime's own quantizer, in one run.

    python tests/benchmarks/bench_lowering.py [--quick] [--rounds N] [--seconds S]

The other quantizer is onnxruntime.quantization.quantize_static: Q/DQ, u8 activations, s8 weights per channel, MinMax,
on the same graph and the same calibration samples. "S1 (table)" is our plan in the other spelling that leaves no float
op, LeakyRelu(0) between two Q/DQ pairs instead of Clip on codes. All sessions have the options of the ort_cpu plugin
and take turns in one process. Coverage is the share of multiply-accumulates in integer kernels, SQNR is on the compared
outputs of the evaluation samples against FP32; both stand beside the speed because neither is worth anything alone.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx

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
from helpers.real_models import REAL_MODELS
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
from workbench.quant.plan import load_plan
from workbench.quant.qdq import write_qdq
from workbench.spi import OpenOptions, Prepared

FP32, OURS, TABLE, THEIRS = "FP32", "S1 (ours)", "S1 (table)", "quantize_static"
FEEDS = 16


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


def table_model(studied: StudyFolder, folder: Path) -> Path:
    """Write our plan with LeakyRelu(0), which ONNX Runtime computes by table look-up, where ours clips codes."""
    path = folder / "table.onnx"
    canonical = onnx.load(studied.canonical)
    plan = load_plan(studied.folder / "plans" / CANDIDATE / "plan.json")
    dialect = replace(dialect_for("x64"), activation_function="leaky_relu")
    save_proto(write_qdq(canonical, plan, dialect), path)
    save_nodes(nodes_of(graph_summary(canonical), plan), path)
    return path


def coverage(studied: StudyFolder, artifact: Path, folder: Path) -> tuple[float, int]:
    """Return the INT8 share of MACs and the number of float ops between INT8 ones, as the plugin reads them."""
    graph = graph_summary(onnx.load(studied.canonical))
    runtime = load_runtime(find_plugin(LABEL).ref)
    folder.mkdir()
    with runtime.open(Prepared(artifact), OpenOptions("int8", 1, 1, folder)) as session:
        session.run(next(iter(open_bundle(studied.bundle("evaluation")).batches(1))))
        placement = placement_records([asdict(row) for row in session.placement()], graph, ())
    return int8_mac_share(placement, graph) or 0.0, len(float_leftovers(placement, graph))


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


def rows_of(studied: StudyFolder, folder: Path, rounds: int, seconds: float) -> list[list[str]]:
    """Return one row per variant of a model."""
    folder.mkdir()
    paths = {FP32: studied.canonical, OURS: studied.artifact("int8")}
    paths |= {TABLE: table_model(studied, folder), THEIRS: their_model(studied, folder)}
    sessions = {name: bare_session(path) for name, path in paths.items()}
    feeds = list(islice(open_bundle(studied.bundle("evaluation")).batches(1), FEEDS))
    rates = race(sessions, feeds, rounds, seconds)
    exact = answers(studied, sessions[FP32])
    return [_row(studied, name, rates, path, sessions[name], exact, folder) for name, path in paths.items()]


def _row(studied: StudyFolder, name: str, rates: Any, path: Path, session: Any, exact: Any, folder: Path) -> list[str]:
    windows = {key: tuple((rate,) for rate in values) for key, values in rates.items()}
    is_float = name == FP32
    share, floats = (0.0, 0) if is_float else coverage(studied, path, folder / name.replace(" ", "_"))
    return [
        f"{studied.real.name} {name}",
        f"{float(np.median(rates[name])):.1f}",
        "" if is_float else ratio_text(ratio_interval(windows[name], windows[FP32]), 2),
        ratio_text(ratio_interval(windows[name], windows[THEIRS]), 2) if name in (OURS, TABLE) else "",
        "" if is_float else f"{share:.1%}",
        "" if is_float else str(floats),
        "" if is_float else f"{sqnr_db(studied, session, exact):.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds and few samples: only to see it work")
    parser.add_argument("--rounds", type=int, default=9, help="blocks per session and model")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one block")
    options = parser.parse_args()
    rounds, seconds = (2, 0.1) if options.quick else (options.rounds, options.seconds)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        for real in REAL_MODELS:
            say(f"{real.name} ...")
            n = 8 if options.quick else min(64, real.n_evaluation)
            studied = study_folder(real, Path(name) / real.name, n)
            rows += rows_of(studied, Path(name) / f"{real.name} sessions", rounds, seconds)
    headers = ["model", "runs /s", "x FP32", "x quantize_static", "INT8 MACs", "float between INT8", "SQNR dB"]
    print_table("ONNX Runtime, one sample per run, one thread", headers, rows)
    print_conditions(rounds=rounds, seconds_per_block=seconds, threads=1, turns="interleaved, order rotates")


if __name__ == "__main__":
    main()
