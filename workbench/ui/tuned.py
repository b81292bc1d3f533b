"""What a `tune.json` says, for the window: the path of points, what each float node brings, which point was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import FileFormatError
from workbench.files import read_versioned_json

VERSION = 1
FILE = "tune.json"
FigureKey = Literal["sqnr_db", "agreement", "accuracy_change_points"]
FIGURES: tuple[FigureKey, ...] = ("sqnr_db", "agreement", "accuracy_change_points")


@dataclass(frozen=True)
class Estimate:
    """A simulated figure with its 95 % interval, None where there is none."""

    value: float
    pair: tuple[float, float] | None


@dataclass(frozen=True)
class TunePoint:
    """One plan on the path.

    Attributes:
        float_nodes: left in float beside those that the scheme leaves anyway. share: of MACs in INT8, 0..1.
        figures: by key, in its own unit (dB, share 0..1, points); absent where it was not measured.
        meets: whether it meets the target by its interval, None where that cannot be told or there is no target.
        why: short words to that.
    """

    float_nodes: tuple[str, ...]
    share: float
    figures: Mapping[FigureKey, Estimate]
    n: int
    meets: bool | None
    why: str


@dataclass(frozen=True)
class SensitiveNode:
    """What leaving this node alone in float brings; `share` of MACs 0..1, the others in dB."""

    node: str
    op_type: str
    share: float
    sqnr_db: float
    gain_db: float


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
    """Read a `tune.json`. Raises FileFormatError: missing, damaged, or of a newer version."""
    found = read_versioned_json(path, "tune", VERSION)
    try:
        return _tuned(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            f"{path.name} is damaged", why=f"{type(error).__name__}: {error}", how="Tune again."
        ) from error


def _tuned(found: Mapping[str, Any]) -> Tuned:
    points = tuple(_point(entry) for entry in found["points"])
    chosen = found["chosen"]
    if not points or (chosen is not None and not 0 <= chosen < len(points)):
        raise ValueError("it has no such point")
    return Tuned(
        study_name=str(found["study_name"]),
        model=str(found["model"]["name"]),
        candidate=str(found["candidate"]),
        scheme=dict(found["scheme"]),
        calibration_n=int(found["calibration"]["n"]),
        evaluation_n=int(found["evaluation"]["n"]),
        is_labelled=bool(found["evaluation"]["labelled"]),
        target={str(key): float(value) for key, value in found["target"].items()},
        budget_s=None if found["budget_s"] is None else float(found["budget_s"]),
        spent_s=float(found["spent_s"]),
        is_complete=bool(found["complete"]),
        sensitivity=tuple(_sensitive(entry) for entry in found["sensitivity"]),
        sensitivity_n=int(found["sensitivity_n"]),
        points=points,
        chosen=chosen,
        why=str(found["why"]),
    )


def _point(found: Mapping[str, Any]) -> TunePoint:
    return TunePoint(
        float_nodes=tuple(found["float_nodes"]),
        share=float(found["int8_mac_share"]),
        figures={key: _estimate(found[key]) for key in FIGURES if found.get(key) is not None},
        n=int(found["n"]),
        meets=found["meets_target"],
        why=str(found["why"]),
    )


def _estimate(found: Mapping[str, Any]) -> Estimate:
    pair = found.get("interval")
    return Estimate(float(found["value"]), (float(pair[0]), float(pair[1])) if pair else None)


def _sensitive(found: Mapping[str, Any]) -> SensitiveNode:
    numbers = (float(found[key]) for key in ("mac_share", "sqnr_db", "gain_db"))
    return SensitiveNode(str(found["node"]), str(found["op_type"]), *numbers)
