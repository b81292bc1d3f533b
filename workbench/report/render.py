"""One sheet object, five formats."""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import SheetError
from workbench.report.render_csv import render_csv
from workbench.report.render_html import render_html
from workbench.report.render_md import render_md
from workbench.report.render_pdf import render_pdf
from workbench.report.sheet import Sheet, json_bytes

RENDERERS: dict[str, Callable[[Sheet], bytes]] = {
    "html": render_html,
    "pdf": render_pdf,
    "json": json_bytes,
    "md": render_md,
    "csv": render_csv,
}
FORMATS = tuple(RENDERERS)


def render(sheet: Sheet, fmt: str) -> bytes:
    """Return the sheet in a format, one of FORMATS.

    Raises:
        SheetError: there is no such format.
        MissingPartError: a package that the format needs is absent.
    """
    if fmt not in RENDERERS:
        raise SheetError(f"There is no sheet format {fmt!r}", how=f"Choose from {', '.join(FORMATS)}.")
    return RENDERERS[fmt](sheet)
