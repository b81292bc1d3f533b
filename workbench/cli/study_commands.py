"""run and demo: a whole study, from the file to the sheet."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from workbench.cli.common import (
    EXIT_GATE,
    EXIT_INCOMPLETE,
    EXIT_OK,
    add_json,
    can_show_unicode,
    check_file_target,
    check_folder_target,
    print_json,
    print_text,
    stop_on_signal,
    study_folder,
    terminal_width,
)
from workbench.cli.inputs import check_folder_is_its_own, check_inputs
from workbench.cli.junit import junit_xml
from workbench.cli.progress import EventLines, Progress
from workbench.cli.summary import exit_text, findings_text, gates_text, model_text, problems_text
from workbench.errors import OutputError
from workbench.execution.baseline import Baseline, open_baseline
from workbench.execution.baseline_record import BASELINE_FILE, BaselineComparison, load_comparison
from workbench.execution.engine import RunOptions, run_study
from workbench.execution.result import Result
from workbench.execution.study import PROFILE_SECONDS, Study, load_study
from workbench.files import write_bytes_atomic, write_text_atomic
from workbench.measure.gates import find_gate
from workbench.report import numbers
from workbench.ui.start import has_display, open_window, window_problem

DEMO_FOLDER = Path("demo-study")


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    run = commands.add_parser("run", help="run a study; resumes a broken one")
    run.add_argument("study", type=Path, metavar="STUDY.toml", help="the study file")
    run.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the study folder")
    speed = run.add_mutually_exclusive_group()
    speed.add_argument("--quick", action="store_true", help="5 s per cell, whatever the study says")
    speed.add_argument("--profile", choices=sorted(PROFILE_SECONDS), help="overrides the study's profile")
    run.add_argument("--plan", type=Path, metavar="plan.json", help="a ready plan, never recalibrated")
    run.add_argument(
        "--baseline",
        type=Path,
        metavar="DIR",
        help="an earlier study of the same model and samples: tell what moved since, in baseline.json too, and judge "
        "the gates *_baseline_* against it",
    )
    run.add_argument("--junit", type=Path, metavar="FILE", help="also write cells and gates as JUnit XML")
    run.add_argument("--allow-code", action="store_true", help="allow a model that is code to run")
    run.add_argument("--events", action="store_true", help="print progress as JSON lines for programs, no comparison")
    add_json(run)
    run.set_defaults(run_command=run_run)
    demo = commands.add_parser("demo", help="the bundled study, handwritten digits: in the window, or run at once")
    demo.add_argument("--headless", action="store_true", help="run it at once; so do -o, --json, and a missing display")
    demo.add_argument("-o", "--output", type=Path, metavar="DIR", help="run it at once into DIR (demo-study)")
    add_json(demo)
    demo.set_defaults(run_command=run_demo)


def run_run(options: argparse.Namespace) -> int:
    """Run the study and print the comparison; exit code by gates and required runtimes."""
    study = load_study(options.study)
    check_inputs(study, options.plan)
    check_folder_is_its_own(study, options.output)
    if options.junit:
        check_file_target(options.junit)
    profile = "quick" if options.quick else options.profile
    baseline = _baseline_of(options)
    if not baseline and not options.events:
        print(unjudged_text(study), end="", file=sys.stderr)
    run_options = RunOptions(profile=profile, plan=options.plan, allow_code=options.allow_code, baseline=baseline)
    progress = EventLines() if options.events else Progress()
    result = _run(study, options.output, run_options, progress)
    comparison = load_comparison(options.output / BASELINE_FILE) if baseline else None
    if options.junit:
        write_bytes_atomic(options.junit, junit_xml(result, comparison))
    if isinstance(progress, EventLines):
        progress({"event": "finished", "exit_code": exit_code(result)})
        return exit_code(result)
    show_result(result, options.output, as_json=options.json)
    if comparison:
        show_comparison(comparison, as_json=options.json)
    code = exit_code(result)
    print(exit_text(result, code), file=sys.stderr if options.json else sys.stdout)
    return code


def unjudged_text(study: Study) -> str:
    """Return, for a run without --baseline, which gates it will leave open; "" where none needs one."""
    gates = [gate for gate in study.file.gates if find_gate(gate).against_baseline]
    how = "give --baseline DIR, an earlier run of this study, or the exit code will be 4"
    return f"  note: {', '.join(gates)} cannot be judged: {how}\n" if gates else ""


def _baseline_of(options: argparse.Namespace) -> Baseline | None:
    """Open --baseline before any work is done. Raises StudyError."""
    return open_baseline(study_folder(options.baseline), options.output) if options.baseline else None


def show_comparison(comparison: BaselineComparison, *, as_json: bool) -> None:
    """Print what moved since the baseline; beside JSON on standard output it goes to the terminal's other stream."""
    from workbench.report.baseline import baseline_text  # noqa: PLC0415  (only where there is a baseline)

    text = baseline_text(comparison, terminal_width())
    text = text if can_show_unicode() else numbers.ascii_only(text)
    print(f"\n{text}", file=sys.stderr) if as_json else print_text(f"\n{text}")


