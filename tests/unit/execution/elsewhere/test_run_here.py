"""run-bundle: the program's own runner on an archive that was looked at; its code is never started."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers.elsewhere import Trip, bundle, flipped, members, relisted, rewritten

from workbench.errors import FileFormatError
from workbench.execution.elsewhere.run_here import run_bundle


def test_a_bundle_runs_here_and_its_own_runner_is_not_started(trip: Trip, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(trip.folder, folder)
    bundle(folder, tmp_path / "quick.zip", seconds=0.0)

    def forge(content: dict[str, bytes]) -> None:
        content["runner.py"] = b"raise SystemExit('this code came with the archive')"
        relisted(content, "job.json")

    forged = rewritten(tmp_path / "quick.zip", tmp_path / "forged.zip", forge)
    assert run_bundle(forged, tmp_path / "result.zip") == 0
    cells = json.loads(members(tmp_path / "result.zip")["returned.json"])["cells"]
    assert [(cell["status"], cell["blocks"]) for cell in cells] == [("ok", []), ("ok", [])]


def test_one_changed_byte_is_named_and_nothing_runs(trip: Trip, tmp_path: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        content["inputs/0.npy"] = flipped(content["inputs/0.npy"])

    path = rewritten(trip.bundle, tmp_path / "job.zip", change)
    with pytest.raises(FileFormatError, match=r"inputs/0\.npy is not what its list says"):
        run_bundle(path, tmp_path / "result.zip")
    assert not (tmp_path / "result.zip").exists()


def test_a_result_is_no_bundle(trip: Trip, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="is a result already"):
        run_bundle(trip.result, tmp_path / "result.zip")
