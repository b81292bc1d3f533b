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
from workbench.execution.discovery import KIND_WORDS, KINDS, Manifest, discover, find_plugin
from workbench.execution.host import run_job
from workbench.execution.jobs import Job

PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class RuntimeState:
    """One plugin on this machine: a runtime, or a native tool-chain ("quantizer").

    Attributes:
        id, title, kind: of the plugin; the folder's name and "runtime" where its manifest is broken.
        ok: usable; reason and remedy say why not and what mends it.
        versions, devices, precisions: as the plugin's probe answered.
        interpreter: library -> version of the interpreter that was asked.
        schemes: that a runtime accepts; options: of a native tool-chain, as its manifest declares them.
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
    kind: str = "runtime"
    options: Mapping[str, Any] = field(default_factory=dict)
    interpreter: Mapping[str, str] = field(default_factory=dict)

    @property
    def tool_chain(self) -> dict[str, str]:
        """Library -> version of all that a stored answer of it depends on."""
        return {**{f"interpreter's {name}": value for name, value in self.interpreter.items()}, **self.versions}

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        return {
            "id": self.id, "title": self.title, "ok": self.ok, "reason": self.reason, "remedy": self.remedy,
            "versions": dict(self.versions), "devices": list(self.devices), "precisions": list(self.precisions),
            "schemes": list(self.schemes), "kind": self.kind, "options": dict(self.options),
        }  # fmt: skip


def probe_all() -> list[RuntimeState]:
    """Probe every discovered plugin, native tool-chains last; broken ones are listed with their reason."""
    states = [_state(manifest, folder, error) for manifest, folder, error in discover()]
    return sorted(states, key=lambda state: KINDS.index(state.kind))


def find_runtime(plugin_id: str) -> Manifest | RuntimeState:
    """Return a runtime's manifest, or for one that is there but cannot be used here its state with the reason.

    Raises:
        StudyError: no plugin has this id, or it is no runtime.
    """
    return _find(plugin_id, "runtime", "Take it out of [[runtimes]].")


def find_quantizer(plugin_id: str) -> Manifest | RuntimeState:
    """Return a native tool-chain's manifest, or for one that cannot be used here its state with the reason.

    Raises:
        StudyError: no plugin has this id, or it is a runtime.
    """
    return _find(plugin_id, "quantizer", "A candidate's native takes the id of a tool-chain.")


def _find(plugin_id: str, kind: str, how: str) -> Manifest | RuntimeState:
    found = discover()
    is_usable = any(manifest and not error and manifest.id == plugin_id for manifest, _, error in found)
    for manifest, folder, error in [] if is_usable else found:
        if plugin_id in (folder.name, manifest.id if manifest else ""):
            return _state(manifest, folder, error)
    manifest = find_plugin(plugin_id, kind=kind)
    if manifest.kind != kind:
        words = f"{plugin_id!r} is a {KIND_WORDS[manifest.kind]}, not a {KIND_WORDS[kind]}"
        raise StudyError(words, how=how)
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
        return _of(manifest, ok=False, reason=str(replace(outcome, remedy="")), remedy=outcome.remedy)
    answer = outcome.value or {}
    return _of(
        manifest,
        ok=answer["ok"],
        reason=answer["reason"],
        remedy=answer["remedy"],
        versions=answer["versions"],
        devices=tuple(answer["devices"]),
        precisions=tuple(answer["precisions"]),
        interpreter=answer["interpreter"],
    )


def _state(manifest: Manifest | None, folder: Path, error: str) -> RuntimeState:
    if manifest is None:
        return RuntimeState(folder.name, folder.name, ok=False, reason=error)
    return _of(manifest, ok=False, reason=error) if error else probe(manifest)


def _of(manifest: Manifest, **answer: Any) -> RuntimeState:
    known: dict[str, Any] = {"schemes": manifest.schemes, "kind": manifest.kind, "options": manifest.options}
    return RuntimeState(manifest.id, manifest.title, **known, **answer)
