"""The strip of samples: cards with answers, pictures read later and one by one, unreadable ones say so."""

from __future__ import annotations

from pathlib import Path

from helpers.study_folder import make_study_folder
from helpers.words import nameless, words_of
from PIL import Image
from pytestqt.qtbot import QtBot

from workbench.report.worst import worst_cards
from workbench.ui.pages.samples_strip import PICTURE_PX, SamplesStrip, read_picture
from workbench.ui.theme import Theme


def _strip(qtbot: QtBot, theme: Theme, folder: Path) -> SamplesStrip:
    strip = SamplesStrip(theme, "Samples")
    qtbot.addWidget(strip)
    strip.resize(900, 300)
    strip.show_cards(worst_cards(make_study_folder(folder), folder))
    return strip


def test_pictures_wait_until_the_strip_is_seen(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    strip = _strip(qtbot, theme, tmp_path)
    assert strip.is_loading
    assert strip.boxes[0].picture.pixmap().isNull()
    strip.show()
    qtbot.waitUntil(lambda: not strip.is_loading, timeout=20_000)
    qtbot.waitUntil(lambda: strip.boxes[0].picture.pixmap().width() == PICTURE_PX, timeout=20_000)


def test_every_runtime_answers_on_every_card(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    strip = _strip(qtbot, theme, tmp_path)
    for box in strip.boxes:
        words = words_of(box)
        assert "ONNX Runtime" in words
        assert "OpenVINO" in words
    assert "name 10" in words_of(strip.boxes[0])
    assert "the picture is not where it was" in words_of(strip.boxes[1])
    assert nameless(strip) == []


def test_the_strip_is_as_high_as_its_highest_card(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    strip = _strip(qtbot, theme, tmp_path)
    strip.show()
    assert strip.height() >= max(box.sizeHint().height() for box in strip.boxes)
    strip.show_cards([])
    assert strip.boxes == []


def test_a_broken_picture_says_so(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    strip = _strip(qtbot, theme, tmp_path)
    (tmp_path / "pictures" / "2.png").write_bytes(b"no picture")
    strip.show()
    qtbot.waitUntil(lambda: "cannot be read" in strip.boxes[0].picture.text(), timeout=20_000)


def test_a_large_picture_is_decoded_small(qtbot: QtBot, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000)).save(tmp_path / "large.jpg")
    assert read_picture(tmp_path / "large.jpg").width() == 3 * PICTURE_PX
