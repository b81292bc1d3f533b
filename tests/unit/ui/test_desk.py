"""The desk is shared as it is: nobody puts another document on it."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from dataclasses import FrozenInstanceError

from workbench.ui.document import Document
from workbench.ui.window import Window


def test_the_desk_stays(window: Window) -> None:
    with pytest.raises(FrozenInstanceError):
        window.desk.document = Document()  # type: ignore[misc]
