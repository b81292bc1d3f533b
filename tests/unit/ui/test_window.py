"""The shell: opening anything, errors shown, pages made when needed, nothing left after closing, names everywhere."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

from helpers.onnx_models import conv_relu_net
from helpers.results import ordinary
from helpers.studies import write_study
from helpers.study_folder import make_study_folder
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workbench.files import write_json_atomic
from workbench.model.load import save_proto
from workbench.ui.charts import preload
from workbench.ui.page_registry import PAGES
from workbench.ui.presentation import Presentation
from workbench.ui.window import Window

HEAVY = ("onnxruntime", "openvino", "torch", "onnx", "pandas", "pyqtgraph", "pydantic", "numpy", "PIL")
FIRST_PAINT = """
import sys
from PySide6.QtWidgets import QApplication
from workbench.ui.app import make_application
from workbench.ui.settings import Settings
from workbench.ui.theme import Theme
from workbench.ui.window import Window
application = make_application()
window = Window(Theme(application, "light"), Settings(__import__("pathlib").Path(sys.argv[1])))
window.show()
application.processEvents()
print([name for name in {heavy!r} if name in sys.modules])
"""


def test_the_first_paint_loads_no_runtime_and_nothing_heavy(tmp_path: Path) -> None:
    code = FIRST_PAINT.format(heavy=HEAVY)
    command = [sys.executable, "-c", code, str(tmp_path / "w.ini")]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.stdout.strip() == "[]", outcome.stderr


def test_a_model_is_opened_and_read_in_another_process(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    save_proto(conv_relu_net(), tmp_path / "net.onnx")
    window.open_path(tmp_path / "net.onnx")
    assert window.desk.document.value("model", "path") == str(tmp_path / "net.onnx")
    assert window.rail.buttons["model"].state == "net.onnx"
    assert window.desk.bridge.running == 1
    qtbot.waitUntil(lambda: window.desk.bridge.running == 0, timeout=30_000)
    assert window.errors.isHidden()


def test_a_study_opens_with_its_paths(window: Window, tmp_path: Path) -> None:
    window.open_path(write_study(tmp_path))
    assert not window.desk.document.is_modified
    assert Path(window.desk.document.value("model", "path")).is_file()
    assert window.desk.settings.recent
    assert "*" not in window.windowTitle()


def test_a_study_folder_opens_on_its_result(window: Window, tmp_path: Path) -> None:
    write_json_atomic(tmp_path / "result.json", ordinary().model_dump(mode="json"))
    window.open_path(tmp_path)
    assert window.result is not None
    assert window.rail.buttons["compare"].isChecked()
    assert "ship" in window.rail.buttons["compare"].state


def test_a_drop_is_opened(window: Window, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    drop = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(drop)
    assert window.desk.document.value("data", "evaluation", "path") == str(tmp_path)
    window.dropEvent(drop)
    assert window.desk.document.value("data", "calibration", "path") == str(tmp_path)
    window.desk.bridge.close()


def test_what_does_not_open_is_said_and_changes_nothing(window: Window, tmp_path: Path) -> None:
    (tmp_path / "a.docx").touch()
    window.open_path(tmp_path / "a.docx")
    assert "nothing this program opens" in window.errors.text()
    (tmp_path / "bad.toml").write_text("= no toml")
    window.open_path(tmp_path / "bad.toml")
    assert "is not a TOML file" in window.errors.text()
    assert window.desk.document.is_empty


def test_closing_leaves_nothing(window: Window, qtbot: QtBot) -> None:
    done: list[object] = []
    window.desk.bridge.run(["runtimes", "--json"], done.append)
    window.desk.document.undo_stack.setClean()
    assert window.close()
    assert window.desk.bridge.running == 0
    assert window.desk.settings.geometry is not None


def test_preloading_goes_on_until_the_window_closes(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preload, "import_module", lambda _name: time.sleep(0.2))  # other tests have loaded the parts
    window.start_preloading()
    qtbot.waitUntil(lambda: "preload" in [thread.name for thread in threading.enumerate()], timeout=20_000)
    assert window.close()
    assert "preload" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("key", sorted(PAGES))
def test_everything_that_takes_the_keyboard_has_a_name(window: Window, key: str) -> None:
    window.show_page(key)
    nameless = [
        f"{type(widget).__name__} {widget.objectName()}"
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and not widget.accessibleName()
        and not getattr(widget, "text", str)()
    ]
    assert nameless == []
    window.desk.bridge.close()


def test_a_result_of_another_machine_goes_into_the_study_that_is_open(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "back.zip", "w") as archive:
        archive.writestr("returned.json", "{}")
    asked: list[object] = []
    monkeypatch.setattr("workbench.ui.elsewhere.import_archive", lambda _parent, _bridge, what, *_: asked.append(what))
    window.open_path(tmp_path / "back.zip")
    assert "Open the study it was bundled from first" in window.errors.text()
    assert asked == []
    write_json_atomic(tmp_path / "study" / "result.json", ordinary().model_dump(mode="json"))
    window.open_path(tmp_path / "study")
    window.open_path(tmp_path / "back.zip")
    assert asked == [(tmp_path / "back.zip", tmp_path / "study")]
    assert window.errors.isHidden()


def test_slides_open_from_every_page_once_there_is_a_result(window: Window, tmp_path: Path) -> None:
    window.present()
    assert not window.findChildren(Presentation)
    make_study_folder(tmp_path / "s")
    window.show_result(tmp_path / "s")
    window.show_page("history")
    window.present()
    (shown,) = window.findChildren(Presentation)
    shown.close()
    assert window.rail.buttons["compare"].isChecked()


def test_a_result_without_its_study_names_its_folder(window: Window, tmp_path: Path) -> None:
    make_study_folder(tmp_path / "tonight")
    window.show_result(tmp_path / "tonight")
    assert window.windowTitle() == "tonight - INT8 Workbench"
    window.desk.document.set("name", "Mine", "name")
    assert window.windowTitle().startswith("Mine*")


def test_the_mark_of_the_keyboard_goes_with_the_step_that_is_opened(window: Window, tmp_path: Path) -> None:
    make_study_folder(tmp_path / "s")
    window.open_path(tmp_path / "s")
    assert window.rail.buttons["compare"].isChecked()
    assert window.focusWidget() is window.rail.buttons["compare"]
