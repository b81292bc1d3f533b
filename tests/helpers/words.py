"""What a widget says: the texts of its visible labels and buttons, and what stands without a name."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QScrollBar, QWidget


def words_of(widget: QWidget) -> str:
    """Return the texts of all labels and buttons that nobody hid, line by line; new ones count at once."""
    parts = [*widget.findChildren(QLabel), *widget.findChildren(QAbstractButton)]
    return "\n".join(part.text() for part in parts if not _was_hidden(part))


def nameless(widget: QWidget) -> list[str]:
    """Return the classes of widgets that take the focus by Tab and have no name for screen readers."""
    children = [child for child in widget.findChildren(QWidget) if child.isVisibleTo(widget) and not child.focusProxy()]
    found = [child for child in children if child.focusPolicy() & Qt.FocusPolicy.TabFocus]
    return [
        type(child).__name__
        for child in found
        if not child.accessibleName() and not isinstance(child, QScrollBar) and not child.objectName().startswith("qt_")
    ]


def _was_hidden(widget: QWidget) -> bool:
    return widget.isHidden() and widget.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
