"""The presentation view: one thing per screen in large type, for a room; arrow keys go through, Escape leaves.

First the verdicts, then the one picture, then the line that checks the claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QLabel, QStackedWidget, QVBoxLayout, QWidget

from workbench.report.sheet import Sentence, Sheet, first_line
from workbench.report.verdicts import STATUS_WORDS
from workbench.ui.pages.compare_parts import Chips, RichLine
from workbench.ui.theme import Theme, text_font
from workbench.ui.widgets import button, card, column, connect_theme, label, row

if TYPE_CHECKING:
    from workbench.ui.charts.figure import Figure

ABSENT = STATUS_WORDS["not_available"]
TITLE_PX, LEAD_PX, BODY_PX, SMALL_PX = 34, 34, 22, 16
SHRINKS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
"""A slide that is too full is set in the first of these sizes that fits."""
ENLARGED = 1.3
MARGINS, GAP_PX = (28, 18, 28, 20), 22
CLOSE_MARGINS, CLOSE_GAP_PX, CLOSE_FROM = (24, 7, 24, 8), 8, 4
"""From so many verdicts on a slide their cards lie close."""
BASE_SIZE = (1280, 800)
LEAST, MOST = 0.8, 3.0
"""Sizes hold for BASE_SIZE and grow with the screen, within these limits."""
FORWARD = (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_PageDown)
BACKWARD = (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Backspace, Qt.Key.Key_PageUp)


Sized = tuple[QWidget, int, QFont.Weight]
"""A widget with the size of its type in pixels on a screen of BASE_SIZE."""


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
        scale = ENLARGED * scale_of(self.window().width(), self.window().height())
        painter.scale(scale, scale)
        frame = frame_of(figure, figure.view, self.width() / scale, self.height() / scale, measure)
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
        self._sized: list[Sized] = []
        self.slides = QStackedWidget()
        self._type: list[tuple[QWidget, list[Sized]]] = []
        for make in (self._verdicts, self._picture, self._claim):
            self._sized = []
            slide = make(sheet)
            self.slides.addWidget(slide)
            self._type.append((slide, self._sized))
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

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Let all type grow with the screen: a room reads it from the last row."""
        super().resizeEvent(event)
        self._fit_slides()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Fit again: before the first showing nothing has its final type."""
        super().showEvent(event)
        self._fit_slides()

    def _fit_slides(self) -> None:
        if (layout := self.layout()) is not None:
            layout.activate()
        scale = scale_of(self.width(), self.height())
        for slide, sized in self._type:
            _fit(slide, sized, scale, self.slides.size())

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
        inside.addWidget(self._large(sheet.title, TITLE_PX, QFont.Weight.DemiBold))
        chips = Chips()
        chips.show_chips(sheet.chips)
        self._sized.append((chips, SMALL_PX, QFont.Weight.Normal))
        inside.addWidget(chips)
        inside.addStretch(1)
        absent = [sentence for sentence in sheet.sentences if sentence.word == ABSENT]
        together = absent if len(absent) > 1 else []
        is_close = len(sheet.sentences) - len(together) >= CLOSE_FROM
        inside.setSpacing(CLOSE_GAP_PX if is_close else GAP_PX)
        for sentence in sheet.sentences:
            if sentence not in together:
                inside.addWidget(self._verdict(sentence, is_close=is_close))
        if together:
            names = ", ".join(sentence.lead.removesuffix(f": {ABSENT}.") for sentence in together)
            inside.addWidget(self._large(f"{ABSENT.capitalize()}: {names}.", BODY_PX))
        if not sheet.sentences:
            inside.addWidget(self._large("Nothing was measured.", LEAD_PX))
        inside.addStretch(2)
        return slide

    def _verdict(self, sentence: Sentence, *, is_close: bool) -> QWidget:
        """One runtime's verdict: who and what in large type, why below it; among many, the type has the room."""
        frame, inside = card(spacing=0 if is_close else 4)
        inside.setContentsMargins(*(CLOSE_MARGINS if is_close else MARGINS))
        lead = RichLine(self._theme, sentence.lead, "", sentence.state)
        self._sized.append((lead, LEAD_PX, QFont.Weight.DemiBold))
        inside.addWidget(lead)
        if sentence.detail:
            inside.addWidget(self._large(sentence.detail, BODY_PX))
        return frame

    def _picture(self, sheet: Sheet) -> QWidget:
        from workbench.ui.charts.scatter import scatter_figure, why_no_scatter  # noqa: PLC0415  (after the first paint)

        slide, inside = _slide()
        figure = scatter_figure(sheet)
        if figure is None:
            inside.addWidget(self._large(why_no_scatter(sheet), LEAD_PX))
            inside.addStretch(1)
            return slide
        inside.addWidget(self._large(figure.title, TITLE_PX, QFont.Weight.DemiBold))
        inside.addWidget(self._large(figure.subtitle, BODY_PX))
        inside.addWidget(Picture(self._theme, figure), 1)
        return slide

    def _claim(self, sheet: Sheet) -> QWidget:
        slide, inside = _slide()
        inside.addWidget(self._large("The claim, and how to check it", TITLE_PX, QFont.Weight.DemiBold))
        inside.addStretch(1)
        frame, framed = card(spacing=12)
        framed.setContentsMargins(28, 22, 28, 24)
        framed.addWidget(self._large(first_line(sheet), round(0.8 * LEAD_PX)))
        words = 'int8-workbench check sheet.json --line "..." verifies this line against the sheet.'
        framed.addWidget(self._large(words, SMALL_PX))
        inside.addWidget(frame)
        for note in sheet.notes:
            inside.addWidget(self._large(note, BODY_PX))
        inside.addStretch(2)
        return slide

    def _large(self, text: str, size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> QLabel:
        made = label(text, wrap=True, selectable=True)
        self._sized.append((made, size_px, weight))
        return made


def scale_of(width: int, height: int) -> float:
    """Return by how much type grows on a screen of this size in pixels."""
    return min(max(min(width / BASE_SIZE[0], height / BASE_SIZE[1]), LEAST), MOST)


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
    inside.setSpacing(GAP_PX)
    return slide, inside


def _fit(slide: QWidget, sized: list[Sized], scale: float, room: QSize) -> None:
    """Set a slide's type as large as the screen allows and its content fits."""
    for shrink in SHRINKS:
        for made, size_px, weight in sized:
            _enlarge(made, round(size_px * scale * shrink), weight)
            _measure_again(made, slide)
        layout = slide.layout()
        if layout is None or layout.totalHeightForWidth(room.width()) <= room.height():
            return


def _measure_again(made: QWidget, slide: QWidget) -> None:
    """Let every layout between a part and its slide forget its heights at once, not with the next events."""
    inner = made
    while inner is not slide and (parent := inner.parentWidget()) is not None:
        inner.updateGeometry()
        if (layout := parent.layout()) is not None:
            layout.invalidate()
        inner = parent


def _enlarge(made: QWidget, size_px: int, weight: QFont.Weight) -> None:
    """Set a size of its own: the window's style sheet gives every label the same one."""
    made.setFont(text_font(size_px, weight))
    made.setStyleSheet(f"QLabel {{ font-size: {size_px}px; font-weight: {int(weight)}; }}")
