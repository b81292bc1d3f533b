"""The self-test of one runtime: one click runs the command; the result names the first pattern that departs."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.commands import Finished
from workbench.ui.runtime_probe import NOT_RUN, RUNNING, STOPPED, RuntimeProbe
from workbench.ui.window import Window

EQUAL = {"pattern": "Conv", "status": "equal", "text": "equal"}
ADD = {"pattern": "Conv+Add", "status": "differs", "text": "rounds once less"}
DEPARTS = {
    "ok": True,
    "reason": "",
    "summary": "Conv+Add: rounds once less (2 patterns: 1 equal, 1 differ)",
    "first_departure": "Conv+Add",
    "patterns": [EQUAL, ADD],
}


class FakeBridge:
    """Takes commands and runs none."""

    def __init__(self) -> None:
        self.arguments: list[list[str]] = []
        self.cancelled = 0

    def run(self, arguments: list[str], on_finished: Any) -> FakeBridge:
        self.arguments.append(arguments)
        self.answer = on_finished
        return self

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def bridge() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
def probe(window: Window, qtbot: QtBot, bridge: FakeBridge) -> RuntimeProbe:
    desk = type("Desk", (), {"bridge": bridge, "theme": window.desk.theme})
    made = RuntimeProbe(desk, "openvino", "OpenVINO")  # type: ignore[arg-type]
    qtbot.addWidget(made)
    return made


def done(document: Any = None, **changes: Any) -> Finished:
    return Finished(**{"exit_code": 0, "cancelled": False, "crashed": False, "document": document, "error": "",
                       "log_tail": (), **changes})  # fmt: skip


def test_one_click_runs_the_command_and_says_so(probe: RuntimeProbe, bridge: FakeBridge) -> None:
    probe._button.click()
    assert bridge.arguments == [["probe", "openvino", "--json"]]
    assert probe._summary.text() == RUNNING
    assert probe.is_running
    probe._button.click()
    assert (bridge.cancelled, len(bridge.arguments)) == (1, 1)
    bridge.answer(done(cancelled=True))
    assert probe._summary.text() == STOPPED
    assert (probe.is_running, probe._button.text()) == (False, "Probe")


def test_the_first_departure_is_named_and_stands_out(probe: RuntimeProbe, bridge: FakeBridge) -> None:
    probe._button.click()
    bridge.answer(done([DEPARTS]))
    assert probe._summary.text() == "Departs first at Conv+Add: rounds once less (2 patterns: 1 equal, 1 differ)"
    assert probe._summary.property("role") == "warn"
    assert probe._patterns.isHidden()
    probe._toggle.click()
    assert not probe._patterns.isHidden()
    assert probe._patterns.text() == "Conv: equal\nConv+Add: rounds once less"
    probe._toggle.click()
    assert probe._patterns.isHidden()


def test_equal_codes_are_good(probe: RuntimeProbe) -> None:
    probe.show_result({**DEPARTS, "summary": "no INT8 pattern departs", "first_departure": None, "patterns": [EQUAL]})
    assert (probe._summary.text(), probe._summary.property("role")) == ("No INT8 pattern departs", "ok")


def test_nothing_compared_is_not_good(probe: RuntimeProbe) -> None:
    failed = {"pattern": "Conv", "status": "failed", "text": "failed"}
    probe.show_result({**DEPARTS, "summary": "nothing was compared", "first_departure": None, "patterns": [failed]})
    assert probe._summary.property("role") == "warn"


def test_a_new_run_clears_the_old_result(probe: RuntimeProbe, bridge: FakeBridge) -> None:
    probe.show_result(DEPARTS)
    probe._button.click()
    assert probe._toggle.isHidden()
    bridge.answer(done([{"ok": False, "reason": "library gone", "first_departure": None}], exit_code=4))
    assert (probe._summary.text(), probe._summary.property("role")) == ("library gone", "warn")


def test_a_command_that_fails_is_told(probe: RuntimeProbe, bridge: FakeBridge, qtbot: QtBot) -> None:
    probe._button.click()
    with qtbot.waitSignal(probe.failed) as told:
        bridge.answer(done(None, exit_code=1, error="no such runtime", log_tail=("line",)))
    assert told.args == ["no such runtime", ("line",)]
    assert probe._summary.text() == NOT_RUN


def test_its_buttons_have_names(probe: RuntimeProbe) -> None:
    assert probe._button.accessibleName() == "Compare the codes of OpenVINO with the specification on small graphs"
    assert probe._toggle.accessibleName() == "Show or hide the patterns of OpenVINO"
