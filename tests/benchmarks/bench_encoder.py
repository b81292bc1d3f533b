"""What S1 is worth on encoders: beside FP32 and ONNX Runtime's own static and dynamic quantization, in one run.

    python tests/benchmarks/bench_encoder.py [--quick] [--rounds N] [--seconds S] [--layers N]

Nets are built in code with seeded weights (`helpers.encoders`, `helpers.big_models`): their answers mean nothing, so
that SQNR on the logits of fresh samples against FP32 stands for accuracy. "wide" nets have planted channels of 50
times the others' range, in front of which SmoothQuant's migration has a place; the others have none where a residual
Add reads the normalization too. All quantizers get the same canonical graph and the same calibration samples:

- S1: the plan that a study makes, lowered as the ort_cpu plugin does; "smoothed" with smoothing = 0.5.
- static: quantize_static, Q/DQ, u8 activations, s8 weights per channel, MinMax; "MatMul" restricts it to those ops.
- dynamic: quantize_dynamic, s8 weights per channel; activation ranges are found anew in every run.

"INT8" is the share of multiply-accumulates of all matrix products, attention's own included, in integer kernels of the
graph that ONNX Runtime built. Sessions have the options of the plugin, one thread, one sample per run, and take turns.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import LABEL, bare_rate, bare_session, print_conditions, print_table, ratio_text, say
from helpers.big_models import bert_base_size, token_feeds
from helpers.encoders import Shape, encoder, token_arrays
from helpers.rule_nets import planned
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from workbench_plugins.ort_cpu.canonical_nodes import nodes_of, save_nodes
from workbench_plugins.ort_cpu.lowering import dialect_for

from workbench.execution.coverage import int8_mac_share, placement_records
from workbench.execution.discovery import find_plugin, load_runtime
from workbench.measure.divergence import divergence
from workbench.measure.latency import ratio_interval
from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.model.summary import graph_summary
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions, Prepared

FP32 = "FP32"
PRODUCTS = ["MatMul", "Gemm"]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Net:
    """One encoder and its samples; `make` builds it anew, since the large one should not stay in memory."""

    name: str
    make: Callable[[], onnx.ModelProto]
    calibration: Arrays
    evaluation: Arrays


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Calibration samples, one by one."""

    def __init__(self, arrays: Arrays) -> None:
        self._feeds = rows_of(arrays)

    def get_next(self) -> Arrays | None:
        """Return the next sample, or None at the end."""
        return next(self._feeds, None)


def rows_of(arrays: Arrays) -> Iterator[Arrays]:
    for row in range(len(next(iter(arrays.values())))):
        yield {name: values[row : row + 1] for name, values in arrays.items()}


