"""Which sets of samples lie at a path, and which a study still needs; plain functions without Qt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Part = Literal["calibration", "evaluation"]
Sets = dict[Part, dict[str, Any]]
FOLDERS: dict[Part, tuple[str, ...]] = {
    "evaluation": ("evaluation", "eval", "validation", "val", "test"),
    "calibration": ("calibration", "calib"),
}
WITH_RANGES = ("S1", "S2")
"""Schemes whose activation ranges come from calibration samples."""


def sets_at(path: Path, wanted: Part) -> Sets:
    """Return the [data] tables for a file or folder that was dropped or chosen.

    A folder may hold both sets: as sub-folders `evaluation` and `calibration`, or as lists `evaluation.csv` and
    `calibration.csv` of the images in it. Otherwise it is one set: calibration where its name says so, else `wanted`.
    """
    path = path.resolve()
    folders: Sets = {name: table for name, names in FOLDERS.items() if (table := _sub_folder(path, names))}
    lists: Sets = {name: table for name in FOLDERS if (table := _listed(path, name))}
    part: Part = "calibration" if path.stem.lower().startswith(FOLDERS["calibration"][1]) else wanted
    return (folders if len(folders) == len(FOLDERS) else {}) or lists or {part: _whole(path)}


def set_at(path: Path, part: Part) -> dict[str, Any]:
    """Return the table of one set: of its own where `path` holds both, else all that lies there."""
    return sets_at(path, part).get(part) or _whole(path)


def missing_set(values: Mapping[str, Any]) -> Part | None:
    """Return the set without which a study cannot run: evaluation always, calibration where ranges are needed."""
    data = values.get("data") or {}
    if not data.get("evaluation"):
        return "evaluation"
    return "calibration" if not data.get("calibration") and needs_calibration(values) else None


def needs_calibration(values: Mapping[str, Any]) -> bool:
    """Whether a candidate without a plan of its own takes its ranges from samples."""
    shared = values.get("scheme") or {}
    candidates = values.get("candidates") or [{}]
    open_ones = [item for item in candidates if not item.get("plan")]
    return any(
        bool(item.get("native")) or (item.get("scheme") or shared).get("name", "S1") in WITH_RANGES
        for item in open_ones
    )


def _whole(path: Path) -> dict[str, Any]:
    """Return the set of all that lies at a path: the images of a folder, or a file of arrays."""
    return {"kind": "images" if path.is_dir() else "arrays", "path": str(path.resolve())}


def _sub_folder(path: Path, names: tuple[str, ...]) -> dict[str, Any] | None:
    found = next((path / name for name in names if (path / name).is_dir()), None)
    return None if found is None else {"kind": "images", "path": str(found)}


def _listed(path: Path, part: str) -> dict[str, Any] | None:
    """Return the set that a list of files in the folder describes; its header must be `file,label`."""
    listed = path / f"{part}.csv"
    try:
        with listed.open(encoding="utf-8-sig") as lines:
            header = lines.readline().strip().lower().replace(" ", "")
    except (OSError, UnicodeDecodeError):
        return None
    is_list = header.startswith("file,label")
    return {"kind": "images", "path": str(path), "labels": str(listed)} if is_list else None
