"""Icons: one per step, painted in the colour asked for, sharp on any screen."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.ui.icons import icon, names, pixmap, svg
from workbench.ui.rail import STEPS
from workbench.ui.theme import Theme
from workbench.ui.tokens import TABLES, contrast
from workbench.ui.widgets import button, themed_icon


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


@pytest.mark.parametrize("mode", sorted(TABLES))
@pytest.mark.parametrize(("role", "colour", "ground"), [("primary", "on_accent", "neutral_soft"), ("", "text", "bg")])
def test_icon_of_a_button_that_cannot_be_used_is_seen(
    qtbot: QtBot, theme: Theme, mode: str, role: str, colour: str, ground: str
) -> None:
    theme.set_mode("dark" if mode == "dark" else "light")
    made = themed_icon(button("", role=role), theme, "run", colour)
    qtbot.addWidget(made)
    made.setEnabled(False)
    made.show()
    image = made.grab().toImage()
    seen = {image.pixelColor(x, y).name().upper() for x in range(image.width()) for y in range(image.height())}
    assert theme.tokens.disabled in seen
    assert contrast(theme.tokens.disabled, theme.tokens.colour(ground)) > 2.5


def test_unknown_icon_is_refused() -> None:
    with pytest.raises(KeyError, match="no icon 'nothing'"):
        svg("nothing")
