"""run and demo around the engine: what is checked before, what is written after, which exit code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.results import ordinary, without_gates
from helpers.small_studies import STUDY, complaint, run_command

from workbench.cli import study_commands
from workbench.cli.study_commands import exit_code, incomplete
from workbench.errors import JobCancelledError
from workbench.execution.baseline_record import BASELINE_FILE, BaselineComparison, EarlierStudy
from workbench.execution.engine import RunOptions
from workbench.execution.result import Result
from workbench.execution.study import Study
from workbench.files import write_json_atomic


class Engine:
    """Stands for the engine: notes how it was called and gives a recorded result."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.options: list[RunOptions] = []

    def __call__(
        self, study: Study, folder: Path, options: RunOptions, on_event: Callable[..., None], cancel: threading.Event
    ) -> Result:
        self.options.append(options)
        on_event({"event": "stage", "name": "Plan S1", "state": "start"})
        return self.result


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    found = Engine(ordinary())
    monkeypatch.setattr(study_commands, "run_study", found)
    return found


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study file; what it names exists."""
    for name in ("model.onnx", "calibration.npz", "evaluation.npz"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.toml"


def finished(result: Result, **changes: Any) -> Result:
    runs = [run for run in result.runs if run.status == "ok"]
    return result.model_copy(update={"runs": runs, **changes})


def test_exit_codes_by_gates_and_required_runs() -> None:
    result = ordinary()
    verdict = result.verdicts[0]
    by_word = {word: verdict.model_copy(update={"verdict": word}) for word in ("PASS", "FAIL", "CANNOT TELL")}
    assert exit_code(finished(result, verdicts=[by_word["PASS"]])) == 0
    assert exit_code(finished(result, verdicts=[by_word["PASS"], by_word["CANNOT TELL"]])) == 4
    assert exit_code(finished(result, verdicts=[by_word["CANNOT TELL"], by_word["FAIL"]])) == 3
    assert exit_code(finished(result, verdicts=[], gates={})) == 0
    assert exit_code(finished(result, verdicts=[])) == 4  # gates are set and nothing was judged
    assert exit_code(without_gates()) == 4


def test_what_is_not_required_does_not_count() -> None:
    result = without_gates()
    assert incomplete(result)
    optional = [run.model_copy(update={"required": run.status == "ok"}) for run in result.runs]
    assert not incomplete(result.model_copy(update={"runs": optional}))
    verdict = ordinary().verdicts[0].model_copy(update={"verdict": "CANNOT TELL"})
    assert exit_code(result.model_copy(update={"runs": optional, "verdicts": [verdict]})) == 4
    none_required = [run.model_copy(update={"required": False}) for run in result.runs]
    assert exit_code(result.model_copy(update={"runs": none_required, "verdicts": [verdict]})) == 0


def test_run_writes_sheets_and_comparison_and_says_where(
    engine: Engine, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, junit = tmp_path / "new" / "out", tmp_path / "new" / "junit.xml"
    code = run_command(["run", study, "-o", out, "--quick", "--junit", junit])
    shown = capsys.readouterr()
    assert code == exit_code(engine.result)
    assert {path.name for path in out.iterdir()} >= {"sheet.json", "sheet.html", "sheet.pdf", "comparison.txt"}
    assert (out / "comparison.txt").read_text(encoding="utf-8").strip() in shown.out
    lines = shown.out.splitlines()
    assert lines[-2] == f"Sheet: {out / 'sheet.pdf'} (also .html, .json)"
    assert lines[-1].startswith(f"Exit code {code}: ")
    assert shown.err == "- Plan S1\n"
    assert junit.read_bytes().startswith(b"<?xml")
    assert engine.options == [RunOptions(profile="quick")]


def test_json_is_all_that_stands_on_standard_output(
    engine: Engine, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(["run", study, "-o", tmp_path / "out", "--json"])
    shown = capsys.readouterr()
    assert Result.model_validate(json.loads(shown.out)) == engine.result
    assert "Exit code" in shown.err


def test_options_reach_the_engine(engine: Engine, study: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}", encoding="utf-8")
    run_command(
        ["run", study, "-o", tmp_path / "out", "--profile", "full", "--plan", tmp_path / "plan.json", "--allow-code"]
    )
    assert engine.options == [RunOptions(profile="full", plan=tmp_path / "plan.json", allow_code=True)]
    assert run_command(["run", study, "-o", tmp_path / "out", "--profile", "full", "--quick"]) == 2


def test_what_is_not_there_is_told_before_the_engine_starts(
    engine: Engine, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for command in (
        ["run", study, "-o", out, "--plan", tmp_path / "no.json"],
        ["run", study, "-o", study],
        ["run", study, "-o", study / "below"],
        ["run", study, "-o", out, "--junit", study / "junit.xml"],
        ["run", tmp_path / "no.toml", "-o", out],
        ["run", study, "-o", out, "--baseline", tmp_path / "no"],
        ["run", study, "-o", out, "--baseline", study],
        ["run", study, "-o", out, "--baseline", tmp_path],
    ):
        assert run_command(command) == 1, command
        complaint(capsys.readouterr().err)
    (tmp_path / "model.onnx").unlink()
    assert run_command(["run", study, "-o", out]) == 1
    assert "model.onnx cannot be read: there is no such file" in complaint(capsys.readouterr().err)
    assert engine.options == []
    assert not out.exists()


def test_a_model_that_is_code_is_no_missing_file(engine: Engine, study: Path, tmp_path: Path) -> None:
    study.write_text(STUDY.replace('path = "model.onnx"', 'factory = "nets.small:make"'), encoding="utf-8")
    run_command(["run", study, "-o", tmp_path / "out", "--allow-code"])
    assert len(engine.options) == 1


def test_the_demos_gates_do_not_decide_but_a_missing_runtime_does(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["demo", "-o", tmp_path / "demo"]) == 4
    fail = ordinary().verdicts[0].model_copy(update={"verdict": "FAIL"})
    engine.result = finished(ordinary(), verdicts=[fail])
    assert run_command(["demo", "-o", tmp_path / "demo"]) == 0
    assert engine.options[-1].profile == "quick"
    assert "Exit code" not in capsys.readouterr().out


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Studies that a window was opened on; a display is there and Qt works."""
    found: list[Path] = []
    monkeypatch.setattr(study_commands, "has_display", lambda: True)
    monkeypatch.setattr(study_commands, "window_problem", lambda: "")
    monkeypatch.setattr(study_commands, "open_window", lambda options: found.append(options.path) or 0)
    return found


