"""The sheet as PDF: tagged, archivable, reproducible, with its JSON attached."""

from __future__ import annotations

import io
import sys

import pypdf
import pytest
from helpers import results
from helpers.speed_folders import six_runtimes

from workbench.errors import MissingPartError
from workbench.report.render_pdf import page_data, render_pdf
from workbench.report.sheet import build_sheet, json_bytes

SHEET = build_sheet(results.ordinary(), hosts=())


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render_pdf(SHEET)


def test_same_sheet_same_bytes(pdf: bytes) -> None:
    assert render_pdf(SHEET) == pdf


def test_attached_json_is_the_sheet(pdf: bytes) -> None:
    attached = pypdf.PdfReader(io.BytesIO(pdf)).attachments
    assert attached["sheet.json"] == [json_bytes(SHEET)]


def test_tagged_titled_and_in_a_language(pdf: bytes) -> None:
    root = pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"].startswith("en")
    assert pypdf.PdfReader(io.BytesIO(pdf)).metadata.title == SHEET.title


def test_standards_are_declared(pdf: bytes) -> None:
    metadata = pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]["/Metadata"].get_data()
    assert b"<pdfuaid:part>1<" in metadata
    assert b"<pdfaid:part>3<" in metadata
    assert b"<pdfaid:conformance>A<" in metadata


def test_finding_stands_in_the_first_third_of_page_one(pdf: bytes) -> None:
    page = pypdf.PdfReader(io.BytesIO(pdf)).pages[0]
    height, lowest = float(page.mediabox.height), {}

    def visit(text: str, outer: list[float], inner: list[float], _font: object, _size: object) -> None:
        for word in ("ship.", "cannot tell.", "not measured."):
            if word in text and word not in lowest:
                lowest[word] = inner[4] * outer[1] + inner[5] * outer[3] + outer[5]

    page.extract_text(visitor_text=visit)
    text = page.extract_text()
    for word in ("ONNX Runtime: ship.", "OpenVINO: cannot tell.", "Core ML: not measured."):
        assert word in text
    assert len(lowest) == 3
    assert all(y > 2 / 3 * height for y in lowest.values())


def test_a_table_too_long_for_page_one_starts_there_and_goes_on_with_its_head() -> None:
    names = tuple(f"runtime {number}" for number in range(9))
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(build_sheet(six_runtimes(names), hosts=())))).pages
    first, second = (page.extract_text() for page in pages[:2])
    assert "Comparison" in first
    assert "SUSTAINED" in first
    assert "SUSTAINED" in second
    assert all("version, precision" in text for text in (first, second))


def test_fonts_are_embedded(pdf: bytes) -> None:
    assert b"Inter" in pdf
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in pypdf.PdfReader(io.BytesIO(pdf)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert all("Inter" in name or "JetBrains" in name for name in fonts)


def test_date_is_the_result_s(pdf: bytes) -> None:
    assert page_data(SHEET)["date"] == [2026, 11, 20, 1, 2, 3]
    assert b"D:20261120010203Z" in pdf
    assert page_data(SHEET.model_copy(update={"created_utc": "?"}))["date"][0] == 2000


def test_each_chart_has_words_in_its_place() -> None:
    assert all(len(chart["alt"]) > 60 for chart in page_data(SHEET)["charts"])


def test_absent_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingPartError, match="pip install typst"):
        render_pdf(SHEET)
