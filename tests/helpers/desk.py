"""A desk for pages under test: theme, empty document, bridge and settings of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.ui.desk import Desk
    from workbench.ui.theme import Theme


@contextmanager
def desk_of(theme: Theme, folder: Path) -> Iterator[Desk]:
    """Give a desk; everything its bridge started is ended afterwards."""
    from workbench.ui.commands import Bridge
    from workbench.ui.desk import Desk
    from workbench.ui.document import Document
    from workbench.ui.settings import Settings

    bridge = Bridge()
    yield Desk(theme, Document(), bridge, Settings(folder / "window.ini"))
    bridge.close()
