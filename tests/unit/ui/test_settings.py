"""What the window remembers, and that damage reads as the default."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("PySide6.QtCore", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtCore import QByteArray

from workbench.ui.settings import RECENT_MOST, Settings


def test_values_come_back(tmp_path: Path) -> None:
    first = Settings(tmp_path / "window.ini")
    first.mode = "dark"
    first.geometry = QByteArray(b"\x01\x02")
    first.save()
    again = Settings(tmp_path / "window.ini")
    assert again.mode == "dark"
    assert again.geometry is not None
    assert again.geometry.data() == b"\x01\x02"


def test_damage_reads_as_the_default(tmp_path: Path) -> None:
    (tmp_path / "window.ini").write_text("[General]\ntheme=purple\ngeometry=7\n")
    found = Settings(tmp_path / "window.ini")
    assert (found.mode, found.geometry, found.recent) == ("system", None, [])


def test_recent_has_no_doubles_and_an_end(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "window.ini")
    paths = [tmp_path / f"{number}.toml" for number in range(RECENT_MOST + 3)]
    for path in [*paths, paths[-2]]:
        path.touch()
        settings.add_recent(path)
    assert settings.recent[:2] == [paths[-2], paths[-1]]
    assert len(settings.recent) == RECENT_MOST
    paths[-2].unlink()
    assert paths[-2] not in settings.recent
