"""What the benchmark scripts share: studies of real models without timing, bare sessions, tables, conditions."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import onnxruntime
from helpers.real_models import RealModel, run_document

from workbench.execution.bundle import bundle_json, tensor_spec_from_json
from workbench.execution.result import Result
from workbench.execution.study import Study, study_from_document
from workbench.measure.machine import machine_facts

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LABEL, CANDIDATE = "ort_cpu", "S1"
TRANSIENT_SHARE = 0.1
"""Share of a timed block that is run but not counted, as the program's own summary does."""


@dataclass(frozen=True)
class StudyFolder:
    """A finished study on ONNX Runtime, fp32 and int8, without the speed part."""

    real: RealModel
    study: Study
    folder: Path
    result: Result

    def record(self, *place: str) -> dict[str, Any]:
        """What one stage recorded; `place` are its folders, a last "*" stands for the only one."""
        (path,) = self.folder.glob("/".join((*place, "stage.json")))
        return dict(json.loads(path.read_text(encoding="utf-8"))["value"])

    def artifact(self, precision: str) -> Path:
        """The file the plugin wrote."""
        place = ("artifacts", LABEL, CANDIDATE, precision)
        return self.folder.joinpath(*place, self.record(*place)["artifact"]).resolve()

    @property
    def canonical(self) -> Path:
        """The graph the plan speaks of."""
        (path,) = self.folder.glob("models/*/canonical.onnx")
        return path

    def bundle(self, part: str) -> dict[str, Any]:
        """The samples as workers get them."""
        spec = self.study.data_spec(part)  # type: ignore[arg-type]
        assert spec is not None
        inputs = [tensor_spec_from_json(value) for value in self.record("models", "*")["inputs"]]
        return bundle_json(spec, self.folder / "data" / part / "index.json", self.study.preprocess, inputs)

    def cell_arguments(self, precision: str) -> dict[str, Any]:
        """Arguments of a cell job with timed blocks, as the engine gives them."""
        built = self.record("artifacts", LABEL, CANDIDATE, precision)
        return {
            **self.bundle("evaluation"),
            "artifact": str(self.artifact(precision)),
            "deviations": built["deviations"],
            "notes": built["notes"],
            "precision": precision,
            "threads": 1,
            "batch": 1,
            "settings": {},
            "outputs": self.record("models", "*")["compared_specs"],
            "speed": True,
        }


def study_folder(real: RealModel, folder: Path, n_evaluation: int) -> StudyFolder:
    """Run the study of a real model on ONNX Runtime."""
    document = real.document(DATA, runtimes=[LABEL], n_evaluation=n_evaluation)
    result = run_document(document, folder)
    failed = [(run.label, run.precision, run.problem) for run in result.runs if run.status != "ok"]
    if failed:
        raise SystemExit(f"{real.name}: {failed}")
    return StudyFolder(real, study_from_document(document, folder.parent, "study.toml"), folder, result)


def bare_session(model: Path) -> Any:
    """An InferenceSession with the very options of the ort_cpu plugin, on one thread, written out here."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "0")
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    options.log_severity_level = 3
    providers, disabled = ["CPUExecutionProvider"], ["WeightBiasQuantization"]
    return onnxruntime.InferenceSession(str(model), options, providers=providers, disabled_optimizers=disabled)


def bare_rate(session: Any, feeds: Sequence[Mapping[str, Any]], seconds: float) -> float:
    """Runs per second of a plain loop; the first tenth of the block is not counted."""
    names = [value.name for value in session.get_outputs()]
    _loop(session, names, feeds, seconds * TRANSIENT_SHARE)
    return _loop(session, names, feeds, seconds * (1 - TRANSIENT_SHARE))


def _loop(session: Any, names: list[str], feeds: Sequence[Mapping[str, Any]], seconds: float) -> float:
    runs, start = 0, perf_counter()
    now, deadline = start, start + seconds
    while now < deadline:
        session.run(names, feeds[runs % len(feeds)])
        runs += 1
        now = perf_counter()
    return runs / (now - start)


def say(text: str) -> None:
    """Write one line to standard output at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table with aligned columns; the first is text, the others figures."""
    widths = [max(len(row[column]) for row in [headers, *rows]) for column in range(len(headers))]
    say(f"\n{title}")
    for row in [headers, ["-" * width for width in widths], *rows]:
        cells = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())


def print_conditions(**settings: Any) -> None:
    """Print machine facts, versions, load and the settings of this run."""
    say("\nConditions")
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "not known"
    facts = {**machine_facts(), "onnxruntime": onnxruntime.__version__, "load average (1 min)": load, **settings}
    for key, value in facts.items():
        say(f"  {key}: {value}")


def ratio_text(ratio: tuple[float, float | None, float | None], digits: int = 3) -> str:
    """Return "value [low, high]"."""
    value, low, high = ratio
    return (
        f"{value:.{digits}f}"
        if low is None or high is None
        else f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    )
