"""The card of the Run page that edits the study: its name and [measure]; below, how long it will take."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFrame, QLineEdit, QVBoxLayout

from workbench.ui.desk import Desk
from workbench.ui.run_place import PROFILES
from workbench.ui.widgets import button, label, row, without_buttons

BUDGET_MOST_S = 1e6


class StudyCard(QFrame):
    """Changes go into the document at once.

    Attributes:
        expected: says how long it takes, or why it cannot be run. next: goes to what is missing, while something is.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._desk = desk
        self._name, self._profile = QLineEdit(), QComboBox()
        self._budget = without_buttons(QDoubleSpinBox(minimum=0, maximum=BUDGET_MOST_S, decimals=0, suffix=" s"))
        self.expected = label("", "muted", wrap=True)
        self.next = button("", role="link")
        for key, text in PROFILES.items():
            self._profile.addItem(text, key)
        self._budget.setSpecialValueText("no limit")
        self._name.setAccessibleName("Name of the study")
        self._profile.setAccessibleName("Profile")
        self._budget.setAccessibleName("Most seconds for the speed of all cells")
        self._arrange()
        self._connect()
        self.show_document()

    def show_document(self) -> None:
        """Show what the document says."""
        values = self._desk.document.values
        measure = values.get("measure") or {}
        if not self._name.hasFocus():
            self._name.setText(values.get("name") or "")
            self._name.setCursorPosition(0)
        self._name.setPlaceholderText(self._desk.document.title)
        self._profile.setCurrentIndex(self._profile.findData(measure.get("profile", "quick")))
        self._budget.blockSignals(True)
        self._budget.setValue(measure.get("budget_s") or 0)
        self._budget.blockSignals(False)

    def _arrange(self) -> None:
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 14, 16, 14)
        inside.setSpacing(8)
        inside.addWidget(label("Study", "heading"))
        inside.addLayout(row(label("Name", "muted"), self._name))
        budget = (label("At most", "muted"), self._budget)
        inside.addLayout(row(label("Profile", "muted"), self._profile, None, *budget))
        inside.addLayout(row(self.expected, self.next, spacing=8))

    def _connect(self) -> None:
        set_ = self._desk.document.set
        self._name.editingFinished.connect(lambda: set_("rename the study", self._name.text().strip() or None, "name"))
        self._profile.activated.connect(
            lambda _place: set_("change the profile", self._profile.currentData(), "measure", "profile")
        )
        self._budget.valueChanged.connect(
            lambda value: set_("change the time limit", value or None, "measure", "budget_s")
        )
