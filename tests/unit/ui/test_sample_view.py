"""The live sample."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

import numpy as np
from PIL import Image
from pytestqt.qtbot import QtBot

from workbench.ui.sample_view import SIDE_PX, SampleView, shown_values, stored_line, value_line
from workbench.ui.window import Window


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a.png", (255, 0, 0)), ("b.png", (0, 255, 0))):
        Image.new("RGB", (20, 10), colour).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture
def view(window: Window, qtbot: QtBot) -> SampleView:
    made = SampleView(window.desk)
    qtbot.addWidget(made)
    return made


def test_both_pictures_and_figures_are_shown(view: SampleView, window: Window, folder: Path) -> None:
    window.desk.document.set("p", {"resize": [4, 4], "mean": [127.5], "std": [127.5]}, "preprocess")
    view.set_files(folder, ["a.png", "b.png"])
    assert view._name.text() == "a.png"
    assert view._stored.pixmap().width() == SIDE_PX
    assert view._given_text.text() == "float32 [3, 4, 4], values \N{MINUS SIGN}1.00 to 1.00"
    view.step(-1)
    assert view._name.text() == "b.png"


def test_a_change_is_rendered_soon(view: SampleView, window: Window, folder: Path, qtbot: QtBot) -> None:
    view.set_files(folder, ["a.png"])
    window.desk.document.set("p", {"resize": [6, 4], "layout": "NHWC"}, "preprocess")
    view.refresh()
    qtbot.waitUntil(lambda: "[6, 4, 3]" in view._given_text.text(), timeout=3000)


def test_what_does_not_fit_is_said(view: SampleView, window: Window, folder: Path) -> None:
    window.desk.document.set("p", {"center_crop": 500}, "preprocess")
    view.set_files(folder, ["a.png"])
    assert "smaller than center_crop" in view._problem.text()
    view.set_files(folder, ["broken.png"])
    assert "cannot be decoded" in view._problem.text()
    view.set_files(Path(), [])
    assert view._name.text() == "No image to show yet"


def test_values_are_stretched_for_the_eye() -> None:
    values = np.array([[[0.0, 1.0]]], np.float32)
    assert shown_values(values, "NCHW").tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert shown_values(np.full((1, 1, 3), 7.0, np.float32), "NHWC").tolist() == [[[0, 0, 0]]]
    assert value_line(values) == "float32 [1, 1, 2], values 0.00 to 1.00"


@pytest.mark.parametrize(("mode", "words"), [("L", "8 × 6 pixels, grey"), ("RGB", "8 × 6 pixels, RGB")])
def test_the_stored_image_is_described_in_words(mode: str, words: str) -> None:
    assert stored_line(Image.new(mode, (8, 6))) == words
