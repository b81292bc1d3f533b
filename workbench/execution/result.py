"""`result.json`: what a study found. Shares are fractions 0..1, intervals [low, high] at 95 %.

A metric that does not apply is null and `reasons` says why. This module is the format: pydantic models refuse
unknown keys and publish the JSON Schema.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from workbench.execution.run_records import (
    Accuracy,
    AnswersChanged,
    DeviationRecord,
    Divergence,
    Estimate,
    FloatLeftover,
    Interval,
    Latency,
    MismatchRecord,
    Parity,
    PlacementRecord,
    PositionErrors,
    Precision,
    Problem,
    Record,
    Run,
    Speedup,
    Status,
    TensorDivergence,
    Throughput,
    Verdict,
)

__all__ = [
    "RESULT_VERSION",
    "Accuracy",
    "AnswersChanged",
    "CandidateFacts",
    "DataFacts",
    "DeviationRecord",
    "Disagreement",
    "Divergence",
    "Estimate",
    "Exchange",
    "FloatLeftover",
    "GateVerdict",
    "Interval",
    "Latency",
    "Machine",
    "MismatchRecord",
    "ModelFacts",
    "NativeFacts",
    "Parity",
    "PlacementRecord",
    "PositionErrors",
    "Precision",
    "Problem",
    "Record",
    "Representation",
    "Result",
    "Run",
    "Speedup",
    "Status",
    "TensorDivergence",
    "Throughput",
    "Verdict",
]

RESULT_VERSION = 2


class GateVerdict(Record):
    """One gate judged on one run, on the interval.

    Attributes:
        needs_n: number of samples CANNOT TELL would need, as far as it can be estimated.
    """

    gate: str
    label: str
    candidate: str
    verdict: Verdict
    limit: float
    value: float | None
    interval: Interval | None
    text: str
    needs_n: int | None = None


class Machine(Record):
    """Facts of one machine, without host name and paths; keys are declared in measure.machine."""

    id: str
    facts: dict[str, str]


class DataFacts(Record):
    """One set of samples: name, count, hashes, selection, what could not be decoded.

    Attributes:
        n: samples; sequences where `frames`, their length, is given.
    """

    name: str
    kind: str
    n: int
    sha256: str
    selection: str
    labelled: bool
    undecodable: list[str] = Field(default_factory=list)
    frames: int | None = None


class Representation(Record):
    """How well calibration represents evaluation: share of evaluation values beyond the clip."""

    share_beyond_clip: float
    worst_tensors: list[dict[str, Any]] = Field(default_factory=list)
    n: int


class NativeFacts(Record):
    """The native tool-chain that quantized a candidate by its own recipe.

    Attributes:
        title: what its rows are called; options: all, defaults filled in; versions: of its packages.
        format, artifact_sha256, artifact_bytes: of what it wrote; null where it made nothing.
        quantize_s: wall time of its own work, calibration included.
        facts: what it chose, read back from the artifact: weights, activations, what it left in float, and others.
        notes: what it said about its work.
    """

    id: str
    title: str
    options: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    format: str | None = None
    artifact_sha256: str | None = None
    artifact_bytes: int | None = None
    quantize_s: float | None = None
    facts: dict[str, str] = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)


class CandidateFacts(Record):
    """One candidate: model and scheme, or model and native tool-chain (then `scheme` names only that)."""

    name: str
    model_sha256: str
    scheme: dict[str, Any]
    scheme_title: str
    plan_sha256: str | None = None
    calibration: dict[str, Any] | None = None
    quantized_tensors: int = 0
    quantized_weights: int = 0
    float_nodes: dict[str, str] = Field(default_factory=dict)
    transforms: list[dict[str, Any]] = Field(default_factory=list)
    representation: Representation | None = None
    native: NativeFacts | None = None


class ModelFacts(Record):
    """Identity of the model under test.

    Attributes:
        state: of a recurrent model, input -> output fed back into it from frame to frame.
    """

    name: str
    sha256: str
    family: str
    format: str
    opset: int
    parameters: int
    macs: int
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    compared_outputs: list[str]
    state: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)


class Disagreement(Record):
    """Runtime against runtime on the same candidate and precision."""

    candidate: str
    precision: Precision
    label_a: str
    label_b: str
    n: int
    answers_differ: int | None
    nmse: float | None
    sqnr_db: float | None
    samples: list[dict[str, Any]] = Field(default_factory=list)


class Exchange(Record):
    """What a native tool-chain alone changes on one row: its INT8 run against one of a plan, same model and samples.

    Attributes:
        instead_of: the candidate with a plan; candidate: the native one.
        accuracy_change_points: of the native candidate against the other, paired; null without labels.
        sqnr_db, nmse: of the native run's headline output with the other run as reference.
    """

    label: str
    instead_of: str
    candidate: str
    n: int
    answers_differ: int | None = None
    accuracy_change_points: Estimate | None = None
    sqnr_db: float | None = None
    nmse: float | None = None


class Result(Record):
    """The whole file."""

    schema_version: int = RESULT_VERSION
    program_version: str
    study_name: str
    study_sha256: str
    created_utc: str
    profile: str
    model: ModelFacts
    candidates: list[CandidateFacts]
    task: dict[str, Any]
    preprocess: dict[str, Any]
    data: dict[str, DataFacts]
    overlap: int | None
    resolution_points: float | None = None
    machines: list[Machine]
    runs: list[Run]
    disagreements: list[Disagreement] = Field(default_factory=list)
    exchanges: list[Exchange] = Field(default_factory=list)
    gates: dict[str, float] = Field(default_factory=dict)
    verdicts: list[GateVerdict] = Field(default_factory=list)
    findings: list[str] = Field(default_factory=list)
