"""Pictures of every page."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.results import ordinary
from PySide6.QtGui import QImage

from workbench.errors import StudyError
from workbench.files import write_json_atomic
from workbench.ui import screenshots
from workbench.ui.rail import STEPS
from workbench.ui.screenshots import write_screenshots
from workbench.ui.theme import Theme


def test_every_page_in_both_themes(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screenshots, "SIZES", ((1280, 800),))
    monkeypatch.setattr(screenshots, "QUIET_S", 0.05)
    monkeypatch.setattr("workbench.execution.history.history_path", lambda: tmp_path / "history.sqlite")
    study = tmp_path / "study"
    study.mkdir()
    write_json_atomic(study / "result.json", ordinary().model_dump(mode="json"))
    out = tmp_path / "out"
    assert write_screenshots(theme, out, study) == 0
    expected = {f"{step.key}-{name}-1280x800.png" for step in STEPS for name in ("light", "dark")}
    assert {path.name for path in out.iterdir()} == expected
    image = QImage(str(out / "compare-dark-1280x800.png"))
    assert (image.width(), image.height()) == (1280, 800)
    assert image.pixelColor(400, 795).lightness() < 60


def test_what_does_not_open_is_refused_before_any_picture(theme: Theme, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="does not exist"):
        write_screenshots(theme, tmp_path / "out", tmp_path / "no.docx")
