"""Everything the command line can set, the window can set: each option has its part in the window, or a reason."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import argparse
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

from helpers import set_up
from helpers.study_folder import make_study_folder
from PySide6.QtWidgets import QApplication, QWidget

from workbench.cli import parser
from workbench.ui.commands import Bridge
from workbench.ui.run_options import CODE, QUICK
from workbench.ui.window import Window

Part = tuple[str, str]
"""A page and the accessible name of a part of it."""

PRINTS = "how a terminal prints what the window draws"
FOR_PROGRAMS = "for programs; the window listens by it"
OPENS = "File > Open, and dropping a file"
IN_FOLDER = "every run leaves its plans and files in the study folder, and Export model hands them over"
MODEL: Part = ("model", "Choose another model")
SCHEME: Part = ("scheme", "Scheme: scheme")
METHOD: Part = ("scheme", "Scheme: calibration method")
ARRAYS: Part = ("data", "Calibration set: choose an .npz or .npy file")
ALLOW: Part = ("run", CODE)
PLAN: Part = ("run", "Choose a ready plan")
WHERE: dict[str, dict[str, Part | str]] = {
    "run": {
        "study": OPENS,
        "--output": ("run", "Choose the folder for results"),
        "--quick": ("run", QUICK),
        "--profile": ("run", "Profile"),
        "--plan": PLAN,
        "--baseline": ("run", "Choose an earlier run's folder"),
        "--junit": ("run", "Choose a JUnit XML file"),
        "--allow-code": ALLOW,
        "--events": FOR_PROGRAMS,
        "--json": PRINTS,
    },
    "tune": {
        "study": OPENS,
        "--output": "a tuning is kept beside its study's results, where the Tune page finds it again",
        "--candidate": ("tune", "Candidate to tune"),
        "--sqnr-db": ("tune", "SQNR, at least"),
        "--agreement": ("tune", "Answers equal to FP32, at least"),
        "--max-drop-points": ("tune", "Accuracy drop, at most"),
        "--most-float-nodes": ("tune", "Most layers left in float"),
        "--budget-s": ("tune", "Most seconds for tuning"),
        "--allow-code": ("tune", CODE),
        "--events": FOR_PROGRAMS,
        "--json": PRINTS,
    },
    "demo": {"--headless": PRINTS, "--output": ("run", "Choose the folder for results"), "--json": PRINTS},
    "doctor": {"--json": PRINTS},
    "runtimes": {"--json": PRINTS},
    "probe": {
        "runtimes": ("runtimes", "Compare the codes of ort_cpu with the specification on small graphs"),
        "--json": PRINTS,
    },
    "inspect": {
        "model": MODEL,
        "--allow-code": "a model that is code is looked at when its study runs",
        "--json": PRINTS,
    },
    "scan": {"study": OPENS, "--json": PRINTS},
    "explain": {"study": OPENS, "--json": PRINTS},
    "calibrate": {
        "model": MODEL,
        "--data": ARRAYS,
        "--study": OPENS,
        "--scheme": SCHEME,
        "--method": METHOD,
        "--allow-code": ALLOW,
        "--output": IN_FOLDER,
    },
    "quantize": {
        "model": MODEL,
        "--data": ARRAYS,
        "--study": OPENS,
        "--scheme": SCHEME,
        "--method": METHOD,
        "--allow-code": ALLOW,
        "--plan": PLAN,
        "--runtime": ("runtimes", "Add a row for ort_cpu"),
        "--target": ("runtimes", "Row 1: target"),
        "--output": IN_FOLDER,
        "--plan-out": IN_FOLDER,
    },
    "parity": {"folder": OPENS, "--json": PRINTS},
    "sheet": {
        "source": OPENS,
        "--formats": ("sheet", "Export as HTML"),
        "--pages": "the Sheet page shows the pages as they will print",
        "--output": ("sheet", "Export all formats"),
    },
    "check": {
        "source": "checking a vendor's claim has no page yet",
        "--line": "checking a vendor's claim has no page yet",
        "--json": PRINTS,
    },
    "table": dict.fromkeys(("studies", "--gates", "--output"), "rows of several studies for a spreadsheet"),
    "compare": {"sheets": ("history", "Compare two"), "--json": PRINTS},
    "export": {
        "source": OPENS,
        "--output": ("compare", "Export model"),
        "--row": "all rows are exported, each into a folder of its own",
        "--json": PRINTS,
    },
    "bundle": {
        "study": "a bundle is made of the study that is open",
        "--runtime": ("runtimes", "Make a bundle of ort_cpu, to be run on another machine"),
        "--output": "asked for when a bundle is made",
        "--target": ("runtimes", "Row 1: target"),
        "--candidate": "a bundle from the window holds every candidate",
        "--profile": ("run", "Profile"),
        "--json": PRINTS,
    },
    "run-bundle": dict.fromkeys(("bundle", "--output", "--python"), "for the other machine, where no window is"),
    "import-result": {
        "result": ("compare", "Import what another machine answered"),
        "study": "a result is imported into the study that is open",
        "--name": "asked for when a result is imported",
        "--json": PRINTS,
    },
    "gui": {
        "path": OPENS,
        "--screenshots": "pictures of the window itself",
        "--print-first-paint": "a figure about the window itself",
    },
}


def _options() -> dict[str, list[str]]:
    """Return the options of every command, by their longest spelling."""
    (commands,) = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return {
        name: [max(one.option_strings, key=len, default=one.dest) for one in own._actions if one.dest != "help"]
        for name, own in commands.choices.items()
    }


def test_every_option_is_accounted_for() -> None:
    missing = {
        command: sorted(set(options) ^ set(WHERE.get(command, {})))
        for command, options in _options().items()
        if set(options) != set(WHERE.get(command, {}))
    }
    assert missing == {}


@pytest.fixture
def filled(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    """The window with a study, whose model is code, and a result; no command is started."""
    monkeypatch.setattr(Bridge, "run", lambda *_, **__: SimpleNamespace(cancel=lambda: None))
    values = set_up.study(tmp_path, hard=False)
    window.desk.document.update("set up", {**values, "model": {"factory": "pkg:make"}})
    result = make_study_folder(tmp_path / "s")
    window.result, window.folder = result, tmp_path / "s"
    return window


def test_every_part_is_on_its_page(filled: Window) -> None:
    absent = [
        f"{command} {option}: {place}"
        for command, options in WHERE.items()
        for option, place in options.items()
        if isinstance(place, tuple) and not _is_there(filled, *place)
    ]
    filled.desk.document.undo_stack.setClean()
    assert absent == []


def _is_there(window: Window, step: str, name: str) -> bool:
    window.show_page(step)
    page = window.page(step)
    if step == "runtimes":
        page.show_runtimes(set_up.runtimes(hard=False))  # type: ignore[attr-defined]
    end = monotonic() + 5  # a page shows a result part by part
    while not any(part.accessibleName() == name and part.isVisible() for part in page.findChildren(QWidget)):
        if monotonic() > end:
            return False
        QApplication.processEvents()
    return True