def nets(quick: bool, layers: int) -> list[Net]:
    n, size = (8, 8) if quick else (64, 64)
    shape = Shape(2, 64, 4, 16, 500) if quick else Shape(6, 256, 8, 64, 2000)
    small = {
        "encoder": shape,
        "encoder, norm written out": Shape(**{**asdict(shape), "decomposed": True}),
        "encoder, wide": Shape(**{**asdict(shape), "pre_norm": True, "outliers": 4}),
    }
    found = [
        Net(name, partial(encoder, each), token_arrays(each, n), token_arrays(each, size, seed=1))
        for name, each in small.items()
    ]
    tokens = [{"input_ids": token_feeds(count, seed)} for count, seed in ((n // 4, 0), (size // 4, 1))]
    return [*found, Net(f"BERT-base size, {layers} layers", partial(bert_base_size, 0, "N", layers), *tokens)]


def variants(net: Net, folder: Path) -> dict[str, Path]:
    """Write every quantized form of a net; returns name -> file, FP32 first."""
    canonical, ours = canonical_graph(net.make())[0], {}
    paths = {FP32: folder / "fp32.onnx"}
    save_proto(canonical, paths[FP32])
    for name, smoothing in (("S1", 0.0), ("S1, smoothed", 0.5)):
        _, plan = planned(canonical, Scheme(smoothing=smoothing), net.calibration)
        if smoothing == 0.0 or plan.float_values:
            ours[name] = plan
            paths[name] = folder / f"s1_{smoothing}.onnx"
            save_proto(write_qdq(canonical, plan, dialect_for("x64")), paths[name])
    static: dict[str, Any] = {
        "quant_format": QuantFormat.QDQ, "activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8,
    }  # fmt: skip
    for name, ops in (("static", None), ("static, MatMul", PRODUCTS)):
        paths[name] = folder / f"{name}.onnx"
        quantize_static(
            paths[FP32], paths[name], Reader(net.calibration), op_types_to_quantize=ops, per_channel=True, **static
        )
    paths["dynamic"] = folder / "dynamic.onnx"
    quantize_dynamic(paths[FP32], paths["dynamic"], per_channel=True, weight_type=QuantType.QInt8)
    graph = graph_summary(canonical)
    for name, path in paths.items():
        save_nodes(nodes_of(graph, ours.get(name)), path)
    return paths


def int8_share(canonical: Path, artifact: Path, feeds: Arrays, folder: Path) -> float:
    """Open an artifact as the plugin does and return the share of MACs that it built as integer kernels."""
    graph = graph_summary(onnx.load(str(canonical)))
    runtime = load_runtime(find_plugin(LABEL).ref)
    folder.mkdir()
    with runtime.open(Prepared(artifact), OpenOptions("int8", 1, 1, folder)) as session:
        session.run(feeds)
        rows = session.placement()
    return int8_mac_share(placement_records([asdict(row) for row in rows], graph, ()), graph) or 0.0


def answers(session: Any, arrays: Arrays) -> npt.NDArray[np.float32]:
    return np.concatenate([session.run(["logits"], feeds)[0] for feeds in rows_of(arrays)])


def race(sessions: Mapping[str, Any], feeds: list[Arrays], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Time all sessions in turn; the order rotates from round to round."""
    names = list(sessions)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for session in sessions.values():
        bare_rate(session, feeds, seconds)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            rates[name].append(bare_rate(sessions[name], feeds, seconds))
    return rates


def rows(net: Net, folder: Path, rounds: int, seconds: float) -> list[list[str]]:
    """Measure every variant of a net and return its rows."""
    folder.mkdir()
    paths = variants(net, folder)
    sessions = {name: bare_session(path) for name, path in paths.items()}
    feeds = list(rows_of(net.evaluation))[:16]
    rates = race(sessions, feeds, rounds, seconds)
    exact = answers(sessions[FP32], net.evaluation)
    windows = {key: tuple((rate,) for rate in values) for key, values in rates.items()}
    found = []
    for name, path in paths.items():
        row = [f"{net.name}: {name}", f"{float(np.median(rates[name])):.1f}"]
        if name == FP32:
            found.append([*row, "", "", "", "", "", f"{path.stat().st_size / 2**20:.1f}"])
            continue
        share = int8_share(paths[FP32], path, feeds[0], folder / name)
        ratios = [
            "" if name == other else ratio_text(ratio_interval(windows[name], windows[other]), 2)
            for other in (FP32, "static", "dynamic")
        ]
        sqnr = divergence(exact, answers(sessions[name], net.evaluation)).sqnr_db
        figures = [f"{share:.1%}", f"{sqnr:.1f}" if sqnr is not None else "equal", f"{path.stat().st_size / 2**20:.1f}"]
        found.append([*row, *ratios, *figures])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small nets, two short rounds: only to see it work")
    parser.add_argument("--rounds", type=int, default=9, help="blocks per session and net")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one block")
    parser.add_argument("--layers", type=int, default=12, help="of the BERT-base-size net")
    options = parser.parse_args()
    rounds, seconds, layers = (2, 0.1, 1) if options.quick else (options.rounds, options.seconds, options.layers)
    logging.disable(logging.WARNING)  # the quantizers ask for a pre-processing that the canonical graph has had
    warnings.simplefilter("ignore")
    table: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        for number, net in enumerate(nets(options.quick, layers)):
            say(f"{net.name} ...")
            table += rows(net, Path(name) / str(number), rounds, seconds)
    headers = ["net", "runs /s", "x FP32", "x static", "x dynamic", "INT8", "SQNR dB", "MiB"]
    print_table("Encoders on ONNX Runtime, one sample per run, one thread", headers, table)
    print_conditions(rounds=rounds, seconds_per_block=seconds, threads=1, turns="interleaved, order rotates")


if __name__ == "__main__":
    main()
