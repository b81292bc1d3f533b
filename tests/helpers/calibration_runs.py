"""One calibration, or plain inference, as a process of its own: what it cost, as one JSON line on standard output.

    python tests/helpers/calibration_runs.py WHAT FOLDER N

WHAT is "plain", "ours mse", "ours percentile", "ours entropy", "ours minmax", or "MinMax", "Percentile", "Entropy" of
onnxruntime.quantization. FOLDER holds model.onnx, samples.bin (one after another) and samples.json. Nothing is
imported that the work itself does not need, since imports are part of what it costs.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

MODEL, DATA, ABOUT = "model.onnx", "samples.bin", "samples.json"


class FileSamples:
    """The first n samples of a file, read one by one: a mapped file would count as memory."""

    sha256 = "0" * 64
    feedback = None

    def __init__(self, folder: Path, n: int) -> None:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.name, self.shape, self.dtype = about["input"], about["shape"], np.dtype(about["dtype"])
        self.n, self._path = n, folder / DATA

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Yield one sample at a time, [1, ...], whatever the batch."""
        size = int(np.prod(self.shape))
        with self._path.open("rb") as file:
            file.seek(start * size * self.dtype.itemsize)
            for _ in range(start, self.n):
                yield {self.name: np.fromfile(file, self.dtype, size).reshape(1, *self.shape)}


def options(optimized: bool) -> Any:
    """Session options of every side: one thread that does not spin."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimized:
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return settings


def plain(folder: Path, samples: FileSamples) -> dict[str, Any]:
    """Run the model over the samples and throw the answers away."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(folder / MODEL), options(optimized=True), providers=["CPUExecutionProvider"]
    )
    for feeds in samples.batches(1):
        session.run(None, feeds)
    return {}


def ours(folder: Path, samples: FileSamples, method: Any) -> dict[str, Any]:
    """Calibrate as a study does: from the canonical graph to a range for every tensor."""
    import onnx

    from workbench.model.summary import graph_summary
    from workbench.quant.build import calibrated_tensors, constant_vetoes
    from workbench.quant.calibrate import Watch, observe
    from workbench.quant.scheme import Scheme
    from workbench.quant.thresholds import clip_range
    from workbench.reference import give_large_blocks_back

    give_large_blocks_back()
    canonical = onnx.load(folder / MODEL)
    graph, scheme = graph_summary(canonical), Scheme(method=method)
    vetoes = constant_vetoes(graph, {value.name: value for value in canonical.graph.initializer})
    names = calibrated_tensors(graph, scheme, vetoes, canonical)
    histograms = observe(canonical, names, samples, Watch(lambda *_: None, lambda: None))
    start = time.process_time()
    for histogram in histograms.values():
        clip_range(histogram, scheme)
    return {
        "tensors": len(names),
        "values": sum(histogram.n for histogram in histograms.values()) // samples.n,
        "search_s": time.process_time() - start,
    }


def theirs(folder: Path, samples: FileSamples, method: str) -> dict[str, Any]:
    """Calibrate as quantize_static does, with its default operators and options, but on one thread."""
    import onnxruntime
    from onnxruntime.quantization.calibrate import CalibraterBase, CalibrationMethod, create_calibrator
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    def one_thread(calibrator: Any) -> None:
        calibrator.infer_session = onnxruntime.InferenceSession(
            calibrator.augmented_model_path,
            sess_options=options(optimized=False),
            providers=calibrator.execution_providers,
        )

    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as place,
        patch.object(CalibraterBase, "create_inference_session", one_thread),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        calibrator = create_calibrator(
            folder / MODEL,
            list({*QLinearOpsRegistry, *QDQRegistry}),
            augmented_model_path=str(Path(place) / "augmented.onnx"),
            calibrate_method=getattr(CalibrationMethod, method),
        )
        feeds = samples.batches(1)
        calibrator.collect_data(_Reader(feeds))
        return {"tensors": len(list(calibrator.compute_data().keys()))}


class _Reader:
    def __init__(self, feeds: Iterator[dict[str, Any]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._feeds


def peak_bytes() -> int:
    """Return the largest resident size of this program; ru_maxrss would count the one that started it too."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not tell a program's largest resident size")


def main() -> None:
    """Do it and print what it cost since the program's start."""
    what, folder, n = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    start = time.perf_counter() - time.process_time()
    samples = FileSamples(folder, n)
    kind, _, method = what.partition(" ")
    said, sys.stdout = sys.stdout, sys.stderr  # the other side prints
    if kind == "plain":
        about = plain(folder, samples)
    else:
        about = ours(folder, samples, method) if kind == "ours" else theirs(folder, samples, what)
    cost = {
        "cpu_s": time.process_time(),
        "wall_s": time.perf_counter() - start,
        "peak_bytes": peak_bytes(),
    }
    said.write(json.dumps(cost | about) + "\n")


if __name__ == "__main__":
    main()
