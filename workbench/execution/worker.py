"""The worker's side of a job: the channel to the host, one handler, and the one boundary where errors become values.

Lines to the host are JSON objects: {"event": name, ...} any number of times, then one {"final": status, ...}.
Lines from the host: the job, then commands such as {"command": "cancel"}.
NOT a worker's duty: time limits, killing, deciding what comes next.
"""

from __future__ import annotations

import errno
import faulthandler
import importlib
import io
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from workbench.errors import ContractError, JobCancelledError, UserError
from workbench.execution.jobs import PluginRef, plugin_ref_from_json

Handler = Callable[["PluginRef | None", dict[str, Any], "Channel"], dict[str, Any]]

HANDLER_MODULES: tuple[str, ...] = (
    "workbench.execution.handlers",
    "workbench.execution.handlers_core",
    "workbench.execution.handlers_native",
    "workbench.execution.handlers_probe",
    "workbench.execution.handlers_tune",
)
"""Modules whose `HANDLERS` (kind -> Handler) a worker knows; each is loaded only when those before it lack a kind."""

MISTAKES = (LookupError, AttributeError, TypeError, NameError, AssertionError, ArithmeticError)
"""Exceptions whose own text is no sentence, such as 'input' of a KeyError."""
PROGRESS_INTERVAL_S = 0.05
SENTINEL_S = 0.5


class Channel:
    """What a handler talks to: events out, commands and cancel in.

    Attributes:
        work_dir: the job's folder, which is also the current folder.
    """

    def __init__(self, out: TextIO, work_dir: Path) -> None:
        self.work_dir = work_dir
        self._out = out
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._last_progress_s = 0.0

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one line. NaN and infinity are refused (ValueError): they are findings with a count, not numbers."""
        line = json.dumps(message, allow_nan=False) + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()

    def event(self, name: str, **values: Any) -> None:
        """Tell the host that something happened; values are JSON."""
        self.send({"event": name, **values})

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell how far it is; thinned out here, so it may be called for every sample."""
        now = time.monotonic()
        if done < total and now - self._last_progress_s < PROGRESS_INTERVAL_S:
            return
        self._last_progress_s = now
        self.event("progress", done=done, total=total, text=text)

    def check_cancelled(self) -> None:
        """Raise JobCancelledError when the user asked to stop."""
        if self._cancelled.is_set():
            raise JobCancelledError("The user asked to stop")

    def next_command(self) -> dict[str, Any]:
        """Wait for the host's next command of an interactive job. Raises JobCancelledError."""
        command = self._commands.get()
        self.check_cancelled()
        return command

    def take(self, command: dict[str, Any]) -> None:
        """Accept one command from the host (called by the reading thread)."""
        if command.get("command") == "cancel":
            self._cancelled.set()
        self._commands.put(command)


def run(channel_fd: int, command_fd: int, sentinel: int) -> None:
    """Read the job, run its handler, send the final message and end the process; never returns.

    Args:
        channel_fd, command_fd: private descriptors to and from the host.
        sentinel: process id of the sentinel, 0 if there is none.
    """
    faulthandler.enable(sys.stderr, all_threads=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    commands = os.fdopen(command_fd, "r", encoding="utf-8")
    job = json.loads(commands.readline())
    out = os.fdopen(channel_fd, "w", encoding="utf-8", newline="\n")
    channel = Channel(out, Path(job["work_dir"]))
    threading.Thread(target=_read_commands, args=(commands, channel), daemon=True, name="commands").start()
    channel.event("started", pid=os.getpid(), sentinel=sentinel, python=sys.version.split()[0])
    final = perform(job, channel)
    channel.send({**final, "peak_rss_bytes": peak_rss_bytes()})
    _end(sentinel)


def perform(job: Mapping[str, Any], channel: Channel) -> dict[str, Any]:
    """Run a job's handler and return its final message; the one place where any exception becomes a value."""
    plugin = plugin_ref_from_json(job["plugin"]) if job["plugin"] else None
    try:
        value = find_handler(job["kind"])(plugin, dict(job["arguments"]), channel)
        json.dumps(value, allow_nan=False)
    except JobCancelledError as error:
        return {"final": "cancelled", "error": error_document(error, plugin)}
    except BaseException as error:  # noqa: BLE001  (the boundary: it crosses as a value with its traceback)
        return {"final": "failed", "error": error_document(error, plugin)}
    return {"final": "ok", "value": value}


def find_handler(kind: str) -> Handler:
    """Return the handler of a job kind. Raises ContractError when there is none."""
    known: list[str] = []
    for name in HANDLER_MODULES:
        try:
            handlers: dict[str, Handler] = importlib.import_module(name).HANDLERS
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        if kind in handlers:
            return handlers[kind]
        known += handlers
    raise ContractError(f"There is no job kind {kind!r}; known: {', '.join(sorted(known))}")


def error_document(error: BaseException, plugin: PluginRef | None) -> dict[str, str]:
    """Return an exception as JSON: kind, what, why, how, message, traceback."""
    what, why, how = _told(error, plugin), "", ""
    if isinstance(error, UserError):
        what, why, how = error.what, error.why, error.how
    elif isinstance(error, ImportError) and plugin and plugin.requirements:
        how = f"Install into this interpreter: {sys.executable} -m pip install {' '.join(plugin.requirements)}"
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        how = "Make room on the disk; what is finished is kept."
    return {
        "kind": type(error).__name__,
        "what": what,
        "why": why,
        "how": how,
        "message": str(error) or type(error).__name__,
        "traceback": "".join(traceback.format_exception(error)),
    }


def _told(error: BaseException, plugin: PluginRef | None) -> str:
    """Return an exception in words; of one that tells a mistake in code, what it is called and where it was made."""
    if isinstance(error, SystemExit):
        return f"the plugin's code ended the program with sys.exit({error.code!r})" if plugin else str(error)
    if plugin is None or not isinstance(error, MISTAKES):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(plugin.folder)]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {error}{where}"


def peak_rss_bytes() -> int | None:
    """Return the largest resident memory of this process in bytes, or None where the system does not tell.

    Linux: VmHWM, which starts anew with each program; ru_maxrss would also count the host that started the worker.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
        if sizes:
            return sizes[0]
    try:
        import resource  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _read_commands(commands: TextIO, channel: Channel) -> None:
    """Pass commands on until the host closes the pipe: then the host is gone, and this group ends too."""
    for line in commands:
        channel.take(json.loads(line))
    time.sleep(SENTINEL_S)  # the sentinel kills more: children that left the group
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _end(sentinel: int) -> None:
    """End at once: the answer is out, and the exit code of a runtime's own teardown would say nothing about it."""
    if sentinel:
        os.kill(sentinel, signal.SIGKILL)
        os.waitpid(sentinel, 0)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)
