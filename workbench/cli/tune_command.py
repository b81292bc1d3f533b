"""tune: the fewest nodes left in float that meet a target, and the whole curve of INT8 share against accuracy."""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.cli.common import (
    EXIT_GATE,
    EXIT_INCOMPLETE,
    EXIT_OK,
    add_json,
    aligned,
    check_folder_target,
    print_json,
    print_text,
    stop_on_signal,
)
from workbench.cli.inputs import check_inputs
from workbench.cli.progress import EventLines, Progress
from workbench.errors import OutputError, StudyError
from workbench.execution.study import load_study
from workbench.execution.tune_record import FigureWithInterval, Point, TargetKey, Tune
from workbench.report import numbers

SHOWN = 5
"""Nodes of the sensitivity list that are printed."""


def add_to(commands: Any) -> None:
    """Add this module's command to the parser."""
    tune = commands.add_parser(
        "tune",
        help="the fewest nodes left in float that meet a target; resumes",
        description="Searches on calibration samples, judges every point on the evaluation set, simulated, and writes "
        "DIR/tune.json; where a point meets the target, DIR/tuned.toml is the study with its nodes left in float. "
        "Several targets are met together. Exit code 3: no point meets it; 4: it cannot be told.",
    )
    tune.add_argument("study", type=Path, metavar="STUDY.toml", help="the study file")
    tune.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder for what is found")
    tune.add_argument("--candidate", default="", metavar="NAME", help="which candidate; the first that can be tuned")
    tune.add_argument("--sqnr-db", type=float, metavar="Y", help="target: SQNR of at least Y dB")
    tune.add_argument("--agreement", type=float, metavar="Z", help="target: share 0..1 of answers as FP32 gives them")
    tune.add_argument("--max-drop-points", type=float, metavar="X", help="target: lose at most X points of accuracy")
    tune.add_argument("--most-float-nodes", type=int, default=8, metavar="N", help="float nodes at most (8)")
    tune.add_argument("--budget-s", type=float, metavar="S", help="begin nothing further after S seconds")
    tune.add_argument("--allow-code", action="store_true", help="allow a model that is code to run")
    tune.add_argument("--events", action="store_true", help="print progress as JSON lines for programs, no table")
    add_json(tune)
    tune.set_defaults(run_command=run_tune)


def run_tune(options: argparse.Namespace) -> int:
    """Tune the study and print the points; the exit code tells whether the target is met."""
    from workbench.execution.tune import TuneOptions, tune_study  # noqa: PLC0415  (loads onnx)

    study = load_study(options.study)
    check_inputs(study)
    asked = TuneOptions(
        candidate=options.candidate,
        target=_target(options),
        most_float_nodes=options.most_float_nodes,
        budget_s=options.budget_s,
        allow_code=options.allow_code,
    )
    _check_numbers(options)
    if options.output.exists() and not options.output.is_dir():
        raise OutputError(f"{options.output} is a file", how="Give a folder with -o.")
    check_folder_target(options.output)
    progress = EventLines() if options.events else Progress()
    try:
        with stop_on_signal() as cancel:
            record = tune_study(study, options.output, asked, progress, cancel)
    finally:
        progress.close()
    code = exit_code(record)
    if isinstance(progress, EventLines):
        progress({"event": "finished", "exit_code": code})
    elif options.json:
        print_json(record.model_dump(mode="json"))
    else:
        print_text(tune_text(record, options.output))
    return code


def exit_code(record: Tune) -> int:
    """Return 3 where no point meets the target, 4 where that cannot be told or the time was too short, else 0."""
    if not record.target or record.chosen is not None:
        return EXIT_OK
    is_open = not record.complete or any(point.meets_target is None for point in record.points)
    return EXIT_INCOMPLETE if is_open else EXIT_GATE


