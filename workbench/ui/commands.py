"""The one bridge to other processes: the window starts the program's own command line and reads its JSON.

Everything heavy runs there, so that the window is never frozen and never imports a runtime.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QProcess, QProcessEnvironment, QTemporaryDir, QTimer, Signal

KILL_AFTER_MS = 1000
CLOSE_WAIT_MS = 2000
LOG_LINES = 200
CANCELLED = 130


@dataclass(frozen=True)
class Finished:
    """How a command ended.

    Attributes:
        exit_code: of the process; cancelled: the user asked for it; crashed: it was killed by a signal or never ran.
        document: the JSON it printed, None without. error: its one line for the user, "" when it went well.
        log_tail: the last lines of its standard error.
    """

    exit_code: int
    cancelled: bool
    crashed: bool
    document: Any
    error: str
    log_tail: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether it did its work; exit codes 3 and 4 are answers of a finished study, not mistakes."""
        return not (self.cancelled or self.crashed) and self.exit_code in (0, 3, 4)


class Command(QObject):
    """One run of the command line.

    Signals:
        told: a dict per JSON line, where the command prints events; log: a line of standard error;
        finished: a Finished, once, whatever happens.
    """

    told = Signal(dict)
    log = Signal(str)
    finished = Signal(object)

    def __init__(self, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.arguments = list(arguments)
        self._has_events = "--events" in arguments
        self._cancelled = False
        self._out, self._err = b"", b""
        self._tail: deque[str] = deque(maxlen=LOG_LINES)
        self._done: Finished | None = None
        self._process = _process(self, arguments)
        self._process.readyReadStandardOutput.connect(self._read_out)
        self._process.readyReadStandardError.connect(self._read_err)
        self._process.finished.connect(self._end)
        self._process.errorOccurred.connect(self._failed)
        self._killer = QTimer(self)
        self._killer.setSingleShot(True)
        self._killer.timeout.connect(self._process.kill)

    @property
    def is_running(self) -> bool:
        """Whether the process is there and has not ended."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def outcome(self) -> Finished | None:
        """How it ended, None while it runs."""
        return self._done

    @property
    def log_tail(self) -> tuple[str, ...]:
        """The last lines of standard error so far."""
        return tuple(self._tail)

    def start(self) -> None:
        """Start the process; returns at once."""
        self._process.start()

    def cancel(self) -> None:
        """Ask the process to stop as Ctrl-C does, and kill it a second later."""
        if not self.is_running or self._cancelled:
            return
        self._cancelled = True
        _interrupt(self._process)
        self._killer.start(KILL_AFTER_MS)

    def close(self) -> None:
        """Cancel and wait until the process is gone, at most two seconds."""
        self.cancel()
        if self.is_running and not self._process.waitForFinished(KILL_AFTER_MS):
            self._process.kill()
            self._process.waitForFinished(CLOSE_WAIT_MS - KILL_AFTER_MS)

    def _read_out(self) -> None:
        self._out += _bytes(self._process.readAllStandardOutput())
        if not self._has_events:
            return
        *lines, self._out = self._out.split(b"\n")
        for line in lines:
            event = _json(line)
            if isinstance(event, dict):
                self.told.emit(event)

    def _read_err(self) -> None:
        self._err += _bytes(self._process.readAllStandardError())
        *lines, self._err = self._err.split(b"\n")
        for line in lines:
            self._log(line)

    def _log(self, line: bytes) -> None:
        text = line.decode("utf-8", errors="replace").rstrip()
        if text:
            self._tail.append(text)
            self.log.emit(text)

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._finish(-1, crashed=True)

    def _end(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        self._read_out()
        self._read_err()
        self._log(self._err)
        self._finish(exit_code, crashed=status == QProcess.ExitStatus.CrashExit)

    def _finish(self, exit_code: int, *, crashed: bool) -> None:
        if self._done is not None:
            return
        self._killer.stop()
        cancelled = self._cancelled or exit_code == CANCELLED
        document = None if self._has_events else _json(self._out)
        error = "" if cancelled else error_line(exit_code, crashed, self.log_tail)
        self._done = Finished(exit_code, cancelled, crashed and not cancelled, document, error, self.log_tail)
        self.finished.emit(self._done)


class Bridge(QObject):
    """Starts commands and ends them all when the window closes.

    Signals:
        busy: number of commands that run, after each change.
    """

    busy = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: dict[Command, Callable[[Finished], object]] = {}
        self._scratch = QTemporaryDir()

    @property
    def running(self) -> int:
        """How many commands run now."""
        return len(self._running)

    def run(
        self,
        arguments: Sequence[str],
        on_finished: Callable[[Finished], object],
        on_event: Callable[[dict[str, Any]], object] | None = None,
        on_log: Callable[[str], object] | None = None,
    ) -> Command:
        """Start `int8-workbench *arguments` and return at once; the callbacks come from the event loop."""
        command = Command(arguments, self)
        if on_event is not None:
            command.told.connect(on_event)
        if on_log is not None:
            command.log.connect(on_log)
        # A bound method, which Qt holds weakly: a closure over this object would end both in the wrong order.
        command.finished.connect(self._take_ended)
        self._running[command] = on_finished
        self.busy.emit(len(self._running))
        command.start()
        return command

    def scratch(self, name: str) -> Path:
        """Return a path for a file handed to a command; its folder lives as long as the window."""
        return Path(self._scratch.filePath(name))

    def close(self) -> None:
        """Cancel everything that runs and wait for it, at most two seconds each."""
        for command in list(self._running):
            command.close()
        self._scratch.remove()

    def _take_ended(self, _done: Finished) -> None:
        for command in [item for item in self._running if item.outcome is not None]:
            on_finished, done = self._running.pop(command), command.outcome
            self.busy.emit(len(self._running))
            if done is not None:
                on_finished(done)
            command.deleteLater()


def error_line(exit_code: int, crashed: bool, log_tail: Sequence[str]) -> str:
    """Return the user's line of a command that went wrong, "" of one that did not."""
    if not crashed and exit_code in (0, 3, 4):
        return ""
    prefix = "int8-workbench: "
    for line in reversed(log_tail):
        if line.startswith(prefix):
            return line.removeprefix(prefix)
    if crashed:
        return "The command did not start or was ended from outside."
    return log_tail[-1] if log_tail else f"The command ended with exit code {exit_code} and said nothing."


def _process(parent: QObject, arguments: Sequence[str]) -> QProcess:
    process = QProcess(parent)
    process.setProgram(sys.executable)
    process.setArguments(["-m", "workbench", *arguments])
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("PYTHONIOENCODING", "utf-8")
    environment.insert("PYTHONUNBUFFERED", "1")
    process.setProcessEnvironment(environment)
    return process


def _interrupt(process: QProcess) -> None:
    """Send what Ctrl-C sends; Windows has no such message for a process without a console, it is killed at once."""
    if os.name == "posix":
        os.kill(process.processId(), signal.SIGINT)
    else:
        process.kill()


def _bytes(data: QByteArray) -> bytes:
    return bytes(data.data())


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
