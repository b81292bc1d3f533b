"""The card of targets and limits."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.theme import Theme
from workbench.ui.tune_options import TuneOptions

ALL = (frozenset[str](), "")


@pytest.fixture
def options(qtbot: QtBot, theme: Theme) -> TuneOptions:
    made = TuneOptions()
    qtbot.addWidget(made)
    made.show_candidates(["S1"], ALL)
    return made


def test_no_target_is_set_at_first(options: TuneOptions) -> None:
    assert options.target == {}
    assert not any(field.isEnabled() for field in options.fields.values())
    assert options.candidate == "S1"


def test_targets_have_the_units_of_the_command(options: TuneOptions) -> None:
    options.boxes["agreement"].setChecked(True)
    options.fields["agreement"].setValue(97.5)
    options.boxes["max_drop_points"].setChecked(True)
    assert options.target == {"agreement": 0.975, "max_drop_points": 1.0}
    options.show_target({"sqnr_db": 23.0, "agreement": 0.9})
    assert options.target == {"sqnr_db": 23.0, "agreement": 0.9}
    options.reset()
    assert options.target == {}


def test_without_labels_no_drop_is_asked_for(options: TuneOptions) -> None:
    options.boxes["max_drop_points"].setChecked(True)
    options.show_candidates(["S1"], (frozenset(("max_drop_points",)), "It needs labels."))
    assert options.target == {}
    assert not options._why_absent.isHidden()


def test_one_of_several_candidates_is_chosen_and_kept(options: TuneOptions) -> None:
    options.show_candidates(["S1", "S2"], ALL)
    options._candidate.setCurrentIndex(1)
    options.show_candidates(["S0", "S1", "S2"], ALL)
    assert options.candidate == "S2"
    options.show_candidates([], ALL)
    assert options.candidate == ""
    assert options._candidate.isHidden()


def test_code_asks_for_leave(options: TuneOptions) -> None:
    assert options.code.isHidden()
    options.show_candidates(["S1"], ALL, has_code=True)
    assert not options.code.isHidden()