def tune_text(record: Tune, folder: Path) -> str:
    """Return the points as a table, the nodes that give most, and what was chosen, for a person."""
    head = ["", "float", "INT8 of MACs", "SQNR dB", "agreement", "accuracy change", "target"]
    rows = [head, *(_row(record, index) for index in range(len(record.points)))]
    blocks = [
        f"{record.model.name}, {record.candidate}: {record.evaluation.n} samples, simulated",
        aligned(rows),
        _nodes_text(record),
        "\n".join(_closing_lines(record, folder)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _row(record: Tune, index: int) -> list[str]:
    point = record.points[index]
    change = point.accuracy_change_points
    return [
        "*" if index == record.chosen else "",
        str(len(point.float_nodes)),
        "-" if point.int8_mac_share is None else f"{100 * point.int8_mac_share:.1f} %",
        _figure_text(point.sqnr_db, "{:.1f}", identical="identical"),
        _share_text(point.agreement),
        _figure_text(FigureWithInterval(value=change.value, interval=change.interval) if change else None, "{:+.1f}"),
        _target_text(record, point),
    ]


def _figure_text(figure: FigureWithInterval | None, form: str, identical: str = "-") -> str:
    if figure is None:
        return "-"
    if figure.value is None:
        return identical
    bounds = ", ".join(form.format(bound) for bound in figure.interval or ())
    return form.format(figure.value) + (f" [{bounds}]" if bounds else "")


def _share_text(figure: FigureWithInterval | None) -> str:
    """Return a share in per cent with its interval, as every other table shows one."""
    if figure is None or figure.value is None:
        return "-"
    if figure.interval is None:
        return numbers.percent(figure.value)
    return numbers.percent_with_interval(figure.value, figure.interval)


def _target_text(record: Tune, point: Point) -> str:
    if not record.target:
        return "-"
    return {True: "met", False: "not met", None: "cannot tell"}[point.meets_target]


def _nodes_text(record: Tune) -> str:
    """Return which nodes each point leaves in float, and what the most sensitive give alone."""
    lines = []
    for before, point in pairwise(record.points):
        added = [node for node in point.float_nodes if node not in before.float_nodes]
        is_wider = before.float_nodes and set(before.float_nodes) < set(point.float_nodes)
        nodes = f"those and {', '.join(added)}" if is_wider else ", ".join(point.float_nodes)
        lines.append(f"{len(point.float_nodes)} in float: {nodes}")
    best = [item for item in record.sensitivity if item.gain_db is None or item.gain_db > 0.0][:SHOWN]
    if best:
        gains = ", ".join(f"{item.node} {_gain(item.gain_db)}" for item in best)
        lines.append(f"alone, before bias correction, on {record.sensitivity_n} calibration samples: {gains}")
    return "\n".join(lines)


def _gain(gain_db: float | None) -> str:
    return "no error left" if gain_db is None else f"+{gain_db:.1f} dB"


def _closing_lines(record: Tune, folder: Path) -> list[str]:
    if record.chosen is not None:
        count = len(record.points[record.chosen].float_nodes)
        lines = [
            f"Chosen: {count} {'node' if count == 1 else 'nodes'} in float, {record.why}.",
            f"The runtimes' own figures: int8-workbench run {folder / 'tuned.toml'} -o DIR",
        ]
    else:
        lines = [f"{record.why[0].upper()}{record.why[1:]}."]
    if not record.complete:
        lines.append("The time was up before everything was measured; the same command goes on.")
    return lines


def _target(options: argparse.Namespace) -> dict[TargetKey, float]:
    keys: tuple[TargetKey, ...] = ("sqnr_db", "agreement", "max_drop_points")
    return {key: getattr(options, key) for key in keys if getattr(options, key) is not None}


def _check_numbers(options: argparse.Namespace) -> None:
    if options.most_float_nodes < 0:
        raise StudyError(f"--most-float-nodes {options.most_float_nodes} is no count", how="Give 0 or more.")
    if options.budget_s is not None and not options.budget_s > 0:
        raise StudyError(f"--budget-s {options.budget_s:g} is no time", how="Give more than 0 seconds.")
