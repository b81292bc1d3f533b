"""What the keyboard does on a chart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from workbench.ui.charts.plot import FigurePlot

ZOOM_STEP = 1.25
PAN_STEP = 0.1
_PANS = {
    Qt.Key.Key_Left: (-PAN_STEP, 0.0),
    Qt.Key.Key_Right: (PAN_STEP, 0.0),
    Qt.Key.Key_Up: (0.0, PAN_STEP),
    Qt.Key.Key_Down: (0.0, -PAN_STEP),
}
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
_ZOOMS = {Qt.Key.Key_Plus: ZOOM_STEP, Qt.Key.Key_Equal: ZOOM_STEP, Qt.Key.Key_Minus: 1 / ZOOM_STEP}
_RESETS = (Qt.Key.Key_0, Qt.Key.Key_Home)


def action_for(plot: FigurePlot, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> Callable[[], None] | None:
    """Return what a key does, None where it is not the chart's.

    Arrows step through what can be read, with Ctrl they pan; + and - zoom; 0 or Home shows everything; Escape stops
    reading out.
    """
    if key in _ZOOMS:
        return lambda: plot.zoom(_ZOOMS[key])
    if key in _RESETS:
        return plot.reset_view
    if key == Qt.Key.Key_Escape and plot.reading is not None:
        return lambda: plot.read_at(None)
    if key not in _STEPS:
        return None
    if modifiers & Qt.KeyboardModifier.ControlModifier:
        return lambda: plot.pan(*_PANS[key])
    return lambda: plot.step(_STEPS[key])
