"""probe: whether runtimes compute what the scheme says, on small graphs; the first that departs is named."""

from __future__ import annotations

import argparse
import threading
from typing import Any

from workbench.cli.common import (
    EXIT_INCOMPLETE,
    EXIT_OK,
    add_json,
    aligned,
    print_json,
    print_text,
    stop_on_signal,
)
from workbench.cli.progress import Progress
from workbench.execution.discovery import discover
from workbench.execution.probing import RuntimeState, find_runtime, probe

STATE_KEYS = ("id", "title", "ok", "reason", "remedy", "versions")


def add_to(commands: Any) -> None:
    """Add this module's command to the parser."""
    parser = commands.add_parser(
        "probe",
        help="a runtime's codes on small graphs against the executable specification",
        description="Runs one-op and two-op graphs with power-of-two scales, where every runtime must give the same "
        "codes, and names the first that departs. That is a finding, not a failure: the exit code stays 0.",
    )
    parser.add_argument(
        "runtimes", nargs="*", metavar="RUNTIME", help="ids of runtimes; all that are usable by default"
    )
    add_json(parser)
    parser.set_defaults(run_command=run_probe)


def run_probe(options: argparse.Namespace) -> int:
    """Probe each runtime in turn; 4 where one that was named cannot be used."""
    progress = Progress()
    with stop_on_signal() as cancel:
        try:
            documents = [probe_document(name, progress, cancel) for name in options.runtimes or _all_runtimes()]
        finally:
            progress.close()
    documents = [item for item in documents if item["ok"] or options.runtimes]
    if options.json:
        print_json(documents)
    else:
        print_text(
            "\n\n".join(map(probe_text, documents)) or "No runtime can be used here; see int8-workbench runtimes."
        )
    return EXIT_OK if all(item["ok"] for item in documents) else EXIT_INCOMPLETE


def probe_document(runtime_id: str, progress: Progress, cancel: threading.Event) -> dict[str, Any]:
    """Return a runtime's id, title, ok, reason, remedy and versions, and where it is usable `PatternReport.to_json()`.

    Raises:
        StudyError: there is no such runtime.
        JobCancelledError: `cancel` was set.
    """
    from workbench.execution.pattern_probe import probe_runtime  # noqa: PLC0415  (loads onnx)

    found = find_runtime(runtime_id)
    state = found if isinstance(found, RuntimeState) else probe(found, cancel=cancel)
    document = {key: value for key, value in state.to_json().items() if key in STATE_KEYS}
    if isinstance(found, RuntimeState) or not state.ok:
        return document
    return document | probe_runtime(found, progress, cancel).to_json()


def probe_text(document: dict[str, Any]) -> str:
    """Return one runtime's result: a line, then a row per pattern."""
    versions = ", ".join(f"{name} {value}" for name, value in document["versions"].items())
    head = f"{document['title']} ({versions})" if versions else document["title"]
    if not document["ok"]:
        return f"{head}: not usable: {document['reason']} {document['remedy']}".rstrip()
    rows = [[f"  {item['pattern']}", item["text"]] for item in document["patterns"]]
    return f"{head}: {document['summary']}\n{aligned(rows)}"


def _all_runtimes() -> list[str]:
    return [manifest.id for manifest, _, error in discover() if manifest and not error and manifest.kind == "runtime"]
