"""Do other converters give the same Core ML programs as ours? In float32, through the reference evaluator.

    python tests/benchmarks/bench_coreml_cross_check.py [--only NAME ...]

Six models of the data folder beside the project and the light topologies of the `onnx` package (seeded weights), one
random sample each. Every converter's saved package is read by our reader and run by our evaluator; SQNR in dB is that
of the worst output, against our package and against ONNX Runtime ("inf": bit for bit). A model that a converter does
not take stands there with the converter's own words. The others run coremltools' default passes, one of which makes
a Mul and an Add a batch_norm that divides by sqrt(1 + 1e-5): where a net has such pairs, they are off, and ours is not.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import onnx
from helpers.benchmarks import DATA, print_conditions, print_table, say
from helpers.coreml_peers import INSTALL, Agreement, cross_check, installed_peers, static
from helpers.light_models import LIGHT_MODELS, light_model
from helpers.rule_nets import example_feeds

MODELS = tuple(sorted(path.stem for path in (DATA / "models").glob("*.onnx")))
HEADERS = ["model", "converter", "ops", "SQNR dB to ours", "SQNR dB to ONNX Runtime", "CPU s of all"]
_WORDS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [*MODELS, *LIGHT_MODELS]
    parser.add_argument("--only", nargs="+", choices=every, default=every, metavar="NAME")
    names = parser.parse_args().only
    peers = installed_peers()
    if not peers:
        raise SystemExit(f"needs another converter: {INSTALL}")
    rows: list[list[str]] = []
    for name in names:
        say(f"{name} ...")
        rows += lines(name)
    print_table("Core ML in float32: other converters against ours, iOS17, reference evaluator", HEADERS, rows)
    print_conditions(**{name: importlib.metadata.version(name) for name in ("coremltools", *peers)})


def lines(name: str) -> Iterator[list[str]]:
    model = static(light_model(name) if name in LIGHT_MODELS else onnx.load(DATA / "models" / f"{name}.onnx"))
    began = process_time()
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
        ours, found = cross_check(model, example_feeds(model, 1, seed=1), Path(folder), installed_peers())
    yield line(name, "ours", ours, f"{process_time() - began:.1f}")
    for peer, agreement in found.items():
        yield line(name, peer, agreement, "")


def line(name: str, converter: str, found: Agreement, seconds: str) -> list[str]:
    if found.refused:
        return [name, converter, "", found.refused[:_WORDS], "", seconds]
    return [name, converter, str(found.ops), f"{found.to_ours_db:.1f}", f"{found.to_onnxruntime_db:.1f}", seconds]


if __name__ == "__main__":
    main()
