"""The one style sheet, a template over a token table. Roles are the dynamic property "role" of a widget.

Labels: title, heading, muted, small, strong, mono, figure, chip, chip-ok, chip-warn, chip-bad, chip-neutral,
ok, warn, bad, neutral. Frames: card, panel-ok, panel-warn, panel-bad, drop, drop-active, line, rail. Buttons: primary,
quiet, danger, link.
"""

from __future__ import annotations

STYLE = """
QWidget { font-family: "$family"; font-size: ${font}px; color: $text; }
QMainWindow, QDialog, QStackedWidget, QScrollArea, QScrollArea > QWidget > QWidget { background: $bg; }
QWidget[role="page"] { background: $bg; }
QToolTip { background: $surface; color: $text; border: 1px solid $border; padding: 6px 8px; }
QLabel { background: transparent; border: none; }
QLabel:disabled { color: $disabled; }
QLabel[role="title"] { font-size: ${title}px; font-weight: 600; }
QLabel[role="heading"] { font-size: ${heading}px; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="small"] { color: $muted; font-size: ${small}px; }
QLabel[role="group"] { color: $muted; font-size: ${small}px; font-weight: 600; }
QLabel[role="mono"] { font-family: "$mono"; font-size: ${small}px; }
QLabel[role="picture"] { background: $field; border: 1px solid $border; border-radius: 6px; }
QLabel[role="figure"] { font-size: 24px; font-weight: 600; }
QLabel[role="ok"] { color: $ok; }
QLabel[role="warn"] { color: $warn; }
QLabel[role="bad"] { color: $bad; }
QLabel[role="neutral"] { color: $neutral; }
QLabel[role^="chip"] { border-radius: 9px; padding: 2px 9px; font-size: ${small}px;
  background: $neutral_soft; color: $neutral; }
QLabel[role="chip-ok"] { background: $ok_soft; color: $ok; }
QLabel[role="chip-warn"] { background: $warn_soft; color: $warn; }
QLabel[role="chip-bad"] { background: $bad_soft; color: $bad; }

QFrame[role="card"] { background: $surface; border: 1px solid $border; border-radius: ${radius}px; }
QFrame[role="panel-ok"] { background: $ok_soft; border: 1px solid $ok; border-radius: ${radius}px; }
QFrame[role="panel-warn"] { background: $warn_soft; border: 1px solid $warn; border-radius: ${radius}px; }
QFrame[role="panel-bad"] { background: $bad_soft; border: 1px solid $bad; border-radius: ${radius}px; }
QFrame[role="panel-error"] { background: $bad_soft; border: 1px solid $bad; border-radius: ${radius}px;
  margin-top: 12px; }
QFrame[role="drop"] { background: $surface; border: 1px dashed $field_border; border-radius: ${radius}px; }
QFrame[role="drop-active"] { background: $accent_soft; border: 1px dashed $accent; border-radius: ${radius}px; }
QFrame[role="line"] { background: $border; border: none; max-height: 1px; min-height: 1px; }
QFrame[role="rail"] { background: $rail; border: none; border-right: 1px solid $border; }

QPushButton { background: $surface; color: $text; border: 1px solid $strong_border; border-radius: ${radius}px;
  padding: 6px 14px; min-height: 18px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $accent_soft; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton:disabled { color: $disabled; border-color: $border; background: $bg; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; }
QPushButton[role="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[role="primary"]:focus { border: 1px solid $text; }
QPushButton[role="primary"]:disabled { background: $neutral_soft; color: $disabled; border-color: $border; }
QPushButton[role="danger"] { color: $bad; border-color: $bad; }
QPushButton[role="quiet"] { background: transparent; border: 1px solid transparent; padding: 5px 9px; }
QPushButton[role="quiet"]:hover { background: $hover; }
QPushButton[role="quiet"]:focus { border: 1px solid $accent; }
QPushButton[role="quiet"]:checked { background: $accent_soft; color: $accent; }
QPushButton[role="link"] { background: transparent; border: 1px solid transparent; color: $accent; padding: 2px 4px; }
QPushButton[role="link"]:hover { text-decoration: underline; }
QPushButton[role="link"]:focus { border: 1px solid $accent; }
QPushButton::menu-indicator { width: 0px; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: ${radius}px; padding: 5px; }
QToolButton:hover { background: $hover; }
QToolButton:focus { border: 1px solid $accent; }

QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QTextEdit, QTextBrowser {
  background: $field; color: $text; border: 1px solid $field_border; border-radius: 6px; padding: 4px 8px;
  selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit, QComboBox { min-height: 20px; }
QSpinBox, QDoubleSpinBox { min-height: 20px; max-height: 20px; padding: 4px 8px; }
QLineEdit#qt_spinbox_lineedit { border: none; background: transparent; padding: 0px; margin: 0px;
  min-height: 0px; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus, QTextEdit:focus,
  QTextBrowser:focus { border: 1px solid $accent; }
QLineEdit[invalid="true"] { border: 1px solid $bad; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: $disabled; background: $bg;
  border-color: $border; }
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { width: 0px;
  border: none; }
QPlainTextEdit[role="log"] { font-family: "$mono"; font-size: ${small}px; background: $field; color: $muted;
  border: 1px solid $border; }
QComboBox { padding-right: 24px; }
QComboBox::drop-down { border: none; width: 24px; subcontrol-origin: border; subcontrol-position: center right; }
QComboBox::down-arrow { image: url("$folder/expand-$name.svg"); width: 14px; height: 14px; }
QComboBox QAbstractItemView { background: $surface; color: $text; border: 1px solid $border; outline: none;
  selection-background-color: $accent_soft; selection-color: $text; padding: 4px; }
QCheckBox, QRadioButton { background: transparent; spacing: 8px; padding: 2px; border: 1px solid transparent;
  border-radius: 6px; }
QCheckBox:focus, QRadioButton:focus { border: 1px solid $accent; }
QCheckBox::indicator, QTableView::indicator { width: 14px; height: 14px; border: 1px solid $field_border;
  border-radius: 4px;
  background: $field; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$folder/check-$name.svg"); }
QCheckBox::indicator:hover { border-color: $accent; }
QCheckBox:disabled, QRadioButton:disabled { color: $disabled; }

QTabWidget::pane { border: none; border-top: 1px solid $border; background: transparent; top: -1px; }
QTabBar { background: transparent; }
QTabBar::tab { background: transparent; color: $muted; padding: 8px 12px; border: none;
  border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $accent; border-bottom: 2px solid $accent; font-weight: 600; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:focus { color: $accent; background: $accent_soft; }

QTableView, QListView, QTreeView { background: $surface; color: $text; border: 1px solid $border;
  border-radius: ${radius}px; gridline-color: $border; outline: none; alternate-background-color: $surface;
  selection-background-color: $accent_soft; selection-color: $text; }
QTableView:focus, QListView:focus, QTreeView:focus { border: 1px solid $accent; }
QTableView::item, QListView::item, QTreeView::item { padding: 4px 8px; }
QHeaderView { background: $surface; border: none; }
QHeaderView::section { background: $surface; color: $muted; border: none; border-bottom: 1px solid $border;
  padding: 7px 10px; font-weight: 500; }
QTableCornerButton::section { background: $surface; border: none; border-bottom: 1px solid $border; }

QProgressBar { background: $neutral_soft; border: none; border-radius: 3px; max-height: 6px; min-height: 6px;
  text-align: center; color: transparent; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QScrollArea { border: none; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $strong_border; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: transparent; }
QMenuBar { background: $rail; color: $text; border-bottom: 1px solid $border; padding: 2px 6px; }
QMenuBar::item { background: transparent; padding: 5px 10px; border-radius: 6px; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $surface; color: $text; border: 1px solid $border; padding: 5px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 5px; }
QMenu::item:selected { background: $accent_soft; color: $text; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $border; margin: 5px 6px; }
QStatusBar { background: $rail; color: $muted; border-top: 1px solid $border; }
QStatusBar::item { border: none; }
QStatusBar QLabel { color: $muted; font-size: ${small}px; padding: 2px 8px; }
QSlider::groove:horizontal { height: 4px; background: $neutral_soft; border-radius: 2px; }
QSlider::handle:horizontal { background: $accent; width: 14px; margin: -5px 0; border-radius: 7px; }

QPushButton[role="step"] { background: transparent; border: 1px solid transparent; border-radius: ${radius}px;
  padding: 0px; text-align: left; }
QPushButton[role="step"]:hover { background: $hover; }
QPushButton[role="step"]:checked { background: $accent_soft; }
QPushButton[role="step"]:focus { border: 1px solid $accent; }
QLabel[role="step-title"] { font-weight: 500; }
QLabel[role="step-title-on"] { font-weight: 600; color: $accent; }
QLabel[role="step-state"] { color: $muted; font-size: ${small}px; }
QLabel[role="step-state-ok"] { color: $ok; font-size: ${small}px; }
QLabel[role="step-state-warn"] { color: $warn; font-size: ${small}px; }
QLabel[role="step-state-bad"] { color: $bad; font-size: ${small}px; }
QLabel[role="step-state-on"] { color: $text; font-size: ${small}px; }
"""
