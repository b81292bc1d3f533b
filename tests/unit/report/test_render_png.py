"""The printed pages as pictures: PNG, A4, at the resolution asked for."""

from __future__ import annotations

import io

from helpers.results import ordinary
from PIL import Image

from workbench.report.render_png import render_pages
from workbench.report.sheet import build_sheet


def test_pages_are_a4_at_the_resolution_asked_for() -> None:
    pages = render_pages(build_sheet(ordinary()), ppi=72)
    assert len(pages) >= 2
    for page in pages:
        picture = Image.open(io.BytesIO(page))
        assert (picture.format, picture.size) == ("PNG", (595, 842))


def test_the_first_page_is_not_blank() -> None:
    first = Image.open(io.BytesIO(render_pages(build_sheet(ordinary()), ppi=36)[0]))
    assert len(first.getcolors(100_000) or []) > 50
