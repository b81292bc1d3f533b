"""Tab goes through a page as the eye does: in the order of its layouts, whenever a part was made."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QStackedLayout, QWidget


def set_tab_order(page: QWidget) -> None:
    """Order everything inside `page` that takes the focus by Tab."""
    for first, second in pairwise(in_order(page)):
        QWidget.setTabOrder(first, second)


def in_order(widget: QWidget) -> list[QWidget]:
    """Return the widgets inside `widget`, and itself, that take the focus by Tab, in the order of their layouts."""
    return [found for found in _walk(widget) if found.focusPolicy() & Qt.FocusPolicy.TabFocus]


def _walk(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    content = widget.widget() if isinstance(widget, QScrollArea) else None
    if content is not None:
        yield from _walk(content)
    elif (layout := widget.layout()) is not None:
        yield from _walk_layout(layout)


def _walk_layout(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        widget, inner = (item.widget(), item.layout()) if item is not None else (None, None)
        if isinstance(layout, QStackedLayout):
            widget = layout.widget(index)
        if widget is not None:
            yield from _walk(widget)
        elif inner is not None:
            yield from _walk_layout(inner)
