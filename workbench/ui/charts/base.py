"""A chart on a card: title, picture, and for every chart the same tools: reset, show as table, export, copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QGuiApplication,
    QImage,
    QKeySequence,
    QPainter,
    QShortcut,
)
from PySide6.QtWidgets import QFileDialog, QFrame, QMenu, QVBoxLayout, QWidget

from workbench.errors import OutputError, UserError
from workbench.files import write_bytes_atomic, write_text_atomic
from workbench.ui.charts.drawing import same_view
from workbench.ui.charts.export import LINE, PAD, TITLE_BASE, head_height, to_csv, to_svg, wrapped
from workbench.ui.charts.figure import Figure
from workbench.ui.charts.paint import font, make_colour, measure
from workbench.ui.charts.plot import FigurePlot
from workbench.ui.charts.reading import Reading
from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, column, connect_theme, label, row, say, themed_icon

BAR_ROW_PX = 26
HEIGHT_PX = 300
PNG_SCALE = 2
KEYS = "Arrow keys read the values out, plus and minus zoom, 0 shows everything, T shows the table."
FORMATS = {"png": "PNG picture", "svg": "SVG drawing", "csv": "CSV table"}


class ChartCard(QFrame):
    """One chart with its tools.

    Attributes:
        plot: the picture. panel: its figures as a table, filled when first asked for.
        ask_path: asks where to save, given a file name and a filter; returns "" for nowhere.
        on_error: told what went wrong with an export.
    """

    def __init__(self, theme: Theme, name: str, *, framed: bool = True, height_px: int = HEIGHT_PX) -> None:
        super().__init__()
        self._theme, self._name, self._height_px = theme, name, height_px
        if framed:
            self.setProperty("role", "card")
        self.plot = FigurePlot(theme.tokens)
        self.panel = TablePanel(theme, f"{name} as a table")
        self.ask_path: Callable[[str, str], str] = self._ask_path
        self.on_error: Callable[[UserError], None] = self._say_error
        self._title, self._subtitle = label(name, "heading"), label("", "small", wrap=True)
        self._message = label("", "muted", wrap=True)
        self._saved = label("", "small", wrap=True)
        self._has_table = False
        self._build(framed)
        self.plot.view_changed.connect(self._view_changed)
        self.plot.hovered.connect(self._read)
        connect_theme(theme, self, lambda: self.plot.set_tokens(theme.tokens))
        self.show_figure(None, "")

    # ---- what is shown

    @property
    def figure(self) -> Figure | None:
        """The figure shown, None where there is none."""
        return self.plot.figure

    def show_figure(self, figure: Figure | None, why: str = "", *, keep_view: bool = False) -> None:
        """Show a figure, or a sentence that says why there is none."""
        say(self._saved, "")
        self._has_table = False
        for tool in (self.reset_button, self.table_button, self.export_button):
            tool.setVisible(figure is not None)
        if figure is None:
            self.plot.figure = None
            say(self._subtitle, "")
            self._title.setText(self._name[:1].upper() + self._name[1:])
            self._message.setText(why)
            self._show_part(self._message)
            return
        self._title.setText(figure.title)
        say(self._subtitle, figure.subtitle)
        height = max(self._height_px, figure.rows * BAR_ROW_PX + 52 if figure.rows else 0)
        self.plot.setMinimumHeight(height)
        self.panel.setMinimumHeight(height)
        self.plot.show_figure(figure, keep_view=keep_view)
        self.plot.setAccessibleName(figure.title)
        self.plot.setAccessibleDescription(f"{figure.summary} {KEYS}")
        self._show_table(self.table_button.isChecked())
        self._view_changed()

    def label_boxes(self) -> list[tuple[str, QRectF]]:
        """Return text and place of every direct label and tick in the picture; no two of them overlap."""
        boxes = (*self.plot.drawing.labels, *self.plot.drawing.ticks)
        return [(text, QRectF(box.x, box.y, box.width, box.height)) for text, box in boxes]

    # ---- tools

    def reset(self) -> None:
        """Show everything again."""
        self.plot.reset_view()

    def toggle_table(self) -> None:
        """Show the figures as a table, or the picture again."""
        if self.figure is not None:
            self.table_button.toggle()

    def export(self, kind: str) -> None:
        """Ask where to, then save as "png", "svg" or "csv"."""
        if self.figure is None:
            return
        path = self.ask_path(f"{self.figure.key}.{kind}", f"{FORMATS[kind]} (*.{kind})")
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(f"{path}.{kind}")
        try:
            self.save(kind, target)
        except UserError as error:
            self.on_error(error)
        else:
            say(self._saved, f"Saved as {target.name}", "small")

    def save(self, kind: str, path: Path) -> None:
        """Save what is in view as "png" or "svg", or all figures as "csv". Raises OutputError."""
        assert self.figure is not None
        if kind == "png":
            _save_png(self.image(), path)
        elif kind == "svg":
            size = self.plot.size()
            text = to_svg(self.figure, size.width(), size.height(), self._theme.tokens, self.plot.view)
            write_text_atomic(path, text)
        else:
            write_text_atomic(path, to_csv(self.figure))

    def image(self, scale: int = PNG_SCALE) -> QImage:
        """Return the picture with its title, `scale` pixels per px."""
        assert self.figure is not None
        size = self.plot.size()
        lines = wrapped(self.figure.subtitle, size.width(), measure)
        head = head_height(lines)
        width, height = size.width() + 2 * PAD, size.height() + head + PAD
        made = QImage(QSize(round(width * scale), round(height * scale)), QImage.Format.Format_RGB32)
        made.setDevicePixelRatio(scale)
        made.fill(make_colour(self._theme.tokens.surface))
        painter = QPainter(made)
        self._paint_head(painter, self.figure.title, lines)
        self.plot.render_into(painter, QRectF(PAD, head, size.width(), size.height()))
        painter.end()
        return made

    def copy_picture(self) -> None:
        """Put the picture on the clipboard."""
        if self.figure is not None:
            QGuiApplication.clipboard().setImage(self.image())
            say(self._saved, "Picture copied", "small")

    # ---- inside

    def _build(self, framed: bool) -> None:
        self.reset_button = button("Reset view", self.reset, "quiet", f"Show all of {self._name} again")
        self.table_button = themed_icon(
            button("Table", None, "quiet", f"Show {self._name} as a table"), self._theme, "table", "muted", 15
        )
        self.table_button.setCheckable(True)
        self.table_button.toggled.connect(self._show_table)
        self.export_button = themed_icon(
            button("Export", None, "quiet", f"Export {self._name}"), self._theme, "export", "muted", 15
        )
        self.export_button.setMenu(self._menu())
        inside = QVBoxLayout(self)
        inside.setContentsMargins(*((16, 12, 16, 12) if framed else (0, 0, 0, 0)))
        inside.setSpacing(6)
        tools = (self.reset_button, self.table_button, self.export_button)
        inside.addLayout(row(self._title, None, *tools, spacing=2))
        inside.addLayout(column(self._subtitle, self._saved, spacing=2))
        for part in (self.plot, self.panel):
            inside.addWidget(part, 100)
        inside.addWidget(self._message)
        inside.addStretch(1)
        for key, slot in (("T", self.toggle_table), ("Ctrl+Shift+C", self.copy_picture)):
            shortcut = QShortcut(QKeySequence(key), self.plot, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(slot)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        for kind, title in FORMATS.items():
            menu.addAction(f"{title} ...").triggered.connect(partial(self._export_later, kind))
        menu.addSeparator()
        menu.addAction("Copy picture").triggered.connect(self.copy_picture)
        return menu

    def _export_later(self, kind: str, _checked: bool = False) -> None:
        self.export(kind)

    def _show_table(self, shown: bool) -> None:
        if self.figure is None:
            return
        if shown and not self._has_table:
            self._fill_table(self.figure)
            self._has_table = True
        self._show_part(self.panel if shown else self.plot)
        self._view_changed()

    def _show_part(self, shown: QWidget) -> None:
        for part in (self.plot, self.panel, self._message):
            part.setVisible(part is shown)

    def _fill_table(self, figure: Figure) -> None:
        table = figure.table()
        numeric = [any(isinstance(row[i], int | float) for row in table.values) for i in range(len(table.columns))]
        sides = zip(table.columns, numeric, strict=True)
        headings = [Heading(*_parted(title), right=is_number) for title, is_number in sides]
        rows = [
            TableRow(tuple(TableCell(text, sort=value) for text, value in zip(texts, values, strict=True)))
            for texts, values in zip(table.texts, table.values, strict=True)
        ]
        self.panel.set_rows(headings, rows)

    def _view_changed(self) -> None:
        figure = self.figure
        moved = figure is not None and not self.table_button.isChecked() and not same_view(self.plot.view, figure.view)
        if not moved and self.reset_button.hasFocus():
            self.plot.setFocus()
        self.reset_button.setVisible(moved)

    def _read(self, reading: Reading | None) -> None:
        if self.figure is not None and self.plot.hasFocus():
            said = f"{reading.text}. " if reading is not None else ""
            self.plot.setAccessibleDescription(f"{said}{self.figure.summary} {KEYS}")
            if said and QAccessible.isActive():
                QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.plot, said))

    def _paint_head(self, painter: QPainter, title: str, lines: Sequence[str]) -> None:
        painter.setFont(font(15, 600))
        painter.setPen(make_colour(self._theme.tokens.text))
        painter.drawText(QPointF(PAD, TITLE_BASE), title)
        painter.setFont(font(12, 400))
        painter.setPen(make_colour(self._theme.tokens.muted))
        for number, line in enumerate(lines, 1):
            painter.drawText(QPointF(PAD, TITLE_BASE + LINE * number), line)

    def _ask_path(self, name: str, kinds: str) -> str:
        return QFileDialog.getSaveFileName(self, f"Export {self._name}", name, kinds)[0]

    def _say_error(self, error: UserError) -> None:
        say(self._saved, str(error), "bad")


def _save_png(image: QImage, path: Path) -> None:
    from PySide6.QtCore import QBuffer, QIODevice  # noqa: PLC0415  (only needed here)

    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]
        raise OutputError(f"{path.name} cannot be made", why="the picture cannot be written as PNG")
    write_bytes_atomic(path, bytes(buffer.data().data()))


def _parted(title: str) -> tuple[str, str]:
    """Return heading and unit of "Rate (samples/s)"."""
    head, mark, unit = title.partition(" (")
    return (head, unit.removesuffix(")")) if mark else (title, "")
