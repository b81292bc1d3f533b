"""A job for a worker process and the outcome of it: plain values, one printed form.

A job crosses to the worker as one JSON line, an outcome comes back whatever happened there. Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.errors import JobCancelledError, JobFailedError

Status = Literal["ok", "failed", "crashed", "timed_out", "cancelled"]

PLUGIN_PACKAGE = "workbench_plugins"


@dataclass(frozen=True)
class PluginRef:
    """Where a worker finds one plugin.

    Attributes:
        id: the plugin's id, which is also its package `workbench_plugins.<id>`.
        folder: absolute folder with plugin.toml and runtime.py.
        requirements: what pip must have installed, for the message when an import fails.
        module: name of the Python file with `RUNTIME`.
        spi_version: version of `workbench.spi` it was written for.
    """

    id: str
    folder: Path
    requirements: tuple[str, ...] = ()
    module: str = "runtime"
    spi_version: int = 2

    @property
    def dotted_name(self) -> str:
        """Dotted name of the plugin's code."""
        return f"{PLUGIN_PACKAGE}.{self.id}.{self.module}"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        return {
            "id": self.id,
            "folder": str(self.folder),
            "requirements": list(self.requirements),
            "module": self.module,
            "spi_version": self.spi_version,
        }


def plugin_ref_from_json(document: Mapping[str, Any]) -> PluginRef:
    """Build a reference from `PluginRef.to_json()`'s dict."""
    requirements = tuple(document["requirements"])
    place = Path(document["folder"])
    return PluginRef(document["id"], place, requirements, document["module"], document["spi_version"])


@dataclass(frozen=True)
class Job:
    """One request to one worker process.

    Attributes:
        kind: name in the worker's registry: probe, realise, prepare, read_back, cell, ...
        plugin: the one plugin the worker loads, or None for a job of the core itself.
        arguments: JSON values only; arrays travel as files, paths are absolute strings.
        work_dir: the worker's current folder and the place of its log; made if absent.
        timeout_s: wall-clock limit in seconds, from the start of the process to its final message.
        python: interpreter that runs the worker; it needs numpy, onnx and the plugin's runtime.
    """

    kind: str
    plugin: PluginRef | None
    arguments: Mapping[str, Any]
    work_dir: Path
    timeout_s: float
    python: str = sys.executable

    def to_json(self) -> dict[str, Any]:
        """Return what the worker needs to know."""
        plugin = self.plugin.to_json() if self.plugin else None
        return {"kind": self.kind, "plugin": plugin, "arguments": dict(self.arguments), "work_dir": str(self.work_dir)}


@dataclass(frozen=True)
class Outcome:
    """How a job ended. Never raised, always returned.

    Attributes:
        status: ok | failed (the worker told an error) | crashed (it died) | timed_out | cancelled.
        value: the handler's answer when ok, else None.
        error_kind: class name of the worker's error, or "".
        message: what went wrong, one line; "" when ok.
        remedy: how to mend it, or "".
        signal: name such as "SIGSEGV" when a signal ended the worker, or "".
        exit_code: the worker's exit code when it ended by itself, else None.
        log_tail: last lines the worker wrote to its log; for ok jobs too.
        log_path: the whole log, or None when no worker was started.
        remote_traceback: the worker's traceback as text, or "".
        duration_s: seconds from the start of the process to its end.
        peak_rss_bytes: largest resident memory of the worker, None when it could not tell any more.
        leftover: names of processes the worker left behind; they were killed.
    """

    status: Status
    value: dict[str, Any] | None = None
    error_kind: str = ""
    message: str = ""
    remedy: str = ""
    signal: str = ""
    exit_code: int | None = None
    log_tail: tuple[str, ...] = ()
    log_path: Path | None = None
    remote_traceback: str = ""
    duration_s: float = 0.0
    peak_rss_bytes: int | None = None
    leftover: tuple[str, ...] = field(default=())

    @property
    def is_ok(self) -> bool:
        """Whether the job gave its answer."""
        return self.status == "ok"

    def __str__(self) -> str:
        """Return the one line for a person: how it ended, why, how to mend it."""
        if self.status == "ok":
            return f"ok in {self.duration_s:.1f} s"
        head = _HEADS[self.status]
        line = f"{head}: {self.message.rstrip('.')}." if self.message else f"{head}."
        return f"{line} {self.remedy}".strip()

    def require(self) -> dict[str, Any]:
        """Return the value of an ok job.

        Raises:
            JobCancelledError: the user asked to stop.
            JobFailedError: anything else; carries the worker's error kind and traceback.
        """
        if self.status == "ok":
            return self.value or {}
        if self.status == "cancelled":
            raise JobCancelledError(str(self))
        raise JobFailedError(self.error_kind or self.status, str(self), self.remote_traceback)


_HEADS: dict[str, str] = {
    "failed": "Failed",
    "crashed": "Crashed",
    "timed_out": "Timed out",
    "cancelled": "Cancelled",
}
