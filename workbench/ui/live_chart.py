"""The live chart of the Run page: rates as they are told, repainted at most once a second and only while visible."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from workbench.ui.live_rates import LiveRates, live_cells
from workbench.ui.pages.chart_slot import ChartSlot
from workbench.ui.run_place import Planned
from workbench.ui.theme import Theme

REPAINT_S = 1.0


class LiveChart(ChartSlot):
    """Takes events at any time, draws when asked to.

    Attributes:
        rates: what was told so far.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "rates while measuring")
        self.rates = LiveRates()
        self._drawn_s, self._is_drawn = 0.0, True
        self.hide()

    def begin(self, plan: Planned) -> None:
        """A run starts: forget the rates of the last one."""
        self.clear()
        self.rates.begin(live_cells(plan.cells), plan.seconds, plan.rounds)
        self.made_chart()

    def clear(self) -> None:
        """Show nothing."""
        self.rates.clear()
        self._drawn_s, self._is_drawn = 0.0, True
        self.hide()

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event of the command."""
        if event.get("event") == "rate":
            self.rates.take(event)
            self._is_drawn = False

    def paint(self, *, is_over: bool = False) -> None:
        """Draw what is new, unless that was done within the last second, or the user reads the table.

        Args:
            is_over: nothing more will come: draw it at once.
        """
        now = time.monotonic()
        is_table = self.chart is not None and self.chart.table_button.isChecked()
        is_early = now - self._drawn_s < REPAINT_S and not is_over
        if self._is_drawn or is_table or is_early:
            return
        from workbench.ui.charts.live import live_figure  # noqa: PLC0415  (numpy and charts, after the first paint)

        self._drawn_s, self._is_drawn = now, True
        self.show_figure(live_figure(self.rates), "", keep_view=True)
