"""How every page looks in both themes and three sizes, with ordinary and hard content.

Nothing is cut off or covered, everything can be read, and whatever takes the focus has a name.
"""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

from helpers import results, set_up, tuned
from helpers.figures import overlaps
from helpers.speed_folders import six_runtimes, write_cells
from helpers.study_folder import make_study_folder
from helpers.words import cut_off, nameless
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from workbench.execution.result import Result
from workbench.report.labels import Box
from workbench.ui.charts.base import ChartCard
from workbench.ui.commands import Bridge, Finished
from workbench.ui.lane_failure import LaneFailure
from workbench.ui.rail import STEPS
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme
from workbench.ui.tokens import TABLES, TEXT_PAIRS, contrast
from workbench.ui.tuned import Tuned
from workbench.ui.window import Window

VIEWS = (("light", 1024, 700), ("light", 1280, 800), ("dark", 1280, 800), ("dark", 1920, 1080))
CALM_S = 3.0
Content = Callable[[Window, Path], None]


@pytest.fixture(autouse=True)
def no_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no process: what commands answer is given to the pages directly."""
    monkeypatch.setattr(Bridge, "run", lambda *_, **__: SimpleNamespace(cancel=lambda: None))


def nothing(_window: Window, _folder: Path) -> None:
    """An empty window, before any study."""


def never_run(window: Window, folder: Path) -> None:
    """A study that was set up and never run."""
    _set_up(window, folder, hard=False)


def ordinary(window: Window, folder: Path) -> None:
    """A study with two runtimes, one that crashed and one that is not usable here."""
    _set_up(window, folder, hard=False)
    _show(window, make_study_folder(folder / "s"), folder / "s")


def hard(window: Window, folder: Path) -> None:
    """Names of 120 characters everywhere, 1,000 classes, no calibration sample, a refusing runtime."""
    _set_up(window, folder, hard=True)
    _show(window, results.long_names(), write_cells(folder / "s", results.long_names()))


def six(window: Window, folder: Path) -> None:
    """Six runtimes, some of them very close to each other."""
    _show(window, six_runtimes(), write_cells(folder / "s", six_runtimes()))


def all_null(window: Window, folder: Path) -> None:
    """A result in which nothing that may be absent is there."""
    _show(window, results.all_null(), folder)


def no_runtimes(window: Window, folder: Path) -> None:
    """A result without a run."""
    _show(window, results.no_runtimes(), folder)


def no_samples(window: Window, folder: Path) -> None:
    """A result on no sample at all."""
    document = results.ordinary_document()
    for part in (*document["data"].values(), *document["runs"]):
        part["n"] = 0
    _show(window, Result.model_validate(document), folder)


def measuring(window: Window, folder: Path) -> None:
    """A study under way, with long names: one cell crashed, the others are timed."""
    _set_up(window, folder, hard=True)
    window.show_page("run")
    page = window.page("run")
    page.start()  # type: ignore[attr-defined]
    for event in set_up.events([*page._run.lanes][1:]):  # type: ignore[attr-defined]
        page._take(event)  # type: ignore[attr-defined]
    page._paint()  # type: ignore[attr-defined]
    page._lanes.findChildren(LaneFailure)[0]._toggle.click()  # type: ignore[attr-defined]


def lost(window: Window, folder: Path) -> None:
    """The same study after it ended."""
    measuring(window, folder)
    window.page("run")._finished(Finished(4, False, False, None, "", ()))  # type: ignore[attr-defined]


def tuned_ordinary(window: Window, folder: Path) -> None:
    """A study that was tuned, the chosen point adopted."""
    _set_up(window, folder, hard=False)
    _tuned(window, tuned.read(tuned.document(), folder / "t"))
    window.page("tune").result.adopt.emit(2)  # type: ignore[attr-defined]


def tuned_hard(window: Window, folder: Path) -> None:
    """1,000 float layers with names of 120 characters, nothing reaches the target, the time ran out."""
    _set_up(window, folder, hard=True)
    _tuned(window, tuned.read(tuned.hard(), folder / "t"))
    window.page("tune").result.points.select(4)  # type: ignore[attr-defined]


def tuned_unlabelled(window: Window, folder: Path) -> None:
    """No labels and no target."""
    _set_up(window, folder, hard=False)
    _tuned(window, tuned.read(tuned.unlabelled(), folder / "t"))


def tuning(window: Window, folder: Path) -> None:
    """A tuning under way, with a long stage name."""
    _set_up(window, folder, hard=True)
    page = window.page("tune")
    page.start()  # type: ignore[attr-defined]
    for event in (
        {"event": "stage", "name": f"Sensitivity of {set_up.LONG}", "state": "start", "remaining_s": 90.0},
        {"event": "progress", "done": 37, "total": 120, "text": set_up.NODE},
    ):
        page._run.take(event)  # type: ignore[attr-defined]
    page._log.appendPlainText(f"a line of {set_up.LONG}")  # type: ignore[attr-defined]
    page._paint()  # type: ignore[attr-defined]


def tuning_failed(window: Window, folder: Path) -> None:
    """A tuning that failed."""
    tuning(window, folder)
    error = f"{set_up.LONG} cannot be read: no such file. Choose another file."
    page = window.page("tune")
    page._finished(Finished(1, False, False, None, error, (error,)))  # type: ignore[attr-defined]


ALL = tuple(step.key for step in STEPS)
RESULTS = ("compare", "speed", "sheet")
CONTENTS: Mapping[Content, tuple[str, ...]] = {
    nothing: ALL,
    never_run: ALL,
    ordinary: ALL,
    hard: ALL,
    measuring: ("run",),
    lost: ("run",),
    six: RESULTS,
    all_null: RESULTS,
    no_runtimes: RESULTS,
    no_samples: RESULTS,
    tuned_ordinary: ("tune",),
    tuned_hard: ("tune",),
    tuned_unlabelled: ("tune",),
    tuning: ("tune",),
    tuning_failed: ("tune",),
}


def _set_up(window: Window, folder: Path, *, hard: bool) -> None:
    window.desk.document.update("set up", set_up.study(folder, hard=hard))
    for step in ("model", "data", "scheme", "runtimes", "run"):
        window.page(step)
    window.page("model").show_inspection(set_up.inspection(hard=hard))  # type: ignore[attr-defined]
    window.page("data").show_scan(set_up.scan(hard=hard))  # type: ignore[attr-defined]
    window.page("scheme").show_answer(set_up.forecast(hard=hard))  # type: ignore[attr-defined]
    window.page("runtimes").show_runtimes(set_up.runtimes(hard=hard))  # type: ignore[attr-defined]


def _tuned(window: Window, found: Tuned) -> None:
    window.page("tune").show_found(found)  # type: ignore[attr-defined]


def _show(window: Window, result: Result, folder: Path) -> None:
    window.result, window.folder = result, folder
    for step in (*RESULTS, "history"):
        window.page(step).show_result(result, folder)  # type: ignore[attr-defined]


def _views(window: Window, theme: Theme, steps: tuple[str, ...]) -> Iterator[tuple[str, QWidget]]:
    """Show every page in both themes and every size, and give each with its name once it is at rest."""
    for mode, width, height in VIEWS:
        theme.set_mode("dark" if mode == "dark" else "light")
        window.resize(width, height)
        for step in steps:
            window.show_page(step)
            _settle(window.page(step))
            yield f"{step} {mode} {width}", window.page(step)


def _settle(page: QWidget) -> None:
    """Let events pass until no chart is left to draw."""
    end_s = time.monotonic() + CALM_S
    for _ in range(4):
        QApplication.processEvents()
    while time.monotonic() < end_s and not getattr(page, "is_ready", True):
        QApplication.processEvents()
    if page.findChildren(ChartCard):
        page.grab()


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.__name__)
def test_nothing_is_cut_off_covered_or_nameless(window: Window, theme: Theme, tmp_path: Path, content: Content) -> None:
    content(window, tmp_path)
    found: list[str] = []
    for name, page in _views(window, theme, CONTENTS[content]):
        found += [f"{name}: {defect}" for defect in _defects(page)]
        found += [f"{name}: cut off in the rail: {text}" for text in cut_off(window.rail)]
    window.desk.document.undo_stack.setClean()
    assert found == []


def _defects(page: QWidget) -> Iterator[str]:
    yield from (f"cut off: {text}" for text in cut_off(page))
    yield from (f"without a name: {text}" for text in nameless(page))
    yield from (f"wider than the page: {text}" for text in _too_wide(page))
    for panel in page.findChildren(TablePanel):
        if panel.isVisible():
            yield from (f"heading elided: {text}" for text in panel.view.columns.clipped())
    for chart in page.findChildren(ChartCard):
        if chart.isVisible() and chart.figure is not None:
            boxes = [(text, Box(at.x(), at.y(), at.width(), at.height())) for text, at in chart.label_boxes()]
            yield from (f"labels overlap: {pair}" for pair in overlaps(boxes))


def _too_wide(page: QWidget) -> Iterator[str]:
    """Yield what is wider than the scroll area that holds it, where nobody can scroll sideways."""
    areas = [page] if isinstance(page, QScrollArea) else []
    for area in [*areas, *page.findChildren(QScrollArea)]:
        inside = area.widget()
        is_fixed = area.horizontalScrollBarPolicy() == area.horizontalScrollBarPolicy().ScrollBarAlwaysOff
        if inside is not None and area.isVisible() and is_fixed and inside.width() > area.viewport().width():
            yield f"{area.accessibleName() or type(area).__name__} by {inside.width() - area.viewport().width()} px"


@pytest.mark.parametrize("mode", sorted(TABLES))
def test_every_pair_of_colours_used_for_text_can_be_read(mode: str) -> None:
    tokens = TABLES[mode]
    low = {pair: contrast(tokens.colour(pair[0]), tokens.colour(pair[1])) for pair in TEXT_PAIRS}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


def test_every_empty_page_offers_what_comes_next(window: Window) -> None:
    for step, expected in (("compare", "run"), ("speed", "run"), ("sheet", "run"), ("tune", "model"), ("run", "model")):
        window.show_page(step)
        page = window.page(step)
        action = page._next if step == "run" else page.next_step.action  # type: ignore[attr-defined]
        assert action.isVisible(), step
        action.click()
        assert window.rail.buttons[expected].isChecked(), step
