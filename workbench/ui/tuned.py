"""What a `tune.json` says, for the window: the path of points, what each float node brings, which point was chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import FileFormatError

if TYPE_CHECKING:
    from workbench.execution.tune_record import Point

FILE = "tune.json"
FigureKey = Literal["sqnr_db", "agreement", "accuracy_change_points"]
FIGURES: tuple[FigureKey, ...] = ("sqnr_db", "agreement", "accuracy_change_points")


@dataclass(frozen=True)
class Estimate:
    """A simulated figure with its 95 % interval, None where there is none; an infinite SQNR: nothing differs."""

    value: float
    pair: tuple[float, float] | None


@dataclass(frozen=True)
class TunePoint:
    """One plan on the path.

    Attributes:
        float_nodes: left in float beside those that the scheme leaves anyway. share: of MACs in INT8, 0..1,
            None for a model without any.
        figures: by key, in its own unit (dB, share 0..1, points); absent where it was not measured.
        meets: whether it meets the target by its interval, None where that cannot be told or there is no target.
        why: short words to that.
    """

    float_nodes: tuple[str, ...]
    share: float | None
    figures: Mapping[FigureKey, Estimate]
    n: int
    meets: bool | None
    why: str


@dataclass(frozen=True)
class SensitiveNode:
    """What leaving this node alone in float brings: `share` of MACs 0..1, the others in dB, None: no error is left."""

    node: str
    op_type: str
    share: float | None
    sqnr_db: float | None
    gain_db: float | None


@dataclass(frozen=True)
class Tuned:
    """One `tune.json`.

    Attributes:
        target: by name (sqnr_db, agreement, max_drop_points). points: the first is all INT8, each adds to the last.
        chosen: place of the chosen point. is_complete: False where the time ran out before the path ended.
    """

    study_name: str
    model: str
    candidate: str
    scheme: Mapping[str, Any]
    calibration_n: int
    evaluation_n: int
    is_labelled: bool
    target: Mapping[str, float]
    budget_s: float | None
    spent_s: float
    is_complete: bool
    sensitivity: tuple[SensitiveNode, ...]
    sensitivity_n: int
    points: tuple[TunePoint, ...]
    chosen: int | None
    why: str

    @property
    def is_reached(self) -> bool:
        """Whether the chosen point meets the target."""
        return self.chosen is not None and self.points[self.chosen].meets is True

    def excluded(self, point: TunePoint) -> list[str]:
        """Return the scheme's `exclude_nodes` at a point: those it names already, then the point's."""
        return list(dict.fromkeys([*self.scheme.get("exclude_nodes", ()), *point.float_nodes]))


def read_tuned(path: Path) -> Tuned:
    """Read a `tune.json`. Raises FileFormatError: missing, damaged, without a point, or of a newer version."""
    from workbench.execution.tune_record import load_tune  # noqa: PLC0415  (not before the first paint)

    found = load_tune(path)
    if not found.points or (found.chosen is not None and not 0 <= found.chosen < len(found.points)):
        raise FileFormatError(f"{path.name} is damaged", why="the chosen point is not among its points")
    return Tuned(
        study_name=found.study_name,
        model=found.model.name,
        candidate=found.candidate,
        scheme=found.scheme,
        calibration_n=found.calibration.n,
        evaluation_n=found.evaluation.n,
        is_labelled=found.evaluation.labelled,
        target={str(key): value for key, value in found.target.items()},
        budget_s=found.budget_s,
        spent_s=found.spent_s,
        is_complete=found.complete,
        sensitivity=tuple(
            SensitiveNode(entry.node, entry.op_type, entry.mac_share, entry.sqnr_db, entry.gain_db)
            for entry in found.sensitivity
        ),
        sensitivity_n=found.sensitivity_n,
        points=tuple(_point(entry) for entry in found.points),
        chosen=found.chosen,
        why=found.why,
    )


def _point(found: Point) -> TunePoint:
    known = {key: value for key in FIGURES if (value := getattr(found, key)) is not None}
    figures = {key: _estimate(value.value, value.interval) for key, value in known.items()}
    return TunePoint(tuple(found.float_nodes), found.int8_mac_share, figures, found.n, found.meets_target, found.why)


def _estimate(value: float | None, pair: tuple[float, float] | None) -> Estimate:
    return Estimate(math.inf if value is None else value, pair)
