"""What the Tune page says and lists, as plain values: finding, conditions, rows of its two tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from workbench.report import numbers
from workbench.ui.run_state import duration
from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.tuned import FIGURES, Estimate, FigureKey, SensitiveNode, Tuned, TunePoint

WORD, IDENTICAL, NO_ERROR = "simulated", "identical", "no error left"
TITLES: dict[FigureKey, str] = {
    "sqnr_db": "SQNR",
    "agreement": "Same answer as FP32",
    "accuracy_change_points": "Change in accuracy",
}
UNITS: dict[FigureKey, str] = {"sqnr_db": "dB", "agreement": "%", "accuracy_change_points": "points"}
ALL_INT8 = "all INT8"
SMALL_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
LISTED_LETTERS = 160
"""A cell lists its names in full up to this many letters; beyond, the whole list stands below the table."""
IN_STUDY = "in the study"


def figures_of(found: Tuned) -> list[FigureKey]:
    """Return the figures that at least one point has with its interval."""
    has = {key for point in found.points for key, value in point.figures.items() if value.pair is not None}
    return [key for key in FIGURES if key in has]


def why_absent(found: Tuned) -> str:
    """Return in a sentence which figures are not there and why, "" where all are."""
    absent = [TITLES[key].lower() for key in FIGURES if key not in figures_of(found) and key != "sqnr_db"]
    if not absent:
        return ""
    names = " and ".join(name.replace("fp32", "FP32") for name in absent)
    reason = "the evaluation set has no labels" if not found.is_labelled else "no interval was measured"
    return f"Without {names}: {reason}."


def point_name(point: TunePoint) -> str:
    """Return "all INT8" or "2 in float"."""
    count = len(point.float_nodes)
    return f"{numbers.number(count)} in float" if count else ALL_INT8


def layers_words(count: int) -> str:
    """Return "One layer", "Two layers", "12 layers"."""
    word = SMALL_NUMBERS[count] if count < len(SMALL_NUMBERS) else numbers.number(count)
    return f"{word} {'layer' if count == 1 else 'layers'}"


def figure_text(key: FigureKey, value: Estimate) -> str:
    """Return a figure with unit and interval, such as "15.8 dB [15.6, 16.0]"."""
    main, sub = figure_parts(key, value)
    unit = f" {UNITS[key]}" if sub else ""
    return f"{main}{unit} {sub}".strip()


def figure_parts(key: FigureKey, value: Estimate) -> tuple[str, str]:
    """Return a figure without its unit, and its interval; without an interval the figure is not shown."""
    if math.isinf(value.value):
        return IDENTICAL, ""
    if value.pair is None:
        return numbers.NOT_SHOWN, ""
    texts: dict[FigureKey, Callable[[float, numbers.Pair | None], str]] = {
        "sqnr_db": numbers.decibels,
        "agreement": numbers.percent_with_interval,
        "accuracy_change_points": numbers.points,
    }
    main, _, rest = texts[key](value.value, value.pair).partition("[")
    return main.replace("%", "").strip(), f"[{rest}"


def target_text(found: Tuned) -> str:
    """Return the target in words, "" without one; several stand together."""
    words: dict[str, Callable[[float], str]] = {
        "sqnr_db": lambda value: f"{numbers.number(value, _digits(value))} dB",
        "agreement": lambda value: f"{numbers.percent(value)} same answers",
        "max_drop_points": lambda value: f"a drop of at most {_points(value)}",
    }
    return " and ".join(text(found.target[key]) for key, text in words.items() if key in found.target)


def finding(found: Tuned) -> str:
    """Return what was found in one or two sentences; every figure carries the word simulated."""
    target = target_text(found)
    if not target:
        return _without_target(found)
    if found.chosen is None or not found.is_reached:
        return _not_reached(found, target)
    point = found.points[found.chosen]
    share = share_text(point)
    if not point.float_nodes:
        return f"No layer needs float: with {share} in INT8 the plan reaches {target} ({WORD})."
    verb = "reaches" if len(point.float_nodes) == 1 else "reach"
    return f"{layers_words(len(point.float_nodes))} in float {verb} {target} ({WORD}): {share} stay INT8."


def _not_reached(found: Tuned, target: str) -> str:
    point = found.points[found.chosen if found.chosen is not None else best_place(found)]
    tells = " and ".join(f"{TITLES[key]} {figure_text(key, point.figures[key])}" for key in _asked(found, point))
    has = f" has {tells}" if tells else " has no such figure"
    is_unsure = any(entry.meets is None for entry in found.points)
    head = f"Nothing surely reaches {target}" if is_unsure else f"Nothing reaches {target}"
    return f"{head} ({WORD}). The best point, {point_name(point)},{has} with {share_text(point)} in INT8."


def _without_target(found: Tuned) -> str:
    first, last = found.points[0], found.points[best_place(found)]
    count = len(last.float_nodes)
    key = next((key for key in figures_of(found) if key in first.figures and key in last.figures), None)
    if key is None or not count:
        return f"{len(found.points)} points were measured ({WORD}); no target was set: choose one of them."
    change = f"{TITLES[key]} goes from {figure_text(key, first.figures[key])} to {figure_text(key, last.figures[key])}"
    verb = "is" if count == 1 else "are"
    return f"{change} ({WORD}) when {layers_words(count).lower()} {verb} left in float. No target was set."


def best_place(found: Tuned) -> int:
    """Return the place of the point with the most SQNR, the first of several; the last one without any."""
    values = [point.figures["sqnr_db"].value if "sqnr_db" in point.figures else None for point in found.points]
    known = [value for value in values if value is not None]
    return values.index(max(known)) if known else len(values) - 1


def _asked(found: Tuned, point: TunePoint) -> list[FigureKey]:
    keys: dict[str, FigureKey] = {
        "sqnr_db": "sqnr_db",
        "agreement": "agreement",
        "max_drop_points": "accuracy_change_points",
    }
    return [keys[name] for name in found.target if name in keys and keys[name] in point.figures]


def stopped_text(found: Tuned) -> str:
    """Return that the path is not complete, and why, "" where it is."""
    if found.is_complete:
        return ""
    reason = "The search was stopped early"
    if found.budget_s is not None:
        reason = f"The time budget of {duration(found.budget_s)} ran out"
    count = len(found.points)
    points = "1 point was" if count == 1 else f"{numbers.number(count)} points were"
    return f"{reason}: {points} measured, a better one may lie beyond. Tune again with more time to go on."


def conditions(found: Tuned) -> str:
    """Return on what the figures were measured, and that they are no runtime's own."""
    evaluation, calibration = numbers.number(found.evaluation_n), numbers.number(found.calibration_n)
    return (
        f"Candidate {found.candidate} of {found.model}, simulated on {evaluation} evaluation samples with a plan from "
        f"{calibration} calibration samples, in {duration(found.spent_s)}; intervals at 95 %. "
        "The runtimes' own figures come from running the study."
    )


