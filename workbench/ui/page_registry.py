"""Which class makes which page; pages are imported when they are first shown, after the first paint."""

from __future__ import annotations

from importlib import import_module

from PySide6.QtWidgets import QWidget

from workbench.ui.desk import Desk

PAGES: dict[str, tuple[str, str]] = {
    "model": ("workbench.ui.pages.model", "ModelPage"),
    "data": ("workbench.ui.pages.data", "DataPage"),
    "scheme": ("workbench.ui.pages.scheme", "SchemePage"),
    "runtimes": ("workbench.ui.pages.runtimes", "RuntimesPage"),
    "run": ("workbench.ui.pages.run", "RunPage"),
    "compare": ("workbench.ui.pages.compare", "ComparePage"),
    "speed": ("workbench.ui.pages.speed", "SpeedPage"),
    "tune": ("workbench.ui.pages.tune", "TunePage"),
    "sheet": ("workbench.ui.pages.sheet", "SheetPage"),
    "history": ("workbench.ui.pages.history", "HistoryPage"),
}
"""Step of the rail -> module and class."""

SET_UP = ("model", "data", "scheme", "runtimes", "run")
"""Pages that edit the document; the others are told the result."""

WITH_DESK = (*SET_UP, "compare", "tune", "sheet", "history")
"""Pages that get the Desk: those that edit, and those that start commands or open studies."""


def make_page(key: str, desk: Desk) -> QWidget:
    """Import and make the page of a step."""
    module, name = PAGES[key]
    found = getattr(import_module(module), name)
    page: QWidget = found(desk) if key in WITH_DESK else found(desk.theme)
    return page
