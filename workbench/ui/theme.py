"""The look: Fusion, one palette and one style sheet made of a token table, the bundled fonts, System/Light/Dark.

Widgets get a Theme, read `theme.tokens` and repaint on `theme.changed`; style roles are set with `set_role`.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from string import Template

from PySide6.QtCore import QDir, QObject, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from workbench.ui.icons import icon, svg
from workbench.ui.style_sheet import STYLE
from workbench.ui.tokens import (
    FAMILY,
    FONT_PX,
    HEADING_PX,
    ICON_PX,
    MONO_FAMILY,
    RADIUS_PX,
    SMALL_PX,
    TABLES,
    TITLE_PX,
    Mode,
    Tokens,
)

_ROLES = {
    QPalette.ColorRole.Window: "bg",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "field",
    QPalette.ColorRole.AlternateBase: "hover",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.PlaceholderText: "muted",
    QPalette.ColorRole.Button: "surface",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.ToolTipBase: "surface",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.Highlight: "accent",
    QPalette.ColorRole.HighlightedText: "on_accent",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.LinkVisited: "accent",
    QPalette.ColorRole.Accent: "accent",
}
_MUTED_WHEN_DISABLED = (
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Text,
    QPalette.ColorRole.ButtonText,
)


class Theme(QObject):
    """The look of one application.

    Attributes:
        tokens: the table in use.
        changed: emitted with the new table after the application has been styled again.
    """

    changed = Signal(object)

    def __init__(self, application: QApplication, mode: Mode = "system") -> None:
        super().__init__(application)
        self._application = application
        self._mode: Mode = mode
        self._folder = QTemporaryDir()
        write_style_icons(Path(self._folder.path()))
        load_fonts()
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.tokens: Tokens = self._table()
        self._apply()

    @property
    def mode(self) -> Mode:
        """What the user chose: system, light or dark."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Choose system, light or dark and restyle the application."""
        self._mode = mode
        self._restyle()

    def icon(self, name: str, colour: str = "text", size_px: int = ICON_PX) -> QIcon:
        """Return an icon in a token's colour; on what cannot be used it has that of disabled words."""
        return icon(name, self.tokens.colour(colour), size_px, self.tokens.disabled)

    def _table(self) -> Tokens:
        if self._mode != "system":
            return TABLES[self._mode]
        is_dark = self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return TABLES["dark" if is_dark else "light"]

    def _system_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self._mode == "system":
            self._restyle()

    def _restyle(self) -> None:
        table = self._table()
        if table is not self.tokens:
            self.tokens = table
            self._apply()
            self.changed.emit(table)

    def _apply(self) -> None:
        self._application.setFont(text_font())
        self._application.setPalette(palette(self.tokens))
        self._application.setStyleSheet(style_sheet(self.tokens, self._folder.path()))


def load_fonts() -> list[str]:
    """Register the bundled fonts and return their families; called again it changes nothing."""
    if FAMILY in QFontDatabase.families() and MONO_FAMILY in QFontDatabase.families():
        return [FAMILY, MONO_FAMILY]
    families: set[str] = set()
    for entry in (files("workbench_resources") / "fonts").iterdir():
        if entry.name.endswith((".otf", ".ttf")):
            with as_file(entry) as path:
                handle = QFontDatabase.addApplicationFont(str(path))
            families.update(QFontDatabase.applicationFontFamilies(handle))
    return sorted(families)


def text_font(size_px: int = FONT_PX, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the text font."""
    return _font(FAMILY, size_px, weight)


def number_font(size_px: int = FONT_PX, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the text font with figures of one width, for columns of numbers."""
    font = _font(FAMILY, size_px, weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def mono_font(size_px: int = SMALL_PX) -> QFont:
    """Return the font for logs, paths and hashes."""
    return _font(MONO_FAMILY, size_px, QFont.Weight.Normal)


def _font(family: str, size_px: int, weight: QFont.Weight) -> QFont:
    font = QFont(family)
    font.setPixelSize(size_px)
    font.setWeight(weight)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    for ligatures in ("calt", "liga"):  # `==` in a command stays two signs; fonts of the style sheet inherit this
        font.setFeature(QFont.Tag(ligatures), 0)
    return font


def palette(tokens: Tokens) -> QPalette:
    """Return the palette of a table, for what the style sheet does not reach."""
    made = QPalette()
    for role, name in _ROLES.items():
        made.setColor(role, QColor(tokens.colour(name)))
    for role in _MUTED_WHEN_DISABLED:
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.disabled))
    return made


def write_style_icons(folder: Path) -> None:
    """Write the icons that the style sheet names, one per table: a style sheet takes pictures from files only."""
    for tokens in TABLES.values():
        for name, colour in (("expand", tokens.muted), ("check", tokens.on_accent)):
            text = svg(name).replace("currentColor", colour).replace('stroke-width="1.6"', 'stroke-width="2.6"')
            (folder / f"{name}-{tokens.name}.svg").write_text(text, encoding="utf-8")


def style_sheet(tokens: Tokens, folder: str) -> str:
    """Return the style sheet of a table; `folder` holds the icons it names."""
    sizes = {
        "radius": RADIUS_PX,
        "font": FONT_PX,
        "small": SMALL_PX,
        "heading": HEADING_PX,
        "title": TITLE_PX,
        "family": FAMILY,
        "mono": MONO_FAMILY,
        "folder": QDir.fromNativeSeparators(folder),
    }
    return Template(STYLE).substitute({**vars(tokens), **sizes})


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget a role of the style sheet, such as "title", "muted", "card", "primary" or "chip-ok"."""
    if widget.property("role") == role:
        return
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
