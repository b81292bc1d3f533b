"""What `tune` writes, as documents: an ordinary one, hard ones, and those in which something is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.results import digest
from helpers.set_up import LONG, NODE

from workbench.files import write_json_atomic
from workbench.ui.tuned import FILE, Tuned, read_tuned

SQNR_DB = (16.0, 19.4, 23.9, 25.2, 26.1)
SHARES = (1.0, 0.982, 0.961, 0.927, 0.904)
SHORT_NAMES = ("conv1", "block2.depthwise", "block3.depthwise", "fc")


def document(*, names: Sequence[str] = SHORT_NAMES, target: dict[str, float] | None = None) -> dict[str, Any]:
    """A tuning whose third point is the first that meets SQNR 23 dB."""
    target = {"sqnr_db": 23.0} if target is None else target
    points = [_point(list(names[:count]), count, bool(target)) for count in range(len(SQNR_DB))]
    return {
        "schema_version": 1,
        "program_version": "1.0.0",
        "study_name": "digits",
        "study_sha256": digest("study"),
        "model": {"name": "digits", "sha256": digest("model")},
        "candidate": "S1",
        "scheme": {"name": "S1", "method": "mse", "exclude_nodes": []},
        "calibration": {"n": 50, "sha256": digest("calibration")},
        "evaluation": {"n": 200, "sha256": digest("evaluation"), "labelled": True},
        "measured": "simulated",
        "target": target,
        "budget_s": None,
        "spent_s": 93.2,
        "complete": True,
        "sensitivity": [
            {"node": name, "op_type": "Conv", "mac_share": 0.07 / (n + 1), "sqnr_db": 16 + 3.4 / (n + 1),
             "gain_db": 3.4 / (n + 1)}
            for n, name in enumerate(names)
        ],
        "sensitivity_n": 16,
        "sensitivity_all_int8_db": 16.0,
        "points": points,
        "chosen": 2 if target else None,
        "why": "the fewest float nodes that meet the target" if target else "no target was set",
    }  # fmt: skip


def hard() -> dict[str, Any]:
    """Names of 120 characters, 1,000 nodes in float at the last point, time that ran out, two targets unmet."""
    names = [f"{NODE[: 115 - len(str(n))]}_{n:04d}" for n in range(1000)]
    found = document(names=names, target={"sqnr_db": 40.0, "max_drop_points": 0.5})
    found["points"][-1]["float_nodes"] = names
    for point in found["points"]:
        point |= {"meets_target": False, "why": "SQNR is below the target by its whole interval"}
    found |= {"chosen": None, "why": f"nothing reaches it, the best point leaves {names[0]} in float"}
    return found | {"complete": False, "budget_s": 600.0, "model": {"name": LONG, "sha256": digest("model")}}


def unlabelled() -> dict[str, Any]:
    """Without labels, and without a target: no accuracy."""
    found = document(target={})
    found["evaluation"]["labelled"] = False
    for point in found["points"]:
        point |= {"accuracy": None, "accuracy_change_points": None}
    return found


def read(found: dict[str, Any], folder: Path) -> Tuned:
    """The document as the window reads it, written into a folder first."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json_atomic(folder / FILE, found)
    return read_tuned(folder / FILE)


def _point(nodes: list[str], place: int, has_target: bool) -> dict[str, Any]:
    sqnr_db, change = SQNR_DB[place], (-6.5, -3.0, -1.0, -0.5, -0.5)[place]
    meets = sqnr_db - 0.4 >= 23 if has_target else None
    return {
        "float_nodes": nodes,
        "int8_mac_share": SHARES[place],
        "plan_sha256": digest(f"plan {place}"),
        "sqnr_db": _estimate(sqnr_db, 0.4),
        "agreement": _estimate(0.98 + change / 100, 0.03),
        "accuracy": {"metric": "top-1", **_estimate(0.76 + change / 100, 0.05)},
        "accuracy_change_points": _estimate(change, 1.6),
        "n": 200,
        "meets_target": meets,
        "why": ("at least 23 dB" if meets else "below 23 dB") if has_target else "",
    }


def _estimate(value: float, half: float) -> dict[str, Any]:
    return {"value": value, "interval": [value - half, value + half]}