def test_the_demo_opens_the_window_on_the_bundled_study(engine: Engine, opened: list[Path]) -> None:
    assert run_command(["demo"]) == 0
    assert [path.name for path in opened] == ["study.toml"]
    assert engine.options == []


@pytest.mark.parametrize("arguments", [["--headless"], ["-o", "here"], ["--json"]])
def test_the_demo_runs_at_once_when_asked_to(
    engine: Engine, opened: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_command(["demo", *arguments])
    assert opened == []
    assert len(engine.options) == 1


def test_the_demo_runs_where_no_window_can_be_seen(
    engine: Engine,
    opened: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study_commands, "window_problem", lambda: "libEGL.so.1 is not there")
    run_command(["demo"])
    assert "The window cannot be opened: libEGL.so.1 is not there." in capsys.readouterr().err
    monkeypatch.setattr(study_commands, "has_display", lambda: False)
    run_command(["demo"])
    assert "window" not in capsys.readouterr().err
    assert opened == []
    assert len(engine.options) == 2


def test_a_stopped_study_says_that_it_resumes(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: Any) -> Result:
        raise JobCancelledError("stopped")

    monkeypatch.setattr(study_commands, "run_study", stop)
    assert run_command(["run", study, "-o", tmp_path / "out"]) == 130
    assert "the same command resumes" in capsys.readouterr().err


def test_the_baseline_is_opened_first_and_told_last(
    engine: Engine, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then, out = tmp_path / "then", tmp_path / "out"
    write_json_atomic(then / "result.json", engine.result.model_dump(mode="json"))
    earlier = EarlierStudy(name="then", study_sha256="0" * 64, created_utc="2026-11-27T03:00:00Z", program_version="1")
    write_json_atomic(out / BASELINE_FILE, BaselineComparison(baseline=earlier).model_dump(mode="json"))
    words = "Against the baseline then of 2026-11-27 03:00 UTC"
    run_command(["run", study, "-o", out, "--baseline", then])
    assert engine.options[-1].baseline is not None
    assert engine.options[-1].baseline.result == engine.result
    assert capsys.readouterr().out.splitlines()[-2].startswith(words)
    run_command(["run", study, "-o", out, "--baseline", then, "--json"])
    shown = capsys.readouterr()
    assert Result.model_validate(json.loads(shown.out)) == engine.result
    assert words in shown.err
    run_command(["run", study, "-o", out])
    assert words not in capsys.readouterr().out


def test_gates_against_a_baseline_are_told_at_once_where_none_is_given(
    engine: Engine, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(["run", study, "-o", tmp_path / "out"])
    assert "note:" not in capsys.readouterr().err
    study.write_text(f"{STUDY}[gates]\nmax_baseline_answers_changed = 0\nmin_sqnr_db = 20\n", encoding="utf-8")
    run_command(["run", study, "-o", tmp_path / "out"])
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("  note: max_baseline_answers_changed cannot be judged: give --baseline DIR")
    run_command(["run", study, "-o", tmp_path / "out", "--events"])
    assert capsys.readouterr().err == ""
