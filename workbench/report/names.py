"""How runs, models and samples are called on the sheet."""

from __future__ import annotations

from workbench.execution.result import Result, Run
from workbench.report.numbers import number, shorten

EVIDENCE_WORDS = ("simulated", "reference", "recorded", "emulated", "estimated", "reference evaluator")
PRECISION_TITLES = {
    "fp32": "FP32",
    "fp16": "FP16",
    "int8": "INT8",
    "simulated": "INT8 simulated",
    "reference": "FP32 reference",
}
SIMULATED_INT8, EVALUATED = "simulated INT8 (float kernels)", "reference evaluator"
LONG_NAME = 64


def word_of(run: Run) -> str:
    """Return "" for a measured run, else the word that goes with each of its figures.

    A plugin says so in `facts["evidence"]`: simulated, recorded, emulated, estimated, reference evaluator.
    """
    if run.precision in ("simulated", "reference"):
        return run.precision
    evidence = run.facts.get("evidence", "")
    return evidence if evidence in EVIDENCE_WORDS else ""


def precision_title(precision: str, word: str) -> str:
    """Return a precision on screen; an INT8 run in float kernels is called a simulation."""
    return SIMULATED_INT8 if (precision, word) == ("int8", "simulated") else PRECISION_TITLES[precision]


def run_title(run: Run) -> str:
    """Return label and version of the runtime, such as "ONNX Runtime 1.31.1"."""
    version = run.versions.get(run.runtime) or run.versions.get("runtime") or _own_version(run)
    return run.label if not version or version in run.label else f"{run.label} {version}"


def _own_version(run: Run) -> str:
    wanted = run.runtime.split("_")[0]
    aliases = {"ort": ("onnxruntime", "onnxruntime-gpu"), "coreml": ("coremltools",)}.get(wanted, (wanted,))
    return next((run.versions[name] for name in aliases if name in run.versions), "")


def row_name(label: str, candidate: str, several: bool) -> str:
    """Return the label of a row, with the candidate where there are several; long names lose their middle."""
    name = f"{label} \N{MIDDLE DOT} {candidate}" if several else label
    return shorten(name, LONG_NAME)


def several_candidates(result: Result) -> bool:
    """Return whether runs of more than one candidate are compared."""
    return len({run.candidate for run in result.runs if run.runtime != "reference"}) > 1


def sample_word(result: Result) -> str:
    """Return what a sample is called: "images", "sequences" or "samples"."""
    evaluation = result.data.get("evaluation")
    if evaluation is not None and evaluation.frames:
        return "sequences"
    return "images" if evaluation is not None and evaluation.kind == "images" else "samples"


def difference_words(differ: int, n: int) -> str:
    """Return what two rows do with the same `n` samples: "disagree on 31 of 2,000." or "agree on all 2,000."."""
    if differ:
        return f"disagree on {number(differ)} of {number(n)}."
    return f"agree on all {number(n)}."


def graph_names(result: Result) -> set[str]:
    """Return the names of nodes and tensors that a result speaks of; they may look like paths."""
    found = {entry.node for run in result.runs for entry in run.placement}
    found |= {entry.node for run in result.runs for entry in run.float_leftovers}
    found |= {entry.node for run in result.runs for entry in run.deviations if entry.node}
    found |= {entry.output for run in result.runs for entry in run.outputs}
    found |= {entry.name for run in result.runs if run.parity for entry in run.parity.mismatches}
    found |= {name for candidate in result.candidates for name in candidate.float_nodes}
    found |= set(result.model.compared_outputs)
    for candidate in result.candidates:
        worst = candidate.representation.worst_tensors if candidate.representation else []
        found |= {str(entry.get("name", entry.get("tensor", ""))) for entry in worst}
    return found - {""}