def point_headings(found: Tuned) -> list[Heading]:
    """Return the columns of the table of points."""
    shown = [Heading(TITLES[key], f"{UNITS[key]}, {WORD}") for key in figures_of(found)]
    target = [Heading("Meets the target", "", right=False)] if found.target else []
    return [
        Heading("Point", "", right=False),
        Heading("Float layers", "", right=False),
        Heading("INT8", "% of MACs"),
        *shown,
        *target,
    ]


def point_rows(found: Tuned, in_study: int | None) -> list[TableRow]:
    """Return one row per point; `in_study` is the place of the point that the study has now."""
    keys = figures_of(found)
    before: tuple[str, ...] = ()
    rows: list[TableRow] = []
    for place, point in enumerate(found.points):
        names = TableCell(listed_nodes(point.float_nodes, before), sort=float(len(point.float_nodes)))
        share = _share_cell(point.share)
        target = [_target_cell(point)] if found.target else []
        cells = (_name_cell(found, place, in_study), names, share, *(_figure_cell(key, point) for key in keys), *target)
        rows.append(TableRow(cells, style="strong" if place == found.chosen else "plain", data=place))
        before = point.float_nodes
    return rows


def listed_nodes(nodes: Sequence[str], before: Sequence[str]) -> str:
    """Return all names, or where that is long those that the point adds to the one before and how many more."""
    if not nodes:
        return "none"
    text = ", ".join(nodes)
    if len(text) <= LISTED_LETTERS:
        return text
    added = [node for node in nodes if node not in set(before)] or list(nodes)
    shown = added[:1]
    rest = len(nodes) - len(shown)
    return f"{shown[0]} and {numbers.number(rest)} more" if rest else shown[0]


def is_listed_in_full(point: TunePoint) -> bool:
    """Return whether the table's cell holds every name."""
    return len(", ".join(point.float_nodes)) <= LISTED_LETTERS


SENSITIVITY_HEADINGS = (
    Heading("Node", "", right=False),
    Heading("Op", "", right=False),
    Heading("Share", "% of MACs"),
    Heading("SQNR", f"dB, {WORD}"),
    Heading("Gain", f"dB, {WORD}"),
)


def sensitivity_rows(nodes: Sequence[SensitiveNode]) -> list[TableRow]:
    """Return one row per node, in the order given."""
    return [
        TableRow((
            TableCell(entry.node),
            TableCell(entry.op_type),
            _share_cell(entry.share),
            _db_cell(entry.sqnr_db),
            _db_cell(entry.gain_db, signed=True),
        ))
        for entry in nodes
    ]  # fmt: skip


def _name_cell(found: Tuned, place: int, in_study: int | None) -> TableCell:
    point = found.points[place]
    chosen = "chosen" if place == found.chosen else ""
    note = IN_STUDY if place == in_study else ""
    return TableCell(point_name(point), chosen, note, sort=float(len(point.float_nodes)))


def _figure_cell(key: FigureKey, point: TunePoint) -> TableCell:
    value = point.figures.get(key)
    if value is None:
        return TableCell(numbers.DASH)
    main, sub = figure_parts(key, value)
    return TableCell(main, sub, sort=value.value)


def _target_cell(point: TunePoint) -> TableCell:
    words = {True: ("yes", "pass", 0.0), None: ("cannot tell", "unknown", 1.0), False: ("no", "fail", 2.0)}
    main, state, order = words[point.meets]
    return TableCell(main, point.why, state=state, sort=order)


def share_text(point: TunePoint) -> str:
    """Return "96.1 % of MACs"; for a model without any, that."""
    return "no MACs" if point.share is None else f"{numbers.percent(point.share)} of MACs"


def _share_cell(share: float | None) -> TableCell:
    return (
        TableCell(numbers.DASH) if share is None else TableCell(numbers.percent(share).removesuffix(" %"), sort=share)
    )


def _db_cell(value: float | None, *, signed: bool = False) -> TableCell:
    if value is None:
        return TableCell(NO_ERROR, sort=math.inf)
    return TableCell(numbers.number(value, 2, signed=signed), sort=value)


def _digits(value: float) -> int:
    return 0 if value == round(value) else 1


def _points(value: float) -> str:
    return f"{numbers.number(value, 0 if value == round(value) else 2)} point{'' if value == 1 else 's'}"
