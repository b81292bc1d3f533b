"""`tune.json`: which nodes to leave in float, and what each such plan gives, simulated.

Shares are fractions 0..1, intervals [low, high] at 95 %. This module is the format: pydantic models refuse unknown keys
and publish the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from workbench.errors import FileFormatError
from workbench.execution.problems import first_problem
from workbench.execution.result import Accuracy, Estimate, Interval, Record
from workbench.files import Migration, read_versioned_json

TUNE_VERSION = 1
MIGRATIONS: Mapping[int, Migration] = {}
"""Version found -> function giving the document one version later."""

TargetKey = Literal["sqnr_db", "agreement", "max_drop_points"]


class TunedModel(Record):
    """The model as the user gave it."""

    name: str
    sha256: str


class CalibrationSet(Record):
    """The samples that ranges, corrections and the search come from."""

    n: int
    sha256: str


class EvaluationSet(Record):
    """The samples that every point is judged on."""

    n: int
    sha256: str
    labelled: bool


class FigureWithInterval(Record):
    """A figure; null where nothing differs (an infinite SQNR). No interval where there are too few samples."""

    value: float | None
    interval: Interval | None = None


class Sensitivity(Record):
    """What a node gives when it alone is left in float, on calibration samples, in plans without bias correction.

    Attributes:
        mac_share: its share of the model's multiply-accumulates, null for a model without any.
        sqnr_db: of that plan; gain_db: above `sensitivity_all_int8_db`; both null where no error is left.
    """

    node: str
    op_type: str
    mac_share: float | None
    sqnr_db: float | None
    gain_db: float | None


class Point(Record):
    """One plan on the way from all INT8 to fewer INT8 layers, on the evaluation set.

    Attributes:
        float_nodes: left in float beside what the study's own scheme excludes, in the graph's order.
        int8_mac_share: share of multiply-accumulates in nodes that the plan quantizes; null for a model without any.
        agreement, accuracy, accuracy_change_points: null where the task or the samples have none.
        meets_target: judged on the interval like a gate; null where it cannot be told, or no target is given.
        why: how it was judged.
    """

    float_nodes: list[str]
    int8_mac_share: float | None
    plan_sha256: str
    sqnr_db: FigureWithInterval
    agreement: FigureWithInterval | None = None
    accuracy: Accuracy | None = None
    accuracy_change_points: Estimate | None = None
    n: int
    meets_target: bool | None = None
    why: str = ""


class Tune(Record):
    """The whole file.

    Attributes:
        measured: all figures are of the plan's Q/DQ graph run in float, none of a runtime.
        target: limits that a point must meet together; empty where none is given.
        spent_s: seconds of this start. complete: whether everything was measured within the budget.
        sensitivity: largest gain first; sensitivity_n: samples it was measured on.
        points: the all-INT8 plan first, then the best set found of each size; most hold the set before, none has to.
        chosen: index of the point with the fewest float nodes that meets the target; null without one.
    """

    schema_version: int = TUNE_VERSION
    program_version: str
    study_name: str
    study_sha256: str
    model: TunedModel
    candidate: str
    scheme: dict[str, Any]
    calibration: CalibrationSet
    evaluation: EvaluationSet
    measured: Literal["simulated"] = "simulated"
    target: dict[TargetKey, float] = Field(default_factory=dict)
    budget_s: float | None = None
    spent_s: float
    complete: bool
    sensitivity: list[Sensitivity]
    sensitivity_n: int
    sensitivity_all_int8_db: float | None
    points: list[Point]
    chosen: int | None = None
    why: str


def load_tune(path: Path) -> Tune:
    """Read `tune.json`. Raises FileFormatError."""
    document = read_versioned_json(path, "tune", TUNE_VERSION, MIGRATIONS)
    try:
        return Tune.model_validate(document)
    except ValidationError as error:
        raise FileFormatError(f"{path.name} is damaged", why=first_problem(error, Tune)) from error
