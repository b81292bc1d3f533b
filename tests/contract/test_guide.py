"""The runtime that the plugins' guide prints is a whole one: written out and run, it keeps what the guide promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers import studies

from workbench.execution.discovery import discover

GUIDE = Path(__file__).resolve().parents[2] / "plugins" / "README.md"
MANIFEST = 'id = "guided"\ntitle = "Guided"\nkind = "runtime"\nspi_version = 2\nschemes = ["S1", "fp32"]\n'


def printed_code() -> str:
    """Return the indented block below the guide's heading "The smallest one"."""
    section = GUIDE.read_text(encoding="utf-8").partition("### The smallest one")[2].partition("\n### ")[0]
    lines = [line for line in section.splitlines() if not line or line.startswith("    ")]
    return "\n".join(line[4:] for line in lines).strip() + "\n"


@pytest.fixture
def guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guide's runtime as a plugin folder, made known."""
    folder = tmp_path / "plugins" / "guided"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(MANIFEST, encoding="utf-8")
    (folder / "runtime.py").write_text(printed_code(), encoding="utf-8")
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(folder.parent))
    return folder


def test_the_printed_runtime_runs_a_study_and_holds_the_plans_numbers(guided: Path, tmp_path: Path) -> None:
    assert next(error for manifest, _, error in discover() if manifest and manifest.id == "guided") == ""
    path = studies.write_study(tmp_path / "study", studies.document([{"id": "guided", "name": "guided"}]))
    result, _ = studies.run(path, tmp_path / "run")
    fp32, int8 = (run for run in result.runs if run.label == "guided")
    assert (fp32.status, int8.status) == ("ok", "ok"), (fp32.problem, int8.problem)
    assert int8.parity is not None
    assert (int8.parity.mismatches, int8.parity.checked > 0) == ([], True)
    assert int8.facts["evidence"] == "simulated"
    assert fp32.top1_agreement is not None
    assert fp32.top1_agreement.value == 1.0


def test_the_time_limits_it_names_are_the_programs() -> None:
    from workbench.execution import artifacts, cell_run, probing

    text = " ".join(GUIDE.read_text(encoding="utf-8").split())
    found = re.search(r"are (\d+) s for `probe` and `realise`, one hour for `prepare`, (\d+) minutes for", text)
    assert found is not None
    assert float(found[1]) == probing.PROBE_TIMEOUT_S == artifacts.REALISE_TIMEOUT_S
    assert (3600, 60 * float(found[2])) == (artifacts.PREPARE_TIMEOUT_S, artifacts.READ_BACK_TIMEOUT_S)
    assert f"{cell_run.CLOSE_LIMIT_S / 60:g} minutes to close a session" in text
