"""The wrapping layout: nothing overlaps, nothing leaves the width, the height follows."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.flow import FlowLayout


@pytest.mark.parametrize("width", [150, 400, 2000])
def test_widgets_lie_side_by_side_inside_the_width(qtbot: QtBot, width: int) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    flow = FlowLayout(holder, spacing=6)
    labels = [QLabel("word " * n) for n in (1, 2, 3, 1, 2)]
    for made in labels:
        flow.addWidget(made)
    holder.resize(width, flow.heightForWidth(width))
    holder.show()
    places = [made.geometry() for made in labels]
    assert all(place.left() >= 0 and place.right() < width for place in places)
    assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[i + 1 :])
    assert max(place.bottom() for place in places) < flow.heightForWidth(width)


def test_items_can_be_taken_out_again(qtbot: QtBot) -> None:
    flow = FlowLayout()
    flow.addWidget(QLabel("a"))
    assert flow.count() == 1
    assert flow.itemAt(1) is None
    assert flow.takeAt(0) is not None
    assert (flow.count(), flow.takeAt(0)) == (0, None)
