"""Icons: one per step, painted in the colour asked for, sharp on any screen."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtWidgets import QApplication

from workbench.ui.icons import icon, names, pixmap, svg
from workbench.ui.rail import STEPS


def test_every_step_has_an_icon() -> None:
    assert {step.icon for step in STEPS} <= set(names())
    assert len(names()) >= 20


@pytest.mark.parametrize("name", names())
def test_icon_is_drawn_in_its_colour(qapp: QApplication, name: str) -> None:
    assert "currentColor" in svg(name)
    image = pixmap(name, "#FF0000", 96).toImage()
    solid = [image.pixelColor(x, y) for x in range(96) for y in range(96)]
    assert {colour.name() for colour in solid if colour.alpha() == 255} == {"#ff0000"}


def test_pixels_follow_the_screen(qapp: QApplication) -> None:
    assert pixmap("run", "#000000", 18, 2.0).width() == 36
    assert not icon("run", "#000000").isNull()


def test_unknown_icon_is_refused() -> None:
    with pytest.raises(KeyError, match="no icon 'nothing'"):
        svg("nothing")
