"""The rail: groups in order, states, keyboard."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from workbench.ui.rail import STEPS, Rail
from workbench.ui.theme import Theme


def test_steps_stand_in_the_groups_of_the_design() -> None:
    groups: dict[str, list[str]] = {}
    for step in STEPS:
        groups.setdefault(step.group, []).append(step.title)
    assert groups == {
        "Set up": ["Model", "Data", "Scheme", "Runtimes", "Run"],
        "Results": ["Compare", "Speed", "Tune"],
        "Hand over": ["Sheet", "History"],
    }


def test_a_step_is_chosen_by_key_and_by_mouse(theme: Theme, qtbot: QtBot) -> None:
    rail = Rail(theme)
    qtbot.addWidget(rail)
    rail.show()
    with qtbot.waitSignal(rail.chosen) as told:
        qtbot.mouseClick(rail.buttons["data"], Qt.MouseButton.LeftButton)
    assert told.args == ["data"]
    rail.buttons["run"].setFocus()
    with qtbot.waitSignal(rail.chosen) as told:
        qtbot.keyClick(rail.buttons["run"], Qt.Key.Key_Space)
    assert told.args == ["run"]


def test_a_long_state_is_shortened_and_kept_whole_for_reading(theme: Theme, qtbot: QtBot) -> None:
    rail = Rail(theme)
    qtbot.addWidget(rail)
    text = "a_model_with_a_very_long_name_" * 4
    rail.set_state("model", text, "warn")
    rail.show()
    button = rail.buttons["model"]
    assert button.state == text
    assert button.accessibleDescription() == text
    assert "\N{HORIZONTAL ELLIPSIS}" in button._state.text()
    assert button._state.sizeHint().width() < rail.width()
    assert button._state.property("role") == "step-state-warn"


def test_the_selected_step_is_marked(theme: Theme, qtbot: QtBot) -> None:
    rail = Rail(theme)
    qtbot.addWidget(rail)
    rail.select("run")
    rail.select("data")
    assert [key for key, button in rail.buttons.items() if button.isChecked()] == ["data"]
