"""The sheet as PDF through typst: tagged, PDF/UA-1 and PDF/A-3a enforced, sheet.json attached, byte-reproducible."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from workbench.errors import MissingPartError
from workbench.files import write_bytes_atomic
from workbench.report import charts_svg, resources, svg
from workbench.report.sheet import Sheet, json_bytes
from workbench.report.table import Row
from workbench.report.view import view_of

STANDARDS: list[Literal["a-3a", "ua-1"]] = ["a-3a", "ua-1"]


def render_pdf(sheet: Sheet) -> bytes:
    """Return the PDF. Its date is the sheet's `created_utc`, so that the same sheet gives the same bytes.

    Raises:
        MissingPartError: the typst package is absent.
    """
    typst = typesetter("A PDF cannot be written")
    with resources.fonts() as fonts, tempfile.TemporaryDirectory() as folder:
        main = write_inputs(sheet, Path(folder))
        pdf: bytes = typst.compile(
            main,
            root=Path(folder),
            font_paths=[fonts],
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=[*STANDARDS],
        )
    return pdf


def typesetter(what: str) -> Any:
    """Return the typst package, 34 MB, wanted for PDF and pages alone. Raises MissingPartError, saying `what` fails."""
    try:
        import typst  # noqa: PLC0415  (see above)
    except ImportError as error:
        raise MissingPartError(what, why="the typst package is absent", how="pip install typst") from error
    return typst


def page_data(sheet: Sheet) -> dict[str, Any]:
    """Return everything the template prints, as JSON."""
    view = view_of(sheet)
    charts = charts_svg.charts(sheet, svg.LIGHT)
    return {
        "first_line": view.first_line,
        "title": sheet.title,
        "chips": [chip.model_dump() for chip in sheet.chips],
        "sentences": [sentence.model_dump() for sentence in sheet.sentences],
        "notes": sheet.notes,
        "conditions": view.conditions,
        "columns": [asdict(column) for column in view.table.columns],
        "groups": [{"title": g.title, "rows": [_row(row) for row in g.rows]} for g in view.table.groups],
        "charts": [{"key": chart.key, "caption": chart.caption, "alt": chart.alt} for chart in charts],
        "completeness": view.completeness,
        "not_disclosed": sheet.not_disclosed,
        "missing": view.missing,
        "sections": [asdict(section) for section in view.sections],
        "sha256": sheet.sheet_sha256,
        "program": f"int8-workbench {sheet.program_version}",
        "created": sheet.created_utc,
        "date": _date(sheet.created_utc),
    }


def _row(row: Row) -> dict[str, Any]:
    return {"style": row.style, "message": row.message, "cells": [asdict(cell) for cell in row.cells]}


def write_inputs(sheet: Sheet, folder: Path) -> Path:
    """Write the template and all it reads into a folder; return the template's path. Raises OutputError."""
    for chart in charts_svg.charts(sheet, svg.LIGHT):
        write_bytes_atomic(folder / f"{chart.key}.svg", chart.svg.encode("utf-8"))
    write_bytes_atomic(folder / "data.json", json.dumps(page_data(sheet), ensure_ascii=False).encode("utf-8"))
    write_bytes_atomic(folder / "sheet.json", json_bytes(sheet))
    main = folder / "sheet.typ"
    write_bytes_atomic(main, resources.template("sheet.typ").encode("utf-8"))
    return main


def _date(created_utc: str) -> list[int]:
    try:
        moment = datetime.fromisoformat(created_utc.replace("Z", "+00:00"))
    except ValueError:
        moment = datetime(2000, 1, 1, tzinfo=UTC)
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return [utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second]
