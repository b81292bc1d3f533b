"""Editor of a model's `state`: which output of a recurrent model is fed back into which input from frame to frame."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from workbench.ui.widgets import button, column, label, row, say

HINT = "input = output, such as h_in = h_out, c_in = c_out"


class ModelState(QWidget):
    """Folded until asked for, or until there is a state.

    Attributes:
        toggle: a button that unfolds it, for wherever there is room. edited: the state as a dict, None for none.

    Args:
        what: whose state it is, for screen readers; "" for the study's model.
    """

    edited = Signal(object)

    def __init__(self, what: str = "") -> None:
        super().__init__()
        self._field, self._problem = QLineEdit(), label("", "bad", wrap=True)
        self._field.setPlaceholderText(HINT)
        self._field.setAccessibleName(f"Outputs fed back as state{what}")
        self.toggle = button("Recurrent...", self.unfold, "quiet", f"The model is recurrent: name its state{what}")
        self.toggle.setParent(self)  # where no page places it, it never is a window of its own
        self.setLayout(column(row(label("State", "muted"), self._field), self._problem, spacing=4))
        self._field.editingFinished.connect(self._tell)
        self.hide()
        say(self._problem, "")

    def show_state(self, state: dict[str, str]) -> None:
        """Show what the document says; a text that is being typed stays."""
        if not self._field.hasFocus():
            self._field.setText(text_of(state))
            say(self._problem, "")
        if state:
            self.show()
        self.toggle.setVisible(self.isHidden())

    def unfold(self) -> None:
        """Show the field and go into it."""
        self.show()
        self.toggle.hide()
        self._field.setFocus()

    def _tell(self) -> None:
        try:
            state = pairs_of(self._field.text())
        except ValueError as error:
            say(self._problem, str(error))
            return
        say(self._problem, "")
        self.edited.emit(state or None)


def text_of(state: dict[str, str]) -> str:
    """Return {"h_in": "h_out"} as "h_in = h_out"."""
    return ", ".join(f"{name} = {output}" for name, output in state.items())


def pairs_of(text: str) -> dict[str, str]:
    """Return "h_in = h_out, c_in = c_out" as a dict. Raises ValueError with words for the user."""
    found: dict[str, str] = {}
    for part in [part.strip() for part in text.split(",") if part.strip()]:
        name, mark, output = (piece.strip() for piece in part.partition("="))
        if not (name and mark and output):
            raise ValueError(f"{part!r} is not a pair such as h_in = h_out")
        found[name] = output
    return found
