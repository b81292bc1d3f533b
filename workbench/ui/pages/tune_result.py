"""What a tuning found: the finding, the path as a chart, its points with a button that adopts one, the sensitivity."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from workbench.ui.errors_view import LogView
from workbench.ui.pages.chart_slot import ChartSlot
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme
from workbench.ui.tune_words import (
    SENSITIVITY_HEADINGS,
    TITLES,
    UNITS,
    best_place,
    conditions,
    figures_of,
    finding,
    is_listed_in_full,
    layers_words,
    point_headings,
    point_name,
    point_rows,
    sensitivity_rows,
    stopped_text,
    why_absent,
)
from workbench.ui.tuned import FIGURES, Tuned, TunePoint
from workbench.ui.widgets import button, card, copy_button, label, row, say

NODES_PX, SENSITIVITY_PX = 120, 420
NO_FIGURE = "No figure with an interval was measured, so there is nothing to draw."


class TuneResult(QWidget):
    """Shows one tuning.

    Signals:
        adopt: the place of a point. goto: another step.
    """

    adopt = Signal(int)
    goto = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._found: Tuned | None = None
        self._in_study: int | None = None
        self._why_not = ""
        self.finding, self.stopped = label("", "heading", wrap=True, selectable=True), label("", "warn", wrap=True)
        self.why = label("", "muted", wrap=True, selectable=True)
        self.conditions, self.absent = label("", "small", wrap=True), label("", "small", wrap=True)
        self.figure = QComboBox()
        self.figure.setAccessibleName("Figure shown against the INT8 share")
        self.figure.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.figure.activated.connect(lambda _place: self._draw())
        self.chart = ChartSlot(theme, "path of the tuning")
        self.points = TablePanel(theme, "points of the tuning", grows=True)
        self.adopt_button = button("Adopt", self._adopt, "primary", "Adopt the selected point into the study")
        self.run_button = button("Go to Run", lambda: self.goto.emit("run"), "link")
        self.said = label("", wrap=True)
        self.nodes, self._nodes_title = LogView("Float layers of the selected point", NODES_PX), label("", "strong")
        self._copy_nodes = copy_button(self.nodes.toPlainText, theme, "the float layers of the selected point")
        self.sensitivity = TablePanel(theme, "sensitivity of every layer", grows=True, most_px=SENSITIVITY_PX)
        self._sensitivity_words = label("", "muted", wrap=True)
        self.points.view.selectionModel().selectionChanged.connect(lambda _on, _off: self._show_selected())
        self._arrange()

    @property
    def selected(self) -> int | None:
        """The place of the selected point, None where none or several are selected."""
        places = [entry.data for entry in self.points.view.chosen_rows()]
        return int(places[0]) if len(places) == 1 else None

    def show_found(self, found: Tuned, in_study: int | None, why_not: str) -> None:
        """Show a tuning.

        Args:
            in_study: place of the point that the study has now. why_not: why no point can be adopted, "" if it can.
        """
        is_new = found is not self._found
        kept = None if is_new else self.selected
        self._found, self._in_study, self._why_not = found, in_study, why_not
        self.points.set_rows(point_headings(found), point_rows(found, in_study))
        if is_new:
            self._show_words(found)
            self._show_choices(found)
            self.sensitivity.set_rows(SENSITIVITY_HEADINGS, sensitivity_rows(found.sensitivity))
            self._draw()
        first = found.chosen if found.chosen is not None else best_place(found)
        self.points.select(first if kept is None else kept)
        self._show_selected()

    def _show_words(self, found: Tuned) -> None:
        self.finding.setText(finding(found))
        say(self.why, f"{found.why[:1].upper()}{found.why[1:].rstrip('.')}." if found.why and found.target else "")
        say(self.stopped, stopped_text(found))
        self.conditions.setText(conditions(found))
        say(self.absent, why_absent(found))
        samples = f"{found.sensitivity_n} calibration sample{'' if found.sensitivity_n == 1 else 's'}"
        self._sensitivity_words.setText(
            f"SQNR when this layer alone is left in float, simulated on {samples} before bias correction; "
            "gain against all INT8. Gains do not add up: the points above were measured together."
        )
        self._sensitivity_card.setVisible(bool(found.sensitivity))

    def _show_choices(self, found: Tuned) -> None:
        keys = figures_of(found)
        before = self.figure.currentData()
        self.figure.clear()
        for key in keys:
            self.figure.addItem(f"{TITLES[key]}, {UNITS[key]}", key)
        asked = {"sqnr_db": "sqnr_db", "agreement": "agreement", "max_drop_points": "accuracy_change_points"}
        wanted = next((asked[name] for name in found.target if name in asked), before)
        self.figure.setCurrentIndex(max(self.figure.findData(wanted), 0) if keys else -1)
        for widget in (self.figure, self._show_label):
            widget.setVisible(bool(keys))

    def _draw(self) -> None:
        from workbench.ui.charts.pareto import pareto_figure  # noqa: PLC0415  (charts come after the first paint)

        key = self.figure.currentData()
        found = self._found
        figure = pareto_figure(found, key) if found is not None and key in FIGURES else None
        self.chart.show_figure(figure, "" if figure else NO_FIGURE)

    def _show_selected(self) -> None:
        """Show what the selected point leaves in float, and whether it can be adopted."""
        found, place = self._found, self.selected
        point = found.points[place] if found is not None and place is not None else None
        is_current = place is not None and place == self._in_study
        self.adopt_button.setEnabled(point is not None and not is_current and not self._why_not)
        self.adopt_button.setText("Adopt" if point is None else f"Adopt {point_name(point)}")
        said = "" if point is None or found is None else selected_text(found, point, is_current=is_current)
        say(self.said, self._why_not or said, "warn" if self._why_not else "muted")
        self.run_button.setVisible(is_current and not self._why_not)
        self._show_nodes(point)

    def _show_nodes(self, point: TunePoint | None) -> None:
        is_long = point is not None and not is_listed_in_full(point)
        for widget in (self._nodes_title, self._copy_nodes, self.nodes):
            widget.setVisible(is_long)
        if point is not None and is_long:
            self._nodes_title.setText(f"{layers_words(len(point.float_nodes))} in float at the selected point")
            self.nodes.setPlainText("\n".join(point.float_nodes))

    def _adopt(self) -> None:
        if self.selected is not None:
            self.adopt.emit(self.selected)

    def _arrange(self) -> None:
        words, inside = card(spacing=6)
        for part in (self.finding, self.why, self.stopped, self.conditions):
            inside.addWidget(part)
        self._show_label = label("Shown", "muted")
        points, below = card()
        below.addLayout(row(label("Points", "heading"), None, self.adopt_button, spacing=8))
        below.addLayout(row(self.said, self.run_button, spacing=8))
        below.addWidget(self.points)
        below.addLayout(row(self._nodes_title, None, self._copy_nodes, spacing=8))
        below.addWidget(self.nodes)
        self._sensitivity_card, last = card("What each layer alone would bring")
        last.addWidget(self._sensitivity_words)
        last.addWidget(self.sensitivity)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(words)
        choice = row(self._show_label, self.figure, self.absent, None, spacing=10)
        choice.setStretch(2, 1)
        outside.addLayout(choice)
        for shown in (self.chart, points, self._sensitivity_card):
            outside.addWidget(shown)


def selected_text(found: Tuned, point: TunePoint, *, is_current: bool) -> str:
    """Return what adopting the selected point would do, or that the study has it and what comes next."""
    count = len(point.float_nodes)
    leaves = f"{layers_words(count).lower()} in float" if count else "no further layer in float"
    if not is_current:
        return f"Adopting writes {leaves} into the scheme of candidate {found.candidate}; it can be undone."
    return f"The study has this point: {leaves}. Run it to get the runtimes' own figures."
