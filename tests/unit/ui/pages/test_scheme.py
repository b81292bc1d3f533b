"""The Scheme page: candidates as tabs, undo, the forecast at once."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.studies import document, write_study
from helpers.words import words_of
from pytestqt.qtbot import QtBot

from workbench.ui.commands import Finished
from workbench.ui.pages.scheme import SchemePage
from workbench.ui.window import Window


@pytest.fixture
def page(window: Window) -> SchemePage:
    made = window.page("scheme")
    assert isinstance(made, SchemePage)
    return made


def test_the_forecast_comes_by_itself(page: SchemePage, window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    window.desk.document.load(write_study(tmp_path, document(({"id": "ort_cpu"}, {"id": "openvino"}))))
    qtbot.waitUntil(lambda: page._forecast._rows.count() == 2, timeout=30_000)
    assert "become INT8" in page._forecast._head.text()


def test_without_a_model_it_says_what_to_do(page: SchemePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page._forecast.next_step.isHidden(), timeout=20_000)
    with qtbot.waitSignal(page.goto) as told:
        page._forecast.next_step.action.click()
    assert told.args == ["model"]


def test_a_model_that_is_gone_leads_to_the_model_page(page: SchemePage, window: Window) -> None:
    window.desk.document.set("choose a model", {"path": "/gone/net.onnx"}, "model")
    page.show_answer({"candidates": [{"name": "S1", "error": "net.onnx cannot be read"}]})
    assert not page._forecast.next_step.isHidden()
    assert "net.onnx cannot be read" in words_of(page._forecast.next_step)


def test_candidates_come_and_go_and_can_be_undone(page: SchemePage, window: Window) -> None:
    page._add_scheme()
    assert [page._tabs.tabText(place) for place in range(page._tabs.count())] == ["S1", "S2"]
    assert page._tabs.currentIndex() == 1
    page._editor.edited.emit({"name": "S2", "method": "entropy"})
    assert window.desk.document.value("candidates", 1, "scheme", "method") == "entropy"
    page._name.setText("S1")
    page._rename()
    assert window.desk.document.value("candidates", 1, "name") == "S1 2"
    page._remove_candidate()
    assert window.desk.document.value("candidates") is None
    for _ in range(4):
        window.desk.document.undo_stack.undo()
    assert window.desk.document.is_empty
    assert page._tabs.count() == 1


def test_editing_without_candidates_changes_the_scheme(page: SchemePage, window: Window) -> None:
    page._editor.edited.emit({"name": "S3", "method": "mse"})
    assert window.desk.document.value("scheme") == {"name": "S3", "method": "mse"}
    assert window.rail.buttons["scheme"].state == "S3 W8 weight-only"


def test_a_native_tool_chain_is_a_candidate_with_its_own_editor(
    page: SchemePage, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(window.desk.bridge, "run", lambda arguments, *_: asked.append(arguments))
    titles = [action.text() for action in page._tool_menu.actions()]
    assert {"ONNX Runtime quantize_static", "OpenVINO NNCF quantize"} <= set(titles)
    page._tool_menu.actions()[titles.index("ONNX Runtime quantize_static")].trigger()
    assert page._tabs.tabText(1) == "ONNX Runtime quantize_static, MinMax"
    assert (page._editor.isHidden(), page._native.isHidden()) == (True, False)
    assert asked[0] == ["runtimes", "--json"]
    page._native.edited.emit({"calibrate_method": "Entropy"})
    assert window.desk.document.value("candidates", 1) == {
        "name": "ONNX Runtime quantize_static, Entropy",
        "native": "ort_quantize_static",
        "native_options": {"calibrate_method": "Entropy"},
    }
    page._name.setText("mine")
    page._rename()
    page._native.tool_chosen.emit("nncf")
    assert window.desk.document.value("candidates", 1) == {"name": "mine", "native": "nncf"}
    page._tabs.setCurrentIndex(0)
    assert (page._editor.isHidden(), page._native.isHidden()) == (False, True)
    for _ in range(4):
        window.desk.document.undo_stack.undo()
    assert window.desk.document.is_empty


def test_the_answer_tells_which_tool_chain_cannot_be_used(page: SchemePage, window: Window) -> None:
    states = [
        {**tool, "kind": "quantizer", "ok": tool["id"] != "nncf", "reason": "nncf is not installed"}
        for tool in page._tools
    ]
    page._tools_answered(Finished(0, False, False, states, "", ()))
    assert "OpenVINO NNCF quantize (not usable here)" in [action.text() for action in page._tool_menu.actions()]
