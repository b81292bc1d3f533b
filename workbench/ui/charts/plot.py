"""Draws one figure: pyqtgraph for curves, pan and zoom; the figure's shapes painted behind and before them."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QGraphicsView, QSizePolicy, QWidget

from workbench.ui.charts.drawing import draw, frame_of, same_view
from workbench.ui.charts.figure import Figure, Line, Pair
from workbench.ui.charts.keys import ZOOM_STEP, action_for
from workbench.ui.charts.paint import make_colour, measure, paint
from workbench.ui.charts.palette import colour
from workbench.ui.charts.reading import Reading, focus_ring, nearest, read_column, readout
from workbench.ui.charts.shapes import Drawing, Frame, envelope
from workbench.ui.tokens import Tokens

ENVELOPE_ABOVE = 2000
MAX_ZOOM_OUT = 1.5
DASH = [6.0, 4.0]


class FigurePlot(pg.GraphicsView):  # type: ignore[misc]
    """The picture of one figure.

    Attributes:
        hovered: emitted with a Reading, or None where the pointer is on nothing.
        view_changed: emitted after pan, zoom or reset.
    """

    hovered = Signal(object)
    view_changed = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.figure: Figure | None = None
        self.drawing = Drawing()
        self.frame_now: Frame | None = None
        self._tokens = tokens
        self._curves: list[tuple[Line, pg.PlotCurveItem]] = []
        self._reading: Reading | None = None
        self._is_exporting = False
        self._pointer: QPointF | None = None
        self._view = pg.ViewBox(enableMenu=False, border=None)
        self._view.setDefaultPadding(0)
        self.addItem(self._view)
        self._view.sigRangeChanged.connect(self._range_changed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)

    # ---- what is shown

    def show_figure(self, figure: Figure, *, keep_view: bool = False) -> None:
        """Show another figure, or the same one with new values: then a zoom of the user's stays."""
        before = self.figure
        is_kept = (
            keep_view and before is not None and before.key == figure.key and not same_view(self.view, before.view)
        )
        view = self.view if is_kept else figure.view
        self.figure, self._reading = figure, None
        for _, item in self._curves:
            self._view.removeItem(item)
        self._curves = [(line, self._curve(line)) for line in figure.lines]
        self._limit(figure)
        self._set_view(view)
        self.refresh()

    def set_tokens(self, tokens: Tokens) -> None:
        """Draw in the colours of another token table."""
        self._tokens = tokens
        for line, item in self._curves:
            item.setPen(self._pen(line))
        self._repaint()

    @property
    def view(self) -> tuple[Pair, Pair]:
        """The stretch of both axes in view, in linear units."""
        (left, right), (low, high) = self._view.viewRange()
        return (float(left), float(right)), (float(low), float(high))

    @property
    def curves(self) -> list[tuple[Line, pg.PlotCurveItem]]:
        """Lines and the items that draw them."""
        return list(self._curves)

    @property
    def reading(self) -> Reading | None:
        """What is read out now."""
        return self._reading

    def reset_view(self) -> None:
        """Show everything again."""
        if self.figure is not None:
            self._set_view(self.figure.view)

    def zoom(self, factor: float, centre: QPointF | None = None) -> None:
        """Zoom in (factor > 1) or out around a point in linear units, or around the middle."""
        across = 1 / factor
        down = 1.0 if self.figure is not None and self.figure.y.names else across
        self._view.scaleBy((across, down), center=centre)

    def pan(self, across: float, down: float) -> None:
        """Move the view by shares of its size."""
        (left, right), (low, high) = self.view
        self._view.translateBy(x=across * (right - left), y=down * (high - low))

    def refresh(self) -> None:
        """Place everything anew for the present size and view."""
        if self.figure is None:
            return
        frame = frame_of(self.figure, self.view, float(self.width()), float(self.height()), measure)
        self._view.setGeometry(QRectF(frame.box.x, frame.box.y, frame.box.width, frame.box.height))
        self.frame_now = frame
        self.drawing = draw(self.figure, frame, measure)
        for line, item in self._curves:
            self._fill(line, item, frame)
        self._reading = None if self._pointer is None else self.reading_at(self._pointer)
        self._repaint()

    def _repaint(self) -> None:
        """Paint everything again; the shapes behind the curves are kept as a picture between such calls."""
        self.resetCachedContent()
        self.viewport().update()

    def _curve(self, line: Line) -> pg.PlotCurveItem:
        item = pg.PlotCurveItem(pen=self._pen(line), antialias=True, connect="finite", skipFiniteCheck=False)
        self._view.addItem(item, ignoreBounds=True)
        return item

    def _pen(self, line: Line) -> object:
        pen = pg.mkPen(make_colour(colour(self._tokens, f"series{line.series % 6}")), width=1)
        if line.dashed:
            pen.setDashPattern(DASH)
        return pen

    def _fill(self, line: Line, item: pg.PlotCurveItem, frame: Frame) -> None:
        assert self.figure is not None
        x, y = line.x, line.y
        if x.size > ENVELOPE_ABOVE:
            low, high = (self.figure.x.value(unit) for unit in frame.x_view)
            x, y = envelope(x, y, low, high, int(frame.box.width))
        item.setData(self.figure.x.units(x), self.figure.y.units(y))

    def _limit(self, figure: Figure) -> None:
        (left, right), (low, high) = figure.view
        across, down = (right - left) * (MAX_ZOOM_OUT - 1) / 2, (high - low) * (MAX_ZOOM_OUT - 1) / 2
        named = bool(figure.y.names)
        down = 0.0 if named else down
        self._view.setLimits(
            xMin=left - across, xMax=right + across, yMin=low - down, yMax=high + down,
            minXRange=(right - left) / 1e4, minYRange=(high - low) / (1.0 if named else 1e4),
        )  # fmt: skip
        self._view.setMouseEnabled(x=True, y=not named)

    def _set_view(self, view: tuple[Pair, Pair]) -> None:
        self._view.setRange(xRange=view[0], yRange=view[1], padding=0, update=True, disableAutoRange=True)

    def _range_changed(self, *_: object) -> None:
        self.refresh()
        self.view_changed.emit()

    # ---- painting

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:  # noqa: N802  (Qt's name)
        """Paint the surface, then bands, grid, rules and bars."""
        painter.fillRect(rect, make_colour(self._tokens.surface))
        paint(painter, self.drawing.back, self._tokens)

    def drawForeground(self, painter: QPainter, _rect: QRectF | QRect) -> None:  # noqa: N802  (Qt's name)
        """Paint whiskers, markers, labels, ticks, and what the pointer is on."""
        paint(painter, self.drawing.front, self._tokens)
        if self._reading is not None and self.frame_now is not None:
            paint(painter, self._reading.shapes(self.frame_now), self._tokens)
            paint(painter, readout(self._reading, float(self.width()), float(self.height()), measure), self._tokens)
        if self.hasFocus() and not self._is_exporting:
            paint(painter, focus_ring(float(self.width()), float(self.height())), self._tokens)

    def render_into(self, painter: QPainter, target: QRectF) -> None:
        """Paint the picture without pointer and focus."""
        reading, self._reading = self._reading, None
        self._is_exporting = True
        self.render(painter, target, self.viewport().rect())
        self._reading, self._is_exporting = reading, False

    # ---- pointer and keys

    def read_at(self, reading: Reading | None) -> None:
        """Mark what is read out."""
        self._reading = reading
        self.hovered.emit(reading)
        self.viewport().update()

    def reading_at(self, at: QPointF) -> Reading | None:
        """Return what is under a pixel."""
        frame, figure = self.frame_now, self.figure
        if frame is None or figure is None:
            return None
        if figure.hover == "nearest":
            return nearest(figure, frame, at.x(), at.y())
        return read_column(figure, frame, at.x()) if frame.holds(at.x(), at.y()) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """Begin to pan; nothing behind the chart hears of it."""
        super().mousePressEvent(event)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """End a pan."""
        super().mouseReleaseEvent(event)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """Read out what is under the pointer."""
        super().mouseMoveEvent(event)
        self._pointer = event.position()
        if event.buttons() == Qt.MouseButton.NoButton:
            self.read_at(self.reading_at(event.position()))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  (Qt's name)
        """Show the focus."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  (Qt's name)
        """Hide the focus and the readout."""
        super().focusOutEvent(event)
        self.read_at(None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  (Qt's name)
        """Stop reading out."""
        super().leaveEvent(event)
        self._pointer = None
        self.read_at(None)

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """Show everything again."""
        self.reset_view()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  (Qt's name)
        """Zoom with Ctrl held; otherwise the page scrolls."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            factor = ZOOM_STEP if event.angleDelta().y() > 0 else 1 / ZOOM_STEP
            centre = self._view.mapSceneToView(event.position())
            self.zoom(factor, centre)
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  (Qt's name)
        """Arrows step through what can be read, with Ctrl they pan; + and - zoom; 0 or Home resets."""
        action = action_for(self, Qt.Key(event.key()), event.modifiers())
        if action is None:
            event.ignore()
        else:
            action()
            event.accept()

    def step(self, by: int) -> None:
        """Read out the next or previous thing."""
        if self.frame_now is None or self.figure is None:
            return
        if self.figure.hover == "nearest":
            self._step_nearest(by)
            return
        left, right = self.frame_now.box.x, self.frame_now.box.x + self.frame_now.box.width
        now = self._reading.x if self._reading is not None else (left if by > 0 else right)
        at = min(max(now + by * (right - left) / 60, left), right)
        self.read_at(read_column(self.figure, self.frame_now, at))

    def _step_nearest(self, by: int) -> None:
        assert self.figure is not None
        assert self.frame_now is not None
        things = (*self.figure.points, *self.figure.bars)
        if not things:
            return
        now = self._reading.index if self._reading is not None else (-1 if by > 0 else 0)
        self.read_at(Reading.of(self.figure, self.frame_now, (now + by) % len(things)))

    def close(self) -> bool:
        """Close like any widget: pyqtgraph would take scene and viewport away while events still reach them."""
        return bool(QGraphicsView.close(self))

    # ---- size

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  (Qt's name)
        """Place everything anew."""
        super().resizeEvent(event)
        if hasattr(self, "_view"):
            self.refresh()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Return a comfortable size."""
        return QSize(560, 280)
