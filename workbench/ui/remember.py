"""Puts a study into the machine-wide history, with its finding in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from workbench.execution.history import Entry, History
from workbench.execution.result import Result
from workbench.report.verdicts import sentences


def remember(history: History, result: Result, folder: Path) -> None:
    """Add a study that was run or opened now. Raises OutputError, FileFormatError."""
    history.add(entry_of(result, folder, datetime.now(UTC)))


def entry_of(result: Result, folder: Path, opened: datetime) -> Entry:
    """Return a study's entry; `opened` is in UTC."""
    verdict = "; ".join(str(spoken["lead"]).removesuffix(".") for spoken in sentences(result)) or "nothing was measured"
    return Entry(
        path=folder.resolve(),
        name=result.study_name,
        model=result.model.name,
        created_utc=result.created_utc,
        opened_utc=f"{opened:%Y-%m-%dT%H:%M:%SZ}",
        verdict=verdict,
    )
