"""export: the models of a finished study as folders to hand over."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.common import EXIT_INCOMPLETE, EXIT_OK, add_json, print_json, print_text
from workbench.execution.result import Result
from workbench.execution.store import require_study_folder


def add_to(commands: Any) -> None:
    """Add this module's command to the parser."""
    export = commands.add_parser(
        "export",
        help="per runtime: model, preprocessing, label map, sheet and SHA-256 list in one folder",
        description="Writes one folder per row. Exit code 4: no row had anything to export.",
    )
    export.add_argument("source", type=Path, metavar="DIR", help="a study folder")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder; made if absent")
    export.add_argument("--row", action="append", default=[], metavar="NAME", help="this row only; may be repeated")
    add_json(export)
    export.set_defaults(run_command=run_export)


def run_export(options: argparse.Namespace) -> int:
    """Write the folders and print where they are, or why a row has none, and what its gates say against shipping it."""
    from workbench.execution.load_result import load_result  # noqa: PLC0415  (with the next)
    from workbench.report.export import export_models  # noqa: PLC0415  (templates and PDF, not for --help)

    folder = require_study_folder(options.source)
    result = load_result(folder / "result.json")
    rows = export_models(result, folder, options.output, options.row)
    if options.json:
        print_json({"rows": [_document(row) for row in rows]})
    else:
        warnings = _warnings(result)
        for row in rows:
            print_text(f"{row.name}: {row.folder}" if row.folder else f"{row.name}: not exported, {row.reason}")
            if row.folder and row.name in warnings:
                print_text(f"  {warnings[row.name]}")
    return EXIT_OK if any(row.folder for row in rows) else EXIT_INCOMPLETE


def _warnings(result: Result) -> dict[str, str]:
    """Return row -> its verdict, of rows that a gate speaks against or that no gate could judge."""
    from workbench.report.verdicts import sentences  # noqa: PLC0415  (not for --help)

    spoken = [entry for entry in sentences(result) if entry["state"] in ("fail", "unknown")]
    return {entry["lead"].removesuffix(f": {entry['word']}."): f"{entry['lead']} {entry['detail']}" for entry in spoken}


def _document(row: Any) -> dict[str, Any]:
    folder = str(row.folder) if row.folder else None
    return {"name": row.name, "folder": folder, "files": list(row.files), "reason": row.reason}
