"""A finished study that several tests read, and the test plugins made known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import studies

from workbench.execution.result import Result


@dataclass(frozen=True)
class Finished:
    """A study on the echo runtime, fp32 and int8, with a short timed part."""

    path: Path
    folder: Path
    result: Result
    events: list[dict[str, Any]]


@pytest.fixture
def known_plugins(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the test plugins known by the environment variable."""
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(studies.PLUGINS))
    return studies.PLUGINS


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run the study once; tests must not change its folder."""
    root = tmp_path_factory.mktemp("finished")
    gates = {"max_accuracy_drop_points": 100.0, "min_sqnr_db": 90.0, "max_artifact_bytes": 1e9}
    content = studies.document(measure={"profile": "quick", "budget_s": 0.6}, gates=gates)
    path = studies.write_study(root / "study", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INT8_WORKBENCH_PLUGINS", str(studies.PLUGINS))
        result, events = studies.run(path, root / "run")
    return Finished(path, root / "run", result, events)
