"""A place on a page for one chart; pyqtgraph is loaded with the first figure, and a missing figure says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.ui.theme import Theme

if TYPE_CHECKING:
    from workbench.ui.charts.base import ChartCard
    from workbench.ui.charts.figure import Figure


class ChartSlot(QWidget):
    """Holds a chart card once there is something to show."""

    def __init__(self, theme: Theme, name: str, *, framed: bool = True, height_px: int | None = None) -> None:
        super().__init__()
        self._height_px = height_px
        self._theme, self._name, self._framed = theme, name, framed
        self.chart: ChartCard | None = None
        self._inside = QVBoxLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)

    @property
    def figure(self) -> Figure | None:
        """The figure shown, None where there is none."""
        return None if self.chart is None else self.chart.figure

    def show_figure(self, figure: Figure | None, why: str, *, keep_view: bool = False) -> None:
        """Show a figure, or in words why there is none; with neither the place is empty.

        Args:
            keep_view: the figure is the one shown before with new values: what the user zoomed to stays.
        """
        self.setVisible(figure is not None or bool(why))
        self.made_chart().show_figure(figure, why, keep_view=keep_view)

    def made_chart(self) -> ChartCard:
        """Return the chart card; made ahead of its first figure, that one is drawn sooner."""
        if self.chart is None:
            from workbench.ui.charts.base import ChartCard  # noqa: PLC0415  (pyqtgraph comes after the first paint)

            height = {} if self._height_px is None else {"height_px": self._height_px}
            self.chart = ChartCard(self._theme, self._name, framed=self._framed, **height)
            self._inside.addWidget(self.chart)
        return self.chart
