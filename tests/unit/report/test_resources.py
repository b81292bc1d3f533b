"""Templates and fonts as installed."""

from __future__ import annotations

import pytest

from workbench.report import resources


@pytest.mark.parametrize("name", ["sheet.html.j2", "sheet.typ"])
def test_templates_are_found(name: str) -> None:
    assert len(resources.template(name)) > 1000


def test_each_font_family_has_its_licence_beside_it() -> None:
    with resources.fonts() as folder:
        files = {path.name for path in folder.iterdir()}
        families = {name.split("-")[0] for name in files if name.endswith((".otf", ".ttf"))}
        assert families == {"Inter", "JetBrainsMono"}
        for family in families:
            assert "SIL Open Font License" in (folder / f"{family}-LICENSE.txt").read_text(encoding="utf-8")
