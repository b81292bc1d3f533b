"""The Tune page: what is missing, run, cancel, fail, find, adopt and undo, reopen."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from helpers import tuned
from helpers.results import ordinary
from helpers.studies import document, write_study
from helpers.words import words_of
from pytestqt.qtbot import QtBot

from workbench.files import write_json_atomic
from workbench.ui.commands import Bridge, Finished
from workbench.ui.pages.tune import TunePage
from workbench.ui.states import tune_state
from workbench.ui.tuned import FILE
from workbench.ui.window import Window

WAIT_MS = 60_000


@pytest.fixture
def page(window: Window) -> TunePage:
    window.show_page("tune")
    made = window.page("tune")
    assert isinstance(made, TunePage)
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were started; none of them runs."""
    found: list[list[str]] = []

    def run(_bridge: Bridge, arguments: list[str], *_: Any) -> SimpleNamespace:
        found.append(arguments)
        return SimpleNamespace(cancel=lambda: None)

    monkeypatch.setattr(Bridge, "run", run)
    return found


def _open(window: Window, folder: Path, **changes: Any) -> Path:
    study = write_study(folder, document(({"id": "ort_cpu"},), measure={"profile": "none"}, **changes))
    window.desk.document.load(study)
    return study


def _done(**changes: Any) -> Finished:
    outcome = {"exit_code": 0, "cancelled": False, "crashed": False, "document": None, "error": "", "log_tail": ()}
    return Finished(**{**outcome, **changes})


def _start(page: TunePage, asked: list[list[str]]) -> Path:
    page.start()
    assert page.is_running
    return Path(asked[-1][asked[-1].index("-o") + 1])


def test_without_a_study_it_says_what_to_do(page: TunePage, window: Window) -> None:
    assert not page.next_step.isHidden()
    assert page.options.isHidden()
    assert not page._start.isEnabled()
    page.next_step.action.click()
    assert window.rail.buttons["model"].isChecked()


def test_what_is_missing_is_said_with_the_step_to_go_to(page: TunePage, window: Window) -> None:
    window.desk.document.set("choose a model", {"path": "/m.onnx"}, "model")
    assert "evaluation" in page._problem.text()
    page._next.click()
    assert window.rail.buttons["data"].isChecked()


def test_a_study_without_a_quantized_candidate_leads_to_the_scheme(
    page: TunePage, window: Window, tmp_path: Path
) -> None:
    _open(window, tmp_path, scheme={"name": "fp32"})
    assert "No candidate has a scheme that can be tuned" in page._problem.text()
    assert not page._start.isEnabled()
    page._next.click()
    assert window.rail.buttons["scheme"].isChecked()


def test_it_starts_the_command_beside_the_results(
    page: TunePage, window: Window, asked: list[list[str]], tmp_path: Path
) -> None:
    study = _open(window, tmp_path)
    page.options.boxes["sqnr_db"].setChecked(True)
    folder = _start(page, asked)
    assert folder == tmp_path / f"{study.stem}-tune"
    assert asked[-1][0] == "tune"
    assert asked[-1][asked[-1].index("--sqnr-db") + 1] == "20"
    assert page.options.isHidden()
    assert not page._cancel.isHidden()


def test_progress_and_time_left_are_shown(
    page: TunePage, window: Window, asked: list[list[str]], tmp_path: Path
) -> None:
    _open(window, tmp_path)
    _start(page, asked)
    page._run.take({"event": "stage", "name": "Sensitivity of S1", "state": "start", "remaining_s": 40.0})
    page._run.take({"event": "progress", "done": 5, "total": 20, "text": "conv1", "remaining_s": 30.0})
    page._paint()
    assert "about 30 s left" in page._now.text()
    assert page._stage.text() == "Sensitivity of S1 · 5 of 20"
    assert page._bar.value() == 250
    assert window.rail.buttons["tune"].state == "running, 30 s left"


