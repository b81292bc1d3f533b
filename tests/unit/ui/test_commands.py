"""The bridge: answers, errors, events, cancel within a second, nothing left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6.QtCore", reason="the window is not installed", exc_type=ImportError)

from helpers.studies import write_study
from pytestqt.qtbot import QtBot

from workbench.ui import commands
from workbench.ui.commands import Bridge, Command, Finished, error_line

WAIT_MS = 30_000


def ended(qtbot: QtBot, command: Command) -> Finished:
    with qtbot.waitSignal(command.finished, timeout=WAIT_MS) as told:
        command.start()
    done: Finished = told.args[0]
    return done


def script(command: Command, text: str) -> Command:
    """Let a command run a line of Python instead of the program."""
    command._process.setArguments(["-c", text])
    return command


def test_json_comes_back(qtbot: QtBot, tmp_path: Path) -> None:
    done = ended(qtbot, Command(["scan", str(write_study(tmp_path)), "--json"]))
    assert done.ok
    assert set(done.document["parts"]) == {"calibration", "evaluation"}


def test_a_users_mistake_is_one_line(qtbot: QtBot, tmp_path: Path) -> None:
    done = ended(qtbot, Command(["inspect", str(tmp_path / "no.onnx"), "--json"]))
    assert not done.ok
    assert done.exit_code == 1
    assert done.error.startswith("no.onnx cannot be read")
    assert "Traceback" not in done.error


def test_events_come_one_by_one(qtbot: QtBot) -> None:
    command = script(Command(["run", "--events"]), 'print(\'{"event": "stage"}\\nno json\\n{"event": "finished"}\')')
    told: list[dict[str, Any]] = []
    command.told.connect(told.append)
    done = ended(qtbot, command)
    assert [event["event"] for event in told] == ["stage", "finished"]
    assert done.document is None


def test_exit_codes_of_a_finished_study_are_no_mistakes(qtbot: QtBot) -> None:
    assert ended(qtbot, script(Command([]), "raise SystemExit(3)")).ok
    assert not ended(qtbot, script(Command([]), "raise SystemExit(2)")).ok


def test_cancel_stops_what_does_not_listen(qtbot: QtBot) -> None:
    text = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    command = script(Command(["--events"]), text)
    command.start()
    with qtbot.waitSignal(command._process.readyReadStandardOutput, timeout=WAIT_MS):
        pass
    with qtbot.waitSignal(command.finished, timeout=WAIT_MS) as told:
        command.cancel()
    assert told.args[0].cancelled
    assert not told.args[0].crashed
    assert told.args[0].error == ""


def test_closing_leaves_no_process(qtbot: QtBot) -> None:
    bridge = Bridge()
    done: list[Finished] = []
    command = bridge.run([], done.append)
    process_id = command._process.processId()
    bridge.close()
    assert not command.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_the_bridge_counts(qtbot: QtBot) -> None:
    bridge = Bridge()
    counts: list[int] = []
    bridge.busy.connect(counts.append)
    done: list[Finished] = []
    bridge.run(["--version"], done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=WAIT_MS)
    assert counts == [1, 0]
    assert bridge.running == 0


def test_a_program_that_is_not_there_ends_too(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.sys, "executable", "/no/such/python")
    done = ended(qtbot, Command(["--version"]))
    assert done.crashed
    assert "did not start" in done.error


def test_scratch_goes_with_the_bridge(qtbot: QtBot) -> None:
    bridge = Bridge()
    path = bridge.scratch("a.toml")
    path.write_text("x")
    bridge.close()
    assert not path.exists()


@pytest.mark.parametrize(
    ("code", "crashed", "log", "line"),
    [
        (0, False, ["warning"], ""),
        (1, False, ["noise", "int8-workbench: no model. Give one."], "no model. Give one."),
        (1, False, ["last words"], "last words"),
        (9, False, [], "The command ended with exit code 9 and said nothing."),
        (9, True, [], "The command did not start or was ended from outside."),
    ],
)
def test_the_line_for_the_user(code: int, crashed: bool, log: list[str], line: str) -> None:
    assert error_line(code, crashed, log) == line


def test_starting_does_not_block(qtbot: QtBot) -> None:
    bridge = Bridge()
    began = time.perf_counter()
    bridge.run(["--version"], lambda _done: None)
    assert time.perf_counter() - began < 5
    bridge.close()