def run_demo(options: argparse.Namespace) -> int:
    """Open the window on the bundled study, ready to run, or run it where nobody would see a window."""
    with as_file(files("workbench_resources") / "demo") as folder:
        study_file = folder / "study.toml"
        if wants_window(options):
            return open_window(argparse.Namespace(path=study_file, screenshots=None, print_first_paint=False))
        return _run_demo(load_study(study_file), options.output or DEMO_FOLDER, as_json=options.json)


def wants_window(options: argparse.Namespace) -> bool:
    """Whether the demo opens the window; where a display is there and the window is not to be had, say why."""
    if options.headless or options.json or options.output or not has_display():
        return False
    problem = window_problem()
    if problem:
        print(f"The window cannot be opened: {problem}. The study runs without it.", file=sys.stderr)
    return not problem


def _run_demo(study: Study, folder: Path, *, as_json: bool) -> int:
    """Run the bundled study; its gates do not decide the exit code, only whether it ran."""
    result = _run(study, folder, RunOptions(profile="quick"), Progress())
    show_result(result, folder, as_json=as_json)
    return EXIT_INCOMPLETE if incomplete(result) else EXIT_OK


def _run(study: Study, folder: Path, options: RunOptions, progress: Progress | EventLines) -> Result:
    """Run a study with progress; Ctrl-C stops the workers and keeps what is finished."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file", how="Give a folder with -o.")
    check_folder_target(folder)
    try:
        with stop_on_signal() as cancel:
            result = run_study(study, folder, options, progress, cancel)
    finally:
        progress.close()
    write_sheet(result, folder)
    return result


def write_sheet(result: Result, folder: Path) -> None:
    """Write sheet.json and the two files a person opens."""
    from workbench.report.render import render  # noqa: PLC0415  (templates and PDF, only now)
    from workbench.report.sheet import build_sheet, save_sheet  # noqa: PLC0415  (with the above)

    sheet = build_sheet(result)
    save_sheet(sheet, folder / "sheet.json")
    for name in ("html", "pdf"):
        write_bytes_atomic(folder / f"sheet.{name}", render(sheet, name))


def show_result(result: Result, folder: Path, *, as_json: bool) -> None:
    """Print the comparison, and keep it as text in the folder; or print the whole result as JSON."""
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    from workbench.report.console import comparison_text  # noqa: PLC0415  (only for people)
    from workbench.report.sheet import load_sheet  # noqa: PLC0415  (with the above)

    width = terminal_width()
    text = comparison_text(load_sheet(folder / "sheet.json"), width=width, ascii_only=not can_show_unicode())
    parts = (model_text, problems_text, gates_text, findings_text)
    blocks = [text, *(part(result, width) for part in parts)]
    text = "\n\n".join(block for block in blocks if block)
    write_text_atomic(folder / "comparison.txt", text + "\n")
    print_text(text)
    print_text(f"\nSheet: {folder / 'sheet.pdf'} (also .html, .json)")


def exit_code(result: Result) -> int:
    """Return 3 when a gate failed, 4 when something required is missing or cannot be judged, else 0."""
    if any(item.verdict == "FAIL" for item in result.verdicts):
        return EXIT_GATE
    return EXIT_INCOMPLETE if incomplete(result) or _undecided(result) else EXIT_OK


def incomplete(result: Result) -> bool:
    """Whether a required run has no answer: not available, crashed, timed out or failed."""
    return any(run.required and run.status != "ok" for run in result.runs)


def _undecided(result: Result) -> bool:
    """Whether gates have no run to judge, or one of a required run could not be judged; other runs may stay open."""
    if result.gates and not result.verdicts:
        return True
    required = {(run.label, run.candidate) for run in result.runs if run.required}
    return any(item.verdict == "CANNOT TELL" and (item.label, item.candidate) in required for item in result.verdicts)
