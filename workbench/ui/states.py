"""The one line below each step of the rail, from the document and the result; plain functions without Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.quant.scheme import SCHEME_TITLES
from workbench.ui.data_sets import missing_set
from workbench.ui.gone import gone_at

if TYPE_CHECKING:
    from workbench.execution.result import Result
    from workbench.ui.tuned import Tuned

Kind = Literal["", "ok", "warn", "bad", "on"]
State = tuple[str, Kind]
VERDICT_ORDER = ("fail", "unknown", "pass", "none", "missing")
LINE_LETTERS = 29
"""What a line of the rail has room for."""


def of(values: Mapping[str, Any], result: Result | None) -> dict[str, State]:
    """Return the line of every step that document and result decide; the Run and Tune pages tell their own."""
    return {
        "model": model_state(values),
        "data": data_state(values),
        "scheme": scheme_state(values),
        "runtimes": runtimes_state(values),
        "compare": compare_state(result),
        "speed": speed_state(result),
        "sheet": sheet_state(result),
    }


def model_state(values: Mapping[str, Any]) -> State:
    """Return the model's file name or factory."""
    model = values.get("model") or {}
    source = model.get("path") or model.get("factory")
    if lost := gone_at(values, "model"):
        return f"gone: {lost.path.name}", "bad"
    if source:
        return Path(source).name if model.get("path") else str(source), ""
    models = [item["model"] for item in values.get("candidates", []) if item.get("model")]
    count = "1 model" if len(models) == 1 else f"{len(models)} models"
    return (f"{count}, in candidates", "") if models else ("choose a file", "")


def data_state(values: Mapping[str, Any]) -> State:
    """Return which of the two sets are chosen."""
    data = values.get("data") or {}
    if not data:
        return "choose a folder or arrays", ""
    if missing := missing_set(values):
        return f"{missing} set missing", "warn"
    if lost := gone_at(values, "data"):
        return f"{lost.what} is gone", "bad"
    path = Path(data["evaluation"]["path"])
    return "/".join(part for part in (path.parent.name, path.name) if part and part != ".."), ""


def scheme_state(values: Mapping[str, Any]) -> State:
    """Return the scheme's name and method, or the number of candidates."""
    candidates = values.get("candidates") or []
    if len(candidates) > 1:
        return f"{len(candidates)} candidates", ""
    if candidates and candidates[0].get("native"):
        return str(candidates[0]["name"]), ""
    scheme = (candidates[0].get("scheme") if candidates else None) or values.get("scheme") or {}
    name = scheme.get("name", "S1")
    method = f" · {scheme.get('method', 'mse')}" if name in ("S1", "S2") else ""
    return f"{name} {SCHEME_TITLES[name]}{method}", ""


def runtimes_state(values: Mapping[str, Any]) -> State:
    """Return how many rows are chosen, and their names when there are few."""
    rows = values.get("runtimes") or []
    if not rows:
        return "choose at least one", ""
    names = ", ".join(str(row.get("name") or row["id"]) for row in rows)
    line = names if len(rows) <= 2 else f"{len(rows)} rows: {names}"
    return (line if len(rows) <= 2 or len(line) <= LINE_LETTERS else f"{len(rows)} rows"), ""


def compare_state(result: Result | None) -> State:
    """Return how many rows got which verdict."""
    if result is None:
        return "no result yet", ""
    from workbench.report.verdicts import sentences  # noqa: PLC0415  (not before the first paint)

    spoken = sentences(result)
    counts = Counter(str(entry["word"]) for entry in spoken)
    states = {str(entry["word"]): entry["state"] for entry in spoken}
    kind: Kind = "bad" if any(entry["state"] == "fail" for entry in spoken) else ""
    words = sorted(counts, key=lambda word: VERDICT_ORDER.index(states[word]))
    return _fitted([(counts[word], word) for word in words]) or "nothing was run", kind


def _fitted(parts: list[tuple[int, str]]) -> str:
    """Return counted words as far as a line of the rail has room for them; the others as "2 more"."""
    texts = [f"{count} {word}" for count, word in parts]
    for shown in range(len(texts), 1, -1):
        rest = sum(count for count, _ in parts[shown:])
        line = ", ".join([*texts[:shown], *([f"{rest} more"] if rest else [])])
        if len(line) <= LINE_LETTERS:
            return line
    rest = sum(count for count, _ in parts[1:])
    return ", ".join([*texts[:1], *([f"{rest} more"] if rest else [])])


def speed_state(result: Result | None) -> State:
    """Return the profile that was measured."""
    if result is None:
        return "", ""
    return ("not measured", "") if result.profile == "none" else (f"profile {result.profile}", "")


def sheet_state(result: Result | None) -> State:
    """Return when the result was made."""
    return ("", "") if result is None else (f"of {result.created_utc[:10]}", "")


def tune_state(found: Tuned | None) -> State:
    """Return how many layers the chosen point leaves in float, or that nothing reaches the target."""
    if found is None:
        return "", ""
    if found.chosen is None or not found.target:
        words = f"{len(found.points)} points, no target"
        return (words, "") if not found.target else ("target not reached", "warn")
    if not found.is_reached:
        return "target not reached", "warn"
    count = len(found.points[found.chosen].float_nodes)
    return f"{count} {'layer' if count == 1 else 'layers'} in float" if count else "no layer in float", "ok"
