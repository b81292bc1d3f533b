"""table: every run of one or several studies as one row of a CSV, for spreadsheets and notebooks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.common import EXIT_OK, check_file_target, print_text, study_folder
from workbench.files import write_bytes_atomic


def add_to(commands: Any) -> None:
    """Add this module's command to the parser."""
    table = commands.add_parser("table", help="all runs of one or several studies as rows of a CSV")
    table.add_argument("studies", type=Path, nargs="+", metavar="DIR", help="study folders, as `run` wrote them")
    table.add_argument("--gates", action="store_true", help="one row per gate and run instead")
    table.add_argument("-o", "--output", type=Path, metavar="FILE.csv", help="the file; printed when left out")
    table.set_defaults(run_command=run_table)


def run_table(options: argparse.Namespace) -> int:
    """Write or print the rows of all studies, study by study."""
    from workbench.execution.load_result import load_result  # noqa: PLC0415  (not for --help)
    from workbench.report.frames import csv_of, runs_frame, verdicts_frame  # noqa: PLC0415  (with the above)

    if options.output:
        check_file_target(options.output)
    frame_of = verdicts_frame if options.gates else runs_frame
    results = [load_result(study_folder(folder) / "result.json") for folder in options.studies]
    text = csv_of([frame_of(result) for result in results])
    if options.output is None:
        print_text(text.rstrip("\n"))
        return EXIT_OK
    write_bytes_atomic(options.output, text.encode("utf-8"))
    print_text(str(options.output))
    return EXIT_OK
