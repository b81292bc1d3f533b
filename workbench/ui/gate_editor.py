"""Editor of [gates]: which limits decide between ship and stop."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QVBoxLayout, QWidget

from workbench.measure.gates import GATES, Gate
from workbench.report.numbers import TIMES
from workbench.ui.desk import Desk
from workbench.ui.widgets import button, clear, label, row, without_buttons

TITLES = {
    "max_accuracy_drop_points": "Accuracy drop, at most",
    "min_top1_agreement": "Answers equal to FP32, at least",
    "min_sqnr_db": "SQNR, at least",
    "max_answers_changed": "Answers changed, at most",
    "min_speedup": "Speed against own FP32, at least",
    "max_latency_ms_p90": "P90 latency, at most",
    "max_latency_ms_p99": "P99 latency, at most",
    "min_throughput_per_s": "Sustained rate, at least",
    "min_int8_mac_share": "MACs in INT8, at least",
    "max_artifact_bytes": "File size, at most",
    "max_baseline_accuracy_drop_points": "Accuracy drop against the baseline, at most",
    "max_baseline_answers_changed": "Answers other than the baseline's, at most",
    "max_baseline_sqnr_drop_db": "SQNR drop against the baseline, at most",
    "min_baseline_speed_ratio": "Speed against the baseline, at least",
}
FIRST_LIMITS = {
    "max_accuracy_drop_points": 1.0,
    "min_top1_agreement": 0.99,
    "min_sqnr_db": 20.0,
    "max_answers_changed": 10.0,
    "min_speedup": 1.5,
    "min_int8_mac_share": 0.9,
    "max_baseline_answers_changed": 0.0,
    "max_baseline_sqnr_drop_db": 0.5,
    "min_baseline_speed_ratio": 0.9,
}
HUGE = 1e12
LIMIT_PX = 140


class LimitField(QDoubleSpinBox):
    """A limit without the zeros that say nothing."""

    def textFromValue(self, value: float) -> str:  # noqa: N802  (Qt's name)
        """Return 99.5 as "99.5", 1 as "1"."""
        text = self.locale().toString(value, "f", self.decimals())
        point = self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text

    def name_unit(self, unit: str) -> None:
        """Show the unit behind the figure, one point without its s."""
        shown = TIMES if unit == "x" else unit
        self.setSuffix(unit.removesuffix("s") if self.value() == 1 and unit == " points" else shown)


class GateEditor(QWidget):
    """A row per gate with its limit, and a list of those not used yet."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._names: list[str] | None = None
        self._limits: dict[str, QDoubleSpinBox] = {}
        self._rows, self._more = QVBoxLayout(), QComboBox()
        self._rows.setSpacing(6)
        self._more.setAccessibleName("Add a gate")
        self._more.activated.connect(self._add)
        self._none = label("No gates: figures are shown without a verdict.", "muted", wrap=True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        inside.addWidget(self._none)
        inside.addLayout(self._rows)
        inside.addWidget(self._more)
        self.show_document()

    def show_document(self) -> None:
        """Show what the document says."""
        gates: dict[str, float] = self._desk.document.value("gates", default={})
        if list(gates) != self._names:
            self._remake(list(gates))
        for name, limit in gates.items():
            if name in self._limits and round(self._limits[name].value() / scale_of(name), 5) != limit:
                self._limits[name].blockSignals(True)
                self._limits[name].setValue(limit * scale_of(name))
                self._limits[name].blockSignals(False)

    def _remake(self, names: list[str]) -> None:
        self._names, self._limits = names, {}
        clear(self._rows)
        for name in names:
            if name in GATES:
                self._rows.addLayout(self._row(GATES[name]))
        self._none.setVisible(not names)
        self._more.clear()
        self._more.addItem("Add a gate...", "")
        for name, title in TITLES.items():
            if name not in names and name in GATES:
                self._more.addItem(title.partition(",")[0], name)

    def _row(self, gate: Gate) -> QVBoxLayout:
        title = TITLES.get(gate.name, gate.name)
        limit = without_buttons(LimitField(decimals=0 if gate.whole else 3))
        scale = scale_of(gate.name)
        limit.setRange(max(gate.low, -HUGE) * scale, min(gate.high * scale, HUGE))
        limit.setValue(self._desk.document.value("gates", gate.name, default=0.0) * scale)
        limit.name_unit(gate.unit)
        limit.valueChanged.connect(lambda _value: limit.name_unit(gate.unit))
        limit.setAccessibleName(title)
        limit.setFixedWidth(LIMIT_PX)
        limit.valueChanged.connect(lambda value: self._set(gate.name, round(value / scale, 5)))
        self._limits[gate.name] = limit
        remove = button("Remove", lambda: self._set(gate.name, None), "quiet", f"Remove the gate {title}")
        made = QVBoxLayout()
        made.addLayout(row(label(title, wrap=True), limit, remove, spacing=8))
        return made

    def _add(self, place: int) -> None:
        name = self._more.itemData(place)
        if name:
            self._set(name, FIRST_LIMITS.get(name, max(GATES[name].low, 1.0)))

    def _set(self, name: str, value: float | None) -> None:
        self._desk.document.set("change the gates", value, "gates", name)


def scale_of(name: str) -> float:
    """Return by what a limit of the study file is multiplied on the screen: fractions are shown in percent."""
    return 100.0 if GATES[name].share else 1.0
