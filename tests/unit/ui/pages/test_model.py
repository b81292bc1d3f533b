"""The Model page: read, shown, proposal adopted, mistakes said."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.onnx_models import conv_relu_net
from helpers.studies import write_study
from pytestqt.qtbot import QtBot

from workbench.model.load import save_proto
from workbench.ui.pages.model import ModelPage
from workbench.ui.window import Window

WAIT_MS = 30_000


@pytest.fixture
def page(window: Window) -> ModelPage:
    made = window.page("model")
    assert isinstance(made, ModelPage)
    return made


def test_a_model_is_read_and_its_proposal_adopted(
    page: ModelPage, window: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    save_proto(conv_relu_net(), tmp_path / "net.onnx")
    window.open_path(tmp_path / "net.onnx")
    qtbot.waitUntil(lambda: page._document is not None, timeout=WAIT_MS)
    assert page._share.text().startswith("Under scheme S1")
    assert page._ops.view.rows_model.rowCount() > 0
    assert page._adopted.text() == "In use"
    assert window.desk.document.is_guessed
    window.desk.document.undo_stack.undo()
    assert page._adopted.text() == ""
    assert not window.desk.document.is_guessed
    page._adopt.click()
    assert page._adopted.text() == "In use"
    assert not page._adopt.isEnabled()


def test_what_the_user_said_is_not_replaced(page: ModelPage, window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    save_proto(conv_relu_net(), tmp_path / "net.onnx")
    window.desk.document.set("change the task", "divergence", "task", "kind")
    window.open_path(tmp_path / "net.onnx")
    qtbot.waitUntil(lambda: page._document is not None, timeout=WAIT_MS)
    assert window.desk.document.value("preprocess") is None
    assert page._adopt.isEnabled()


def test_the_last_studies_stand_on_the_empty_page(page: ModelPage, window: Window, tmp_path: Path) -> None:
    assert page._recent.isHidden()
    window.desk.settings.add_recent(tmp_path)
    page._refresh()
    assert not page._recent.isHidden()
    window.desk.document.set("factory", {"factory": "package.module:make"}, "model")
    assert page._recent.isHidden()


def test_a_damaged_model_is_said_in_place(page: ModelPage, window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    window.open_path(tmp_path / "bad.onnx")
    qtbot.waitUntil(lambda: page._note.property("role") == "bad", timeout=WAIT_MS)
    assert "bad.onnx" in page._note.text()


def test_code_is_not_run(page: ModelPage, window: Window) -> None:
    window.desk.document.set("factory", {"factory": "package.module:make"}, "model")
    assert window.desk.bridge.running == 0
    assert "after you allow" in page._note.text()


def test_another_model_ends_the_first_reading(page: ModelPage, window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        save_proto(conv_relu_net(), tmp_path / name)
        window.open_path(tmp_path / name)
    qtbot.waitUntil(lambda: page._document is not None and window.desk.bridge.running == 0, timeout=WAIT_MS)
    assert page._document is not None
    assert page._document["name"] == "b"


def test_a_file_that_is_no_model_is_no_ready_study_until_it_can_be_read(
    page: ModelPage, window: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    window.desk.document.load(write_study(tmp_path))
    model = Path(window.desk.document.value("model", "path"))
    good = model.read_bytes()
    qtbot.waitUntil(lambda: page._document is not None, timeout=WAIT_MS)
    assert window.rail.buttons["run"].state == "ready"
    model.write_bytes(b"no model")
    window.desk.document.new()
    window.desk.document.load(tmp_path / "study.toml")
    qtbot.waitUntil(lambda: window.rail.buttons["model"].state == "cannot be read", timeout=WAIT_MS)
    assert window.desk.document.problem() == page._note.text()
    assert window.rail.buttons["run"].state == "not ready"
    window.show_page("run")
    run = window.page("run")
    assert not run._start.isEnabled()  # type: ignore[attr-defined]
    model.write_bytes(good)
    run._next.click()  # type: ignore[attr-defined]
    assert window.rail.buttons["model"].isChecked()
    qtbot.waitUntil(lambda: window.rail.buttons["run"].state == "ready", timeout=WAIT_MS)
