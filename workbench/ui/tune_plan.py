"""What can be tuned and how it is asked for: candidates, place, arguments, adoption; plain functions without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import SchemeError
from workbench.quant.scheme import Scheme, scheme_from_json
from workbench.ui.candidates import candidates_of, with_change
from workbench.ui.tuned import FILE, Tuned, TunePoint

Values = Mapping[str, Any]
NOTHING_QUANTIZED = (
    "No candidate has a scheme that can be tuned: choose S1 or S2 without a ready plan on the Scheme page."
)
NO_ANSWERS = "Equal answers and accuracy need a classification task; this one is divergence."
NO_LABEL_SEEN = "A drop in accuracy needs labels: the evaluation set has none."
RESULTS, TUNE = "-results", "-tune"


def tune_folder(results: Path) -> Path:
    """Return where tuning goes: beside the study's result folder, or in it where one lies there already."""
    if (results / FILE).is_file():
        return results
    return results.with_name(results.name.removesuffix(RESULTS) + TUNE)


def scheme_of(values: Values, candidate: Values) -> dict[str, Any]:
    """Return the scheme table of a candidate, the study's where it has none."""
    return dict(candidate.get("scheme") or values.get("scheme") or {})


def tunable(values: Values) -> list[str]:
    """Return the names of candidates that this program quantizes and makes the plan for, in the study's order."""
    return [str(entry["name"]) for entry in candidates_of(values) if _is_tunable(values, entry)]


def _is_tunable(values: Values, candidate: Values) -> bool:
    name = scheme_of(values, candidate).get("name", "S1")
    return not candidate.get("native") and not candidate.get("plan") and name in ("S1", "S2")


def targets_absent(values: Values, found: Tuned | None) -> tuple[frozenset[str], str]:
    """Return which targets cannot be asked for, and why, "" where all can."""
    task = (values.get("task") or {}).get("kind", "divergence")
    if task == "divergence":
        return frozenset(("agreement", "max_drop_points")), NO_ANSWERS
    if found is not None and not found.is_labelled:
        return frozenset(("max_drop_points",)), NO_LABEL_SEEN
    return frozenset(), ""


def arguments(
    study_file: Path,
    folder: Path,
    candidate: str,
    target: Mapping[str, float],
    most: int,
    budget_s: float,
    *,
    allows_code: bool = False,
) -> list[str]:
    """Return the command line of `tune`.

    Args:
        target: by name as in `tune.json`; empty for the path alone. budget_s: 0 for no limit.
    """
    names = {"sqnr_db": "--sqnr-db", "agreement": "--agreement", "max_drop_points": "--max-drop-points"}
    found = ["tune", str(study_file), "-o", str(folder), "--candidate", candidate]
    for key, option in names.items():
        found += [option, f"{target[key]:g}"] if key in target else []
    found += ["--most-float-nodes", str(most)]
    found += ["--budget-s", f"{budget_s:g}"] if budget_s else []
    return found + (["--allow-code"] if allows_code else []) + ["--events"]


def adopted(values: Values, found: Tuned, point: TunePoint) -> dict[str, Any]:
    """Return the tables to change so that the candidate leaves a point's nodes in float; {} without that candidate."""
    place = _place(values, found)
    if place is None:
        return {}
    scheme = scheme_of(values, candidates_of(values)[place])
    nodes = found.excluded(point)
    changed = {**scheme, "exclude_nodes": nodes} if nodes else _without(scheme, "exclude_nodes")
    return with_change(values, place, "scheme", changed or None)


def place_in_study(values: Values, found: Tuned) -> int | None:
    """Return the place of the point whose nodes the study's candidate leaves in float, None for no point."""
    place = _place(values, found)
    if place is None:
        return None
    nodes = set(scheme_of(values, candidates_of(values)[place]).get("exclude_nodes", ()))
    return next((i for i, point in enumerate(found.points) if set(found.excluded(point)) == nodes), None)


def why_not_adopted(values: Values, found: Tuned) -> str:
    """Return why points are not to be taken over into this study, "" where they are."""
    if not (values.get("model") or values.get("candidates")):
        return "No study is open, so there is nothing to adopt a point into."
    place = _place(values, found)
    if place is None:
        return f"The study has no candidate {found.candidate} any more that could adopt a point: tune again."
    now, then = scheme_of(values, candidates_of(values)[place]), found.scheme
    if _same_but_nodes(now, then):
        return ""
    return f"The scheme of candidate {found.candidate} has changed since: tune again before you adopt a point."


def _place(values: Values, found: Tuned) -> int | None:
    names: Sequence[str] = [str(entry["name"]) for entry in candidates_of(values)]
    is_there = found.candidate in names and found.candidate in tunable(values)
    return names.index(found.candidate) if is_there else None


def _same_but_nodes(first: Values, second: Values) -> bool:
    try:
        return _bare(first) == _bare(second)
    except SchemeError:
        return False


def _bare(scheme: Values) -> Scheme:
    return scheme_from_json(_without(scheme, "exclude_nodes"))


def _without(table: Values, key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}
