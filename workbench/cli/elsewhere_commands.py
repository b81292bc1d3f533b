"""bundle, run-bundle, import-result: a study's runtime on another machine, and its answers back in the study."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.cli.common import (
    EXIT_OK,
    add_json,
    check_file_target,
    print_json,
    print_text,
    stop_on_signal,
    study_folder,
)
from workbench.cli.plan_commands import TARGETS
from workbench.cli.progress import Progress
from workbench.cli.study_commands import show_result, write_sheet
from workbench.execution.study import PROFILE_SECONDS


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    bundle = commands.add_parser("bundle", help="one runtime of a study, to be run on another machine")
    bundle.add_argument("study", type=Path, metavar="DIR", help="the study folder that `run` wrote")
    bundle.add_argument("--runtime", required=True, metavar="ID", help="which runtime; the study need not have a row")
    bundle.add_argument("-o", "--output", type=Path, required=True, metavar="job.zip", help="the archive to write")
    bundle.add_argument("--target", choices=TARGETS, help="the processor it is for; the row's by default")
    bundle.add_argument("--candidate", action="append", default=[], metavar="NAME", help="only this; may be repeated")
    bundle.add_argument("--profile", choices=sorted(PROFILE_SECONDS), help="how long is timed; as here by default")
    add_json(bundle)
    bundle.set_defaults(run_command=run_bundle_command)
    run = commands.add_parser("run-bundle", help="run a bundle here; writes what import-result takes")
    run.add_argument("bundle", type=Path, metavar="job.zip", help="what `bundle` wrote")
    run.add_argument("-o", "--output", type=Path, default=Path("result.zip"), metavar="FILE", help="result.zip")
    run.add_argument("--python", default=sys.executable, help="an interpreter that has numpy and the runtime")
    run.set_defaults(run_command=run_run_bundle)
    taken = commands.add_parser("import-result", help="put what another machine answered into the study's result")
    taken.add_argument("result", type=Path, metavar="result.zip", help="what the runner wrote")
    taken.add_argument("study", type=Path, metavar="DIR", help="the study folder that the bundle was made from")
    taken.add_argument("--name", default="", help="what that machine is called; its processor by default")
    add_json(taken)
    taken.set_defaults(run_command=run_import)


def run_bundle_command(options: argparse.Namespace) -> int:
    """Write a bundle and say what is in it, what is not and why, and what to do with it."""
    from workbench.execution.elsewhere.pack import BundleOptions, make_bundle  # noqa: PLC0415  (loads onnx)

    check_file_target(options.output, ".zip")
    asked = BundleOptions(options.runtime, options.target, tuple(options.candidate), options.profile)
    progress = Progress()
    try:
        with stop_on_signal() as cancel:
            made = make_bundle(study_folder(options.study), options.output, asked, progress, cancel)
    finally:
        progress.close()
    if options.json:
        print_json({**_packed(made), "path": str(made.path)})
        return EXIT_OK
    left_out = [f"Left out: {title}: {reason}" for title, reason in made.left_out.items()]
    _print(
        [
            f"{made.path}: {len(made.models)} models, {made.n} inputs ({', '.join(made.models)})",
            *left_out,
            "On the other machine: unpack it and run `python3 runner.py`; README.txt says more.",
        ]
    )
    return EXIT_OK


def run_run_bundle(options: argparse.Namespace) -> int:
    """Run a bundle here; the exit code is the runner's."""
    from workbench.execution.elsewhere.run_here import run_bundle  # noqa: PLC0415  (loads onnx)

    check_file_target(options.output, ".zip")
    return run_bundle(options.bundle, options.output, options.python)


def run_import(options: argparse.Namespace) -> int:
    """Import a result, write the sheet anew, and print the comparison and what came."""
    from workbench.execution.elsewhere.merge import import_result  # noqa: PLC0415  (loads onnx)

    folder = study_folder(options.study)
    taken = import_result(options.result, folder, options.name)
    write_sheet(taken.result, folder)
    runs = [run for run in taken.result.runs if run.label in taken.labels]
    told = [f"{run.label} {run.candidate} {run.precision}: {_ended(run)}" for run in runs]
    if options.json:
        document = {"machine": taken.machine, "name": taken.name, "runs": told, "versions": taken.versions}
        print_json({**document, "folder": str(folder)})
        return EXIT_OK
    show_result(taken.result, folder, as_json=False)
    versions = [f"{taken.versions[0].upper()}{taken.versions[1:]}."] if taken.versions else []
    _print(["", f"From {taken.name} (machine {taken.machine}):", *(f"  {line}" for line in told), *versions])
    return EXIT_OK


def _packed(made: Any) -> dict[str, Any]:
    return {
        "models": list(made.models),
        "left_out": dict(made.left_out),
        "n": made.n,
        "job_sha256": made.job_sha256,
    }


def _ended(run: Any) -> str:
    return f"{run.n} answers" if run.status == "ok" else f"{run.status}, {run.problem.message if run.problem else ''}"


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print_text(line)
