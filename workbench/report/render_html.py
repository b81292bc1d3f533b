"""The sheet as one HTML file: offline, light and dark, tables marked up for screen readers, sheet.json inside."""

from __future__ import annotations

import jinja2

from workbench.report import charts_svg, resources, svg
from workbench.report.sheet import Sheet, json_bytes
from workbench.report.view import view_of


def render_html(sheet: Sheet) -> bytes:
    """Return the page as UTF-8. The sheet's JSON lies in <script type="application/json" id="sheet">."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)  # fmt: skip
    page = environment.from_string(resources.template("sheet.html.j2")).render(
        view=view_of(sheet),
        sheet=sheet,
        charts=charts_svg.charts(sheet, svg.CSS),
        document=json_bytes(sheet).decode("utf-8").replace("<", "\\u003c"),
    )
    return page.encode("utf-8")
