"""`baseline.json`: how a study differs from an earlier one, run by run; written by `run --baseline`.

Intervals are [low, high] at 95 %. "Then" is the baseline, "now" the study in whose folder the file lies. A figure that
cannot be told is null and `reasons` says why. This module is the format: pydantic models refuse unknown keys and
publish the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from workbench.errors import FileFormatError
from workbench.execution.problems import first_problem
from workbench.execution.result import AnswersChanged, Estimate, Precision, Record, Status
from workbench.files import Migration, read_versioned_json

BASELINE_FILE = "baseline.json"
BASELINE_VERSION = 1
MIGRATIONS: Mapping[int, Migration] = {}
"""Version found -> function giving the document one version later."""


class EarlierStudy(Record):
    """The baseline: its folder's name, and when and by which version of this program it was made."""

    name: str
    study_sha256: str
    created_utc: str
    program_version: str


class NodeMove(Record):
    """One node that runs elsewhere or in another precision; "" where it is not in what the runtime built."""

    node: str
    op_type: str
    then: str
    now: str


class ScaleMove(Record):
    """One tensor whose scale changed; real values of one step."""

    tensor: str
    then: float
    now: float


class PlanMove(Record):
    """What differs between the two plans of one candidate.

    Attributes:
        tensors, weights: quantized in both, and how many of them have other numbers.
        scales: the ten that changed by the largest factor, first.
        now_float, now_quantized: nodes that lost or gained INT8.
    """

    candidate: str
    tensors: int
    tensors_changed: int
    weights: int
    weights_changed: int
    scales: list[ScaleMove] = Field(default_factory=list)
    now_float: list[str] = Field(default_factory=list)
    now_quantized: list[str] = Field(default_factory=list)


class ComparedRun(Record):
    """One run of the study against the baseline's run of the same row.

    Attributes:
        then_label, then_candidate, then_status: of the baseline's run; null where there is none.
        differs: what is another than then, in words, such as "onnxruntime 1.30.0 -> 1.31.1".
        identical: all compared outputs are equal bit for bit; null where that is not known.
        n: samples (frames of a recurrent model).
        answers_changed, accuracy_change_points: paired over samples, then to now, today's labels for both.
        sqnr_change_db: of the headline output, negative where the error against today's float32 reference grew.
        nmse: distance of the headline output from then's, sum (then - now)^2 / sum then^2.
        speed_ratio: sustained rate now over then, same machine, threads and batch; n: steady windows of the side with
            fewer. The two were timed at different times, so that a drift of the machine is in it.
        samples: whose answers changed, in their order, at most 100; without answers the ten that moved most.
        nodes: where placement moved, at most 50; nodes_moved: how many did.
    """

    runtime: str
    label: str
    candidate: str
    precision: Precision
    status: Status
    then_label: str | None = None
    then_candidate: str | None = None
    then_status: Status | None = None
    differs: list[str] = Field(default_factory=list)
    identical: bool | None = None
    n: int = 0
    answers_changed: AnswersChanged | None = None
    accuracy_change_points: Estimate | None = None
    sqnr_change_db: Estimate | None = None
    nmse: float | None = None
    speed_ratio: Estimate | None = None
    samples: list[dict[str, Any]] = Field(default_factory=list)
    nodes: list[NodeMove] = Field(default_factory=list)
    nodes_moved: int = 0
    reasons: dict[str, str] = Field(default_factory=dict)


class BaselineComparison(Record):
    """The whole file.

    Attributes:
        gone: runs of the baseline, as "label candidate precision", that no run of the study stands against.
    """

    schema_version: int = BASELINE_VERSION
    baseline: EarlierStudy
    differs: list[str] = Field(default_factory=list)
    runs: list[ComparedRun] = Field(default_factory=list)
    plans: list[PlanMove] = Field(default_factory=list)
    gone: list[str] = Field(default_factory=list)


def load_comparison(path: Path) -> BaselineComparison:
    """Read `baseline.json`. Raises FileFormatError when it is damaged, foreign or newer."""
    document = read_versioned_json(path, "baseline", BASELINE_VERSION, MIGRATIONS)
    try:
        return BaselineComparison.model_validate(document)
    except ValidationError as error:
        raise FileFormatError(f"{path.name} is damaged", why=first_problem(error, BaselineComparison)) from error
