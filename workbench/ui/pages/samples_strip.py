"""A strip of sample cards: the picture, its label, and every runtime's answer; pictures are read one by one, later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QImage, QImageReader, QPixmap, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from workbench.report.worst import Answer, SampleCard
from workbench.ui.theme import Theme
from workbench.ui.widgets import clear, label, row

PICTURE_PX = 128
CARD_PX = 204
SMALL_SIDE_PX = 96
SIGNS = {"right": ("\N{CHECK MARK}", "ok"), "wrong": ("\N{MULTIPLICATION X}", "bad"),
         "same": ("=", "neutral"), "changed": ("\N{NOT EQUAL TO}", "warn"), "": ("", "neutral")}  # fmt: skip
WORDS = {"right": "right", "wrong": "wrong", "same": "as FP32", "changed": "not as FP32", "": ""}


class SampleBox(QFrame):
    """One sample."""

    def __init__(self, card: SampleCard) -> None:
        super().__init__()
        self.card = card
        self.setProperty("role", "card")
        self.setFixedWidth(CARD_PX)
        self.picture = QLabel(card.no_picture)
        self.picture.setWordWrap(True)
        self.picture.setProperty("role", "small")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedHeight(PICTURE_PX if card.picture else self.picture.heightForWidth(CARD_PX - 26) + 8)
        self.picture.setAccessibleName(f"Picture {card.file}")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(12, 12, 12, 12)
        inside.setSpacing(3)
        inside.addWidget(self.picture)
        inside.addSpacing(4)
        inside.addWidget(_file_label(card))
        inside.addWidget(label(f"Label: {card.label}" if card.label else "No label", "strong", wrap=True))
        if card.reference:
            inside.addWidget(label(f"FP32: {card.reference}", wrap=True))
        for answer in card.answers:
            inside.addLayout(_answer_line(answer))
        if card.note:
            inside.addWidget(label(card.note, "small"))
        inside.addStretch(1)

    def show_picture(self, image: QImage) -> None:
        """Show the picture as large as the card allows; few pixels stay visible as squares."""
        if image.isNull():
            self.picture.setText("the picture cannot be read")
            return
        ratio = self.devicePixelRatioF()
        side = round(PICTURE_PX * ratio)
        is_small = max(image.width(), image.height()) <= SMALL_SIDE_PX
        how = Qt.TransformationMode.FastTransformation if is_small else Qt.TransformationMode.SmoothTransformation
        pixmap = QPixmap.fromImage(image.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, how))
        pixmap.setDevicePixelRatio(ratio)
        self.picture.setPixmap(pixmap)


class SamplesStrip(QScrollArea):
    """Cards side by side; scrolls to the right."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._waiting: list[SampleBox] = []
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._load_next)
        self.setObjectName("strip-area")
        self.setStyleSheet("#strip-area { background: transparent; }")
        content = QWidget()
        content.setObjectName("strip")
        content.setStyleSheet("#strip { background: transparent; }")
        self.viewport().setObjectName("strip-view")
        self.viewport().setStyleSheet("#strip-view { background: transparent; }")
        self._inside = QHBoxLayout(content)
        self._inside.setContentsMargins(0, 0, 0, 4)
        self._inside.setSpacing(10)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)

    @property
    def boxes(self) -> list[SampleBox]:
        """The cards shown."""
        items = (self._inside.itemAt(index) for index in range(self._inside.count()))
        return [item.widget() for item in items if item and isinstance(item.widget(), SampleBox)]  # type: ignore[misc]

    @property
    def is_loading(self) -> bool:
        """Whether pictures are still to be read."""
        return bool(self._waiting)

    def show_cards(self, cards: Sequence[SampleCard]) -> None:
        """Show these instead; pictures follow once the strip is on the screen, one per turn of the event loop."""
        clear(self._inside)
        self._inside.addStretch(1)
        self._waiting = []
        self.add_cards(cards)

    def add_cards(self, cards: Sequence[SampleCard]) -> None:
        """Show these behind the others."""
        boxes = [SampleBox(card) for card in cards]
        for box in boxes:
            self._inside.insertWidget(self._inside.count() - 1, box)
        self._waiting += [box for box in boxes if box.card.picture is not None]
        self._fit()
        if self.isVisible():
            self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Begin to read pictures."""
        super().showEvent(event)
        self._fit()
        if self._waiting:
            self._timer.start()

    def _fit(self) -> None:
        """Be as high as the highest card, and a scroll bar."""
        heights = [max(box.sizeHint().height(), box.heightForWidth(CARD_PX)) for box in self.boxes]
        self.setFixedHeight(max(heights, default=0) + self.horizontalScrollBar().sizeHint().height() + 6)

    def _load_next(self) -> None:
        if not self._waiting:
            self._timer.stop()
            return
        box = self._waiting.pop(0)
        assert box.card.picture is not None
        box.show_picture(read_picture(box.card.picture))


def read_picture(path: Path) -> QImage:
    """Return a picture, turned as its file says, decoded no larger than needed; a null image where it is unreadable."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    most = 3 * PICTURE_PX
    if size.isValid() and max(size.width(), size.height()) > most:
        reader.setScaledSize(size.scaled(QSize(most, most), Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


def _file_label(card: SampleCard) -> QLabel:
    made = label("", "small")
    made.setText(made.fontMetrics().elidedText(card.file, Qt.TextElideMode.ElideMiddle, CARD_PX - 30))
    made.setToolTip(card.file)
    return made


def _answer_line(answer: Answer) -> QHBoxLayout:
    sign, role = SIGNS[answer.state]
    mark = label(sign, role)
    mark.setFixedWidth(14)
    mark.setAccessibleName(WORDS[answer.state])
    name = label(answer.name, "small", wrap=True)
    given = label(answer.text, wrap=True)
    words = QVBoxLayout()
    words.setContentsMargins(0, 0, 0, 0)
    words.setSpacing(0)
    words.addWidget(name)
    words.addWidget(given)
    line = row(spacing=4)
    line.addWidget(mark, 0, Qt.AlignmentFlag.AlignBottom)
    line.addLayout(words, 1)
    return line
