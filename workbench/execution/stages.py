"""One function per stage of a study: each runs one job in a worker, and is kept in the store when finished.

NOT a stage's duty: choosing what runs, metrics, printing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench import errors
from workbench.errors import JobCancelledError, UserError
from workbench.execution.cells import Cell, TimeLeft
from workbench.execution.discovery import Manifest
from workbench.execution.host import run_job
from workbench.execution.jobs import Job, Outcome, PluginRef
from workbench.execution.origin import program_origin
from workbench.execution.store import Store

OnEvent = Callable[[Mapping[str, Any]], None]
CORE_TIMEOUT_S = 24 * 3600.0


@dataclass
class Stages:
    """What every stage needs.

    Attributes:
        store: the study folder; on_event: receives stage and progress events; cancel: set to stop.
        left: the estimated time left, for progress lines.
    """

    store: Store
    on_event: OnEvent
    cancel: threading.Event
    left: TimeLeft = field(default_factory=TimeLeft)

    def keep(
        self, name: str, folder: Path, key: Mapping[str, Any], work: Callable[[Path], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return what the stage recorded earlier under the same key, or do it now and record it.

        Args:
            name: words for the progress line.
            folder: the stage's folder; `work` gets it empty and returns a JSON-ready value.
            key: everything that goes into the stage; the program, its libraries and the processor are added.
        """
        key = {**key, "program": program_origin()}
        found = self.store.finished(folder, key)
        if found is not None:
            self.stage(name, "kept")
            return found
        self.check_cancelled()
        self.stage(name, "start")
        value = work(self.store.begin(folder))
        self.store.finish(folder, key, value)
        self.stage(name, "done")
        return value

    def check_cancelled(self) -> None:
        """Raise JobCancelledError when the user asked to stop."""
        if self.cancel.is_set():
            raise JobCancelledError("stopped on request")

    def stage(self, name: str, state: str, text: str = "", **more: Any) -> None:
        """Tell and log that a stage starts, is done, kept or failed; `more` goes into the event as it is."""
        event = {"event": "stage", "name": name, "state": state, "text": text, **more, "remaining_s": self._left_s}
        self.store.log_event(event)
        self.on_event(event)

    def failed(self, name: str, status: str, reason: str, remedy: str = "", log_tail: Sequence[str] = ()) -> None:
        """Tell and log that a stage failed: one line for people, and its parts.

        Args:
            status: as in a result: failed | crashed | timed_out | not_available.
            reason: why; remedy: how to mend it, or "". log_tail: the last lines of the worker's log.
        """
        reason = (reason.replace(remedy, "") if remedy else reason).strip()
        line = f"{status.replace('_', ' ').capitalize()}: {reason.rstrip('.')}. {remedy}".strip()
        self.stage(name, "failed", line, status=status, reason=reason, remedy=remedy, log_tail=list(log_tail))

    def progress(self, event: Mapping[str, Any]) -> None:
        """Pass a worker's progress on, with the time left."""
        if event.get("event") == "progress":
            self.on_event({**event, "remaining_s": self._left_s})

    def hear(self, cell: Cell, event: Mapping[str, Any]) -> None:
        """Pass progress and rates of a cell's worker on, with the cell's title and the time left; rates not logged."""
        if event.get("event") in ("progress", "rate"):
            self.left.hear(cell, event)
            self.on_event({**event, "cell": cell.title, "remaining_s": self._left_s})

    @property
    def _left_s(self) -> float | None:
        return self.left.seconds or None

    def core_job(self, kind: str, arguments: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Run a job of the core itself; a user's mistake found there is raised here. Raises UserError and others."""
        job = Job(kind, None, arguments, folder, CORE_TIMEOUT_S)
        outcome = run_job(job, self.progress, self.cancel)
        raise_users_mistake(outcome)
        return outcome.require()

    def plugin_job(
        self, kind: str, manifest: Manifest, arguments: Mapping[str, Any], folder: Path, python: str, timeout_s: float
    ) -> Outcome:
        """Run a job of one plugin and return how it ended; a crash is an outcome, not an error."""
        plugin: PluginRef = manifest.ref
        return run_job(Job(kind, plugin, arguments, folder, timeout_s, python), self.progress, self.cancel)


def raise_users_mistake(outcome: Outcome) -> None:
    """Raise the worker's error again if it is one the user can mend; its line is already what, why, how."""
    kind = getattr(errors, outcome.error_kind, None) if outcome.error_kind else None
    if isinstance(kind, type) and issubclass(kind, UserError):
        raise kind(outcome.message, how=outcome.remedy)
