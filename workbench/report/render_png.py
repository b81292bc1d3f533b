"""The sheet's printed pages as pictures: the PDF's template, for a preview of what will come out of the printer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from workbench.report import resources
from workbench.report.render_pdf import typesetter, write_inputs
from workbench.report.sheet import Sheet

PAGE_PPI = 144.0


def render_pages(sheet: Sheet, ppi: float = PAGE_PPI) -> list[bytes]:
    """Return one PNG per page.

    Args:
        ppi: pixels per inch; an A4 page is 8.27 inches wide.

    Raises:
        MissingPartError: the typst package is absent.
    """
    typst = typesetter("Pages cannot be drawn")
    with resources.fonts() as fonts, tempfile.TemporaryDirectory() as folder:
        main = write_inputs(sheet, Path(folder))
        pages: Any = typst.compile(
            main, root=Path(folder), font_paths=[fonts], ignore_system_fonts=True, format="png", ppi=ppi
        )
    return list(pages) if isinstance(pages, list) else [pages]
