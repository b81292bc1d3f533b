"""What a widget says: the texts of its visible labels and buttons, and what stands without a name."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton, QScrollBar, QWidget


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


def cut_off(widget: QWidget) -> list[str]:
    """Return the texts of visible labels and buttons that are smaller than their text."""
    labels = [found for found in widget.findChildren(QLabel) if found.isVisible() and found.text()]
    buttons = [found for found in widget.findChildren(QPushButton) if found.isVisible() and found.text()]
    return [found.text() for found in labels if _is_short(found)] + [
        found.text() for found in buttons if found.width() < found.minimumSizeHint().width()
    ]


def _is_short(found: QLabel) -> bool:
    if found.wordWrap():
        return found.height() < found.heightForWidth(found.width())
    return found.width() < found.minimumSizeHint().width() or found.height() < found.minimumSizeHint().height()


def _was_hidden(widget: QWidget) -> bool:
    return widget.isHidden() and widget.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
