"""sheet, check, compare: the disclosure sheet in every format, its completeness, several machines side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workbench.cli.common import (
    EXIT_GATE,
    EXIT_OK,
    add_json,
    can_show_unicode,
    check_file_target,
    print_json,
    print_text,
    study_folder,
    terminal_width,
)
from workbench.errors import SheetError
from workbench.files import write_bytes_atomic


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    sheet = commands.add_parser("sheet", help="write a study's disclosure sheet")
    sheet.add_argument("source", type=Path, metavar="DIR|SHEET.json", help="a study folder, or a sheet")
    sheet.add_argument("-f", "--formats", default="html,pdf", metavar="html,pdf,json,md,csv", help="default: html,pdf")
    sheet.add_argument("--pages", type=Path, metavar="DIR", help="also draw the printed pages as page-1.png, ...")
    sheet.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a file, or a folder for several"
    )
    sheet.set_defaults(run_command=run_sheet)
    check = commands.add_parser("check", help="what a sheet or a vendor's claim leaves undisclosed")
    check.add_argument("source", type=Path, metavar="SHEET.json|claim.toml", help="a sheet, a study folder, or a claim")
    check.add_argument("--line", metavar="TEXT", help="verify a line pasted from a slide against the sheet")
    add_json(check)
    check.set_defaults(run_command=run_check)
    compare = commands.add_parser("compare", help="several sheets in one comparison; refuses what is not comparable")
    compare.add_argument(
        "sheets", type=Path, nargs="+", metavar="SHEET.json", help="two or more sheets, or study folders"
    )
    add_json(compare)
    compare.set_defaults(run_command=run_compare)


def run_sheet(options: argparse.Namespace) -> int:
    """Render a sheet into one or several files."""
    from workbench.report.render import FORMATS, render  # noqa: PLC0415  (templates and PDF)

    formats = [name.strip() for name in options.formats.split(",") if name.strip()]
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        what = f"There is no sheet format {unknown[0]!r}" if unknown else "No sheet format is named"
        raise SheetError(what, how=f"Choose from {', '.join(FORMATS)}.")
    targets = [(name, _target(options.output, name, len(formats))) for name in dict.fromkeys(formats)]
    sheet = _sheet_of(options.source)
    for _, target in targets:
        check_file_target(target)
    for name, target in targets:
        write_bytes_atomic(target, render(sheet, name))
        print_text(str(target))
    if options.pages:
        _draw_pages(sheet, options.pages)
    return EXIT_OK


def _draw_pages(sheet: Any, folder: Path) -> None:
    from workbench.report.render_png import render_pages  # noqa: PLC0415  (typst, wanted for pages alone)

    for number, page in enumerate(render_pages(sheet), start=1):
        write_bytes_atomic(folder / f"page-{number}.png", page)


def _sheet_of(source: Path) -> Any:
    """Return the sheet of a study folder (built anew from its result) or of a sheet file.

    Raises:
        SheetError: nothing there, or the sheet was edited after it was written.
    """
    from workbench.execution.load_result import load_result  # noqa: PLC0415  (with the next)
    from workbench.report.sheet import build_sheet, load_sheet, sheet_hash, to_document  # noqa: PLC0415  (not for --help)

    if source.is_dir():
        return build_sheet(load_result(study_folder(source) / "result.json"))
    sheet = load_sheet(_existing(source))
    if sheet_hash(to_document(sheet)) != sheet.sheet_sha256:
        raise SheetError(
            f"{source} was edited after it was written",
            why="its hash does not match its content",
            how="Take the sheet of the study folder itself.",
        )
    return sheet


def _existing(source: Path) -> Path:
    """Return a file that is there, or the sheet of a study folder. Raises SheetError."""
    if source.is_dir():
        return study_folder(source) / "sheet.json"
    if not source.exists():
        raise SheetError(f"{source} does not exist", how="Give a sheet.json, or a study folder.")
    return source


def _target(output: Path, name: str, count: int) -> Path:
    """Return the file for one format: OUT itself when it is named like it, else OUT/sheet.<format>."""
    from workbench.report.render import FORMATS  # noqa: PLC0415  (not for --help)

    if count == 1 and output.suffix == f".{name}" and not output.is_dir():
        return output
    if output.suffix[1:] in FORMATS and not output.is_dir():
        raise SheetError(
            f"{output} is the name of one {output.suffix[1:]} file",
            why="other formats are asked for with -f",
            how="Give a folder with -o, or one format of the same name.",
        )
    return output / f"sheet.{name}"


def run_check(options: argparse.Namespace) -> int:
    """Print what is NOT DISCLOSED; 3 when something required is missing, edited, or the line does not match."""
    from workbench.report.check import check_line, check_sheet  # noqa: PLC0415  (not for --help)
    from workbench.report.sheet import load_sheet  # noqa: PLC0415  (with the above)

    source = _existing(options.source)
    if options.line is not None:
        line = check_line(options.line, load_sheet(source))
        print_json(vars(line)) if options.json else print_text(str(line))
        return EXIT_OK if line.ok else EXIT_GATE
    report = check_sheet(source)
    print_json(report.to_json()) if options.json else print_text(str(report))
    return EXIT_OK if report.complete else EXIT_GATE


def run_compare(options: argparse.Namespace) -> int:
    """Print several sheets as one comparison."""
    from workbench.report.compare import compare_sheets  # noqa: PLC0415  (not for --help)
    from workbench.report.console import comparison_text  # noqa: PLC0415  (with the above)

    sheet = compare_sheets([_sheet_of(path) for path in options.sheets])
    if options.json:
        print_json(sheet.model_dump(mode="json"))
    else:
        print_text(comparison_text(sheet, width=terminal_width(), ascii_only=not can_show_unicode()))
    return EXIT_OK
