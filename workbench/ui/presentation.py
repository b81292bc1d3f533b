"""The presentation view: one thing per screen in large type, for a room; arrow keys go through, Escape leaves.

First the verdicts, then the one picture, then the line that checks the claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QLabel, QStackedWidget, QVBoxLayout, QWidget

from workbench.report.sheet import Sheet, first_line
from workbench.ui.pages.compare_parts import Chips, RichLine
from workbench.ui.theme import Theme, text_font
from workbench.ui.widgets import button, column, connect_theme, label, row

if TYPE_CHECKING:
    from workbench.ui.charts.figure import Figure

TITLE_PX, VERDICT_PX, BODY_PX = 34, 27, 22
FEWER_PX = 21
CHIP_PX = 16
ENLARGED = 1.8
MANY_SENTENCES = 5
FORWARD = (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_PageDown)
BACKWARD = (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Backspace, Qt.Key.Key_PageUp)


class Picture(QWidget):
    """A figure drawn large: as vectors at a part of its size, so that its letters grow with it."""

    def __init__(self, theme: Theme, figure: Figure) -> None:
        super().__init__()
        self._theme, self._figure = theme, figure
        self.setAccessibleName(figure.title)
        self.setAccessibleDescription(figure.summary)
        connect_theme(theme, self, self.update)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Paint the figure as large as there is room."""
        from workbench.ui.charts.drawing import draw, frame_of  # noqa: PLC0415  (after the first paint)
        from workbench.ui.charts.paint import measure, paint  # noqa: PLC0415  (with the above)

        figure, painter = self._figure, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(ENLARGED, ENLARGED)
        frame = frame_of(figure, figure.view, self.width() / ENLARGED, self.height() / ENLARGED, measure)
        drawing = draw(figure, frame, measure)
        paint(painter, [*drawing.back, *drawing.front], self._theme.tokens)
        painter.end()


class Presentation(QDialog):
    """Slides of one comparison."""

    def __init__(self, parent: QWidget | None, theme: Theme, sheet: Sheet) -> None:
        super().__init__(parent)
        self.setWindowTitle("Presentation")
        self.setWindowFlag(Qt.WindowType.Window)
        self._theme = theme
        self.slides = QStackedWidget()
        for slide in (self._verdicts(sheet), self._picture(sheet), self._claim(sheet)):
            self.slides.addWidget(slide)
        self._place = label("", "small")
        back = button("Back", lambda: self.go(-1), "quiet", "Previous slide")
        forward = button("Next", lambda: self.go(1), "quiet", "Next slide")
        close = button("Close", self.accept, "quiet", "Close the presentation")
        for one in (back, forward, close):
            one.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        inside = column(
            self.slides, row(label("Arrow keys; Escape closes", "small"), None, self._place, back, forward, close)
        )
        inside.setContentsMargins(64, 48, 64, 20)
        inside.setStretch(0, 1)
        self.setLayout(inside)
        self.slides.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.slides.setAccessibleName("Slide")
        self.slides.setFocus()
        self.go(0)

    def go(self, step: int) -> None:
        """Show the next or previous slide; there is none beyond the ends."""
        last = self.slides.count() - 1
        self.slides.setCurrentIndex(min(max(self.slides.currentIndex() + step, 0), last))
        self._place.setText(f"{self.slides.currentIndex() + 1} of {last + 1}")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  (Qt's name)
        """Go through the slides by keyboard."""
        key = event.key()
        if key in FORWARD or key in BACKWARD:
            self.go(1 if key in FORWARD else -1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.go(self.slides.count() * (1 if key == Qt.Key.Key_End else -1))
        else:
            super().keyPressEvent(event)

    def _verdicts(self, sheet: Sheet) -> QWidget:
        slide, inside = _slide()
        inside.addWidget(_large(sheet.title, TITLE_PX, QFont.Weight.DemiBold))
        chips = Chips()
        chips.show_chips(sheet.chips)
        chips.setStyleSheet(f"QLabel {{ font-size: {CHIP_PX}px; padding: 4px 12px; }}")
        inside.addWidget(chips)
        inside.addStretch(1)
        size = VERDICT_PX if len(sheet.sentences) < MANY_SENTENCES else FEWER_PX
        for sentence in sheet.sentences:
            line = RichLine(self._theme, sentence.lead, sentence.detail, sentence.state)
            _enlarge(line, size)
            inside.addWidget(line)
        if not sheet.sentences:
            inside.addWidget(_large("Nothing was measured.", VERDICT_PX))
        inside.addStretch(2)
        return slide

    def _picture(self, sheet: Sheet) -> QWidget:
        from workbench.ui.charts.scatter import scatter_figure, why_no_scatter  # noqa: PLC0415  (after the first paint)

        slide, inside = _slide()
        figure = scatter_figure(sheet)
        if figure is None:
            inside.addWidget(_large(why_no_scatter(sheet), VERDICT_PX))
            inside.addStretch(1)
            return slide
        inside.addWidget(_large(figure.title, TITLE_PX, QFont.Weight.DemiBold))
        inside.addWidget(_large(figure.subtitle, BODY_PX - 4))
        inside.addWidget(Picture(self._theme, figure), 1)
        return slide

    def _claim(self, sheet: Sheet) -> QWidget:
        slide, inside = _slide()
        inside.addWidget(_large("The claim, and how to check it", TITLE_PX, QFont.Weight.DemiBold))
        inside.addStretch(1)
        inside.addWidget(_large(first_line(sheet), BODY_PX))
        for note in sheet.notes:
            inside.addWidget(_large(note, BODY_PX - 4))
        words = 'int8-workbench check sheet.json --line "..." verifies this line against the sheet.'
        inside.addWidget(label(words, "muted", wrap=True))
        inside.addStretch(2)
        return slide


def present(parent: QWidget, theme: Theme, sheet: Sheet) -> Presentation:
    """Open the presentation on the whole screen."""
    made = Presentation(parent, theme, sheet)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    made.showFullScreen()
    return made


def _slide() -> tuple[QWidget, QVBoxLayout]:
    slide = QWidget()
    inside = QVBoxLayout(slide)
    inside.setContentsMargins(0, 0, 0, 0)
    inside.setSpacing(22)
    return slide, inside


def _large(text: str, size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> QLabel:
    made = label(text, wrap=True, selectable=True)
    _enlarge(made, size_px, weight)
    return made


def _enlarge(made: QLabel, size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> None:
    """Set a size of its own: the window's style sheet gives every label the same one."""
    made.setFont(text_font(size_px, weight))
    made.setStyleSheet(f"font-size: {size_px}px; font-weight: {int(weight)};")
