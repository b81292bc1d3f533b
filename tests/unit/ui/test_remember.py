"""A study's entry in the history: name, model, moment, verdicts in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from helpers.results import no_runtimes, ordinary

from workbench.execution.history import History
from workbench.ui.remember import entry_of, remember


def test_the_finding_is_in_words(tmp_path: Path) -> None:
    entry = entry_of(ordinary(), tmp_path, datetime(2026, 11, 20, 12, 30, tzinfo=UTC))
    assert (entry.name, entry.model, entry.opened_utc) == ("mobilenet", "MobileNet", "2026-11-20T12:30:00Z")
    assert entry.verdict == (
        "ONNX Runtime: ship; OpenVINO: cannot tell; TensorRT: crashed (SIGSEGV); Core ML: not measured"
    )


def test_a_study_without_runtimes_says_so(tmp_path: Path) -> None:
    assert entry_of(no_runtimes(), tmp_path, datetime.now(UTC)).verdict == "nothing was measured"


def test_a_study_is_listed_once(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    for _ in range(2):
        remember(history, ordinary(), tmp_path)
    assert [entry.path for entry in history.entries()] == [tmp_path.resolve()]
