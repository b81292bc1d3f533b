"""What the window remembers between starts: theme, geometry, the last studies; in the user's configuration."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from workbench.ui.tokens import MODES, Mode

RECENT_MOST = 12


class Settings:
    """Typed access to the stored values; damaged ones read as their defaults.

    Args:
        path: an .ini file; without it the user's own configuration is used.
    """

    def __init__(self, path: Path | None = None) -> None:
        user = (QSettings.Format.IniFormat, QSettings.Scope.UserScope, "int8-workbench", "window")
        self._stored = QSettings(str(path), QSettings.Format.IniFormat) if path else QSettings(*user)

    @property
    def mode(self) -> Mode:
        """system, light or dark."""
        found = self._stored.value("theme", "system")
        return found if found in MODES else "system"

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._stored.setValue("theme", mode)

    @property
    def geometry(self) -> QByteArray | None:
        """Where the window was, as Qt stores it."""
        found = self._stored.value("geometry")
        return found if isinstance(found, QByteArray) else None

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._stored.setValue("geometry", geometry)

    @property
    def recent(self) -> list[Path]:
        """Studies and study folders opened last, newest first; what is gone from the disk is left out."""
        found = self._stored.value("recent", [])
        listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        return [path for path in map(Path, map(str, listed)) if path.exists()]

    def add_recent(self, path: Path) -> None:
        """Put a study at the top of the list."""
        others = [other for other in self.recent if other != path.resolve()]
        self._stored.setValue("recent", [str(item) for item in [path.resolve(), *others][:RECENT_MOST]])

    def save(self) -> None:
        """Write what is still in memory."""
        self._stored.sync()