def test_cancelled_and_failed_say_what_is_kept(
    page: TunePage, window: Window, asked: list[list[str]], tmp_path: Path
) -> None:
    _open(window, tmp_path)
    _start(page, asked)
    page.cancel()
    assert page._now.text() == "Stopping..."
    page._finished(_done(exit_code=130, cancelled=True))
    assert page._now.text().startswith("Stopped.")
    assert window.rail.buttons["tune"].state == "stopped"
    assert not window.errors.isVisible()
    _start(page, asked)
    page._finished(_done(exit_code=1, error="The model is gone. Choose another.", log_tail=("one", "two")))
    assert "did not finish" in page._now.text()
    assert window.rail.buttons["tune"].state == "failed"
    assert "Choose another." in window.errors.text()
    assert "two" in window.errors.text()
    assert page._start.isEnabled()


def test_what_was_found_is_adopted_and_taken_back(
    page: TunePage, window: Window, asked: list[list[str]], tmp_path: Path
) -> None:
    _open(window, tmp_path, scheme={"name": "S1"})
    folder = _start(page, asked)
    tuned.read(tuned.document(), folder)
    page._finished(_done())
    assert not page.result.isHidden()
    assert window.rail.buttons["tune"].state == "2 layers in float"
    assert page.options.target == {"sqnr_db": 23.0}
    page.result.adopt_button.click()
    study = window.desk.document
    assert study.value("scheme", "exclude_nodes") == ["conv1", "block2.depthwise"]
    assert "Run it" in page.result.said.text()
    assert study.undo_stack.undoText() == "adopt two layers in float"
    study.undo_stack.undo()
    assert study.value("scheme", "exclude_nodes") is None
    assert page.result.adopt_button.isEnabled()


def test_the_command_itself_is_run_and_its_file_shown(
    page: TunePage, window: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    _open(window, tmp_path)
    page.options.most.setValue(1)
    page.start()
    qtbot.waitUntil(lambda: not page.is_running, timeout=WAIT_MS)
    assert not page.result.isHidden(), window.errors.text()
    assert (tmp_path / "study-tune" / FILE).is_file()
    assert page.result.points.view.rows_model.rowCount() >= 1
    assert page.result.selected is not None
    assert "simulated on" in page.result.conditions.text()


def test_another_scheme_adopts_nothing(page: TunePage, window: Window, tmp_path: Path) -> None:
    _open(window, tmp_path)
    page.show_found(tuned.read(tuned.document(), tmp_path / "t"))
    window.desk.document.set("change the method", "minmax", "scheme", "method")
    assert not page.result.adopt_button.isEnabled()
    assert "has changed since" in page.result.said.text()


def test_a_command_that_wrote_nothing_is_an_error(
    page: TunePage, window: Window, asked: list[list[str]], tmp_path: Path
) -> None:
    _open(window, tmp_path)
    _start(page, asked)
    page._finished(_done())
    assert FILE in window.errors.text()


def test_a_reopened_study_folder_shows_its_tuning(page: TunePage, window: Window, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    tuned.read(tuned.document(), folder)
    write_json_atomic(folder / "result.json", ordinary().model_dump(mode="json"))
    window.open_path(folder)
    assert "Two layers in float reach 23 dB" in words_of(page)
    assert "No study is open" in page.result.said.text()
    window.desk.document.new()
    page.show_result(None, None)
    assert page.result.isHidden()


def test_a_study_file_shows_the_tuning_beside_it(page: TunePage, window: Window, tmp_path: Path) -> None:
    study = _open(window, tmp_path)
    assert page.result.isHidden()
    tuned.read(tuned.document(), tmp_path / f"{study.stem}-tune")
    window.desk.document.load(study)
    assert not page.result.isHidden()


def test_the_rail_says_how_it_ended(tmp_path: Path) -> None:
    assert tune_state(None) == ("", "")
    assert tune_state(tuned.read(tuned.document(), tmp_path)) == ("2 layers in float", "ok")
    assert tune_state(tuned.read(tuned.hard(), tmp_path)) == ("target not reached", "warn")
    assert tune_state(tuned.read(tuned.unlabelled(), tmp_path)) == ("5 points, no target", "")
