"""What is usable here: every plugin's manifest and the answer of its probe, asked in a worker of its own."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.errors import StudyError
from workbench.execution.contract import broken_contract
from workbench.execution.discovery import Manifest, discover, find_plugin
from workbench.execution.host import run_job
from workbench.execution.jobs import Job

PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class RuntimeState:
    """One plugin on this machine.

    Attributes:
        id, title: of the plugin; the folder's name where its manifest is broken.
        ok: usable; reason and remedy say why not and what mends it.
        versions, devices, precisions: as the plugin's probe answered.
    """

    id: str
    title: str
    ok: bool
    reason: str = ""
    remedy: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        return {
            "id": self.id, "title": self.title, "ok": self.ok, "reason": self.reason, "remedy": self.remedy,
            "versions": dict(self.versions), "devices": list(self.devices), "precisions": list(self.precisions),
            "schemes": list(self.schemes),
        }  # fmt: skip


def probe_all() -> list[RuntimeState]:
    """Probe every discovered runtime plugin; broken ones are listed with their reason. Never raises for a plugin."""
    return [_state(manifest, folder, error) for manifest, folder, error in discover()]


def find_runtime(plugin_id: str) -> Manifest | RuntimeState:
    """Return a runtime's manifest, or for one that is there but cannot be used here its state with the reason.

    Raises:
        StudyError: no plugin has this id, or it is no runtime.
    """
    found = discover()
    is_usable = any(manifest and not error and manifest.id == plugin_id for manifest, _, error in found)
    for manifest, folder, error in [] if is_usable else found:
        if plugin_id in (folder.name, manifest.id if manifest else ""):
            return _state(manifest, folder, error)
    manifest = find_plugin(plugin_id)
    if manifest.kind != "runtime":
        raise StudyError(f"{plugin_id!r} is a {manifest.kind}, not a runtime", how="Take it out of [[runtimes]].")
    return manifest


def probe(manifest: Manifest, python: str = sys.executable, cancel: threading.Event | None = None) -> RuntimeState:
    """Ask one plugin in a worker of the given interpreter whether it can be used.

    Raises:
        JobCancelledError: `cancel` was set.
    """
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
        outcome = run_job(Job("probe", manifest.ref, {}, Path(folder), PROBE_TIMEOUT_S, python), None, cancel)
    if outcome.status == "cancelled":
        outcome.require()
    outcome = broken_contract(manifest.id, outcome.value or {}) or outcome
    if not outcome.is_ok:
        reason = str(replace(outcome, remedy=""))
        return RuntimeState(
            manifest.id, manifest.title, ok=False, reason=reason, remedy=outcome.remedy, schemes=manifest.schemes
        )
    answer = outcome.value or {}
    return RuntimeState(
        id=manifest.id,
        title=manifest.title,
        ok=answer["ok"],
        reason=answer["reason"],
        remedy=answer["remedy"],
        versions=answer["versions"],
        devices=tuple(answer["devices"]),
        precisions=tuple(answer["precisions"]),
        schemes=manifest.schemes,
    )


def _state(manifest: Manifest | None, folder: Path, error: str) -> RuntimeState:
    if manifest is None or error:
        title = manifest.title if manifest else folder.name
        return RuntimeState(manifest.id if manifest else folder.name, title, ok=False, reason=error)
    return probe(manifest)
