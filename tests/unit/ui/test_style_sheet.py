"""The one style sheet: every token it names exists, every colour comes from a token."""

from __future__ import annotations

import re

from workbench.ui.style_sheet import STYLE
from workbench.ui.tokens import LIGHT


def test_no_colour_is_written_down() -> None:
    assert not re.findall(r"#[0-9A-Fa-f]{3,8}\b", STYLE)


def test_every_name_is_a_token_or_a_size() -> None:
    sizes = {"radius", "font", "small", "heading", "title", "family", "mono", "folder"}
    names = set(re.findall(r"\$\{?([a-z_]+)", STYLE))
    assert names <= set(vars(LIGHT)) | sizes
    assert {"bg", "surface", "accent", "bad"} <= names
