"""The sheet as one HTML file."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from helpers import results

from workbench.execution.result import Result
from workbench.report.render_html import render_html
from workbench.report.sheet import build_sheet, json_bytes

SHEET = build_sheet(results.ordinary(), hosts=())
PAGE = render_html(SHEET).decode("utf-8")
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Balance(HTMLParser):
    """Checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def test_tags_are_balanced() -> None:
    parser = Balance()
    parser.feed(PAGE)
    assert parser.stack == []


def test_page_needs_no_network() -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<]+", PAGE))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "<link" not in PAGE
    assert "src=" not in PAGE


def test_table_is_marked_up_for_screen_readers() -> None:
    assert 'scope="col"' in PAGE
    assert 'scope="row"' in PAGE
    assert "<caption>" in PAGE
    assert 'lang="en"' in PAGE
    assert PAGE.count('role="img"') == 3


def test_json_lies_inside() -> None:
    found = re.search(r'<script type="application/json" id="sheet">(.*?)</script>', PAGE, re.DOTALL)
    assert found is not None
    assert json.loads(found.group(1)) == json.loads(json_bytes(SHEET))


def test_names_cannot_break_out() -> None:
    document = results.ordinary_document()
    document["model"]["name"] = "</script><script>alert(1)</script>"
    page = render_html(build_sheet(Result.model_validate(document), hosts=())).decode("utf-8")
    assert "<script>alert(1)" not in page
    assert page.count("<script") == 1
    Balance().feed(page)


def test_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in PAGE


def test_missing_fields_are_shown() -> None:
    page = render_html(build_sheet(results.all_null(), hosts=())).decode("utf-8")
    assert page.count('class="undisclosed"') == len(build_sheet(results.all_null(), hosts=()).not_disclosed)
