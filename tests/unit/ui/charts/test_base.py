from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.figures import TABLE, bars, curve, curves, point, points
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.charts.base import ChartCard
from workbench.ui.theme import Theme


@pytest.fixture
def chart(qtbot: QtBot, theme: Theme) -> Iterator[ChartCard]:
    """A chart inside a window of its own, which has no least size to tell a window manager."""
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(640, 420)
    made = ChartCard(theme, "some chart")
    made.setParent(window)
    made.resize(640, 420)
    made.show_figure(points(point(0, 1000, -0.2), point(1, 5000, -0.5)))
    window.show()
    qtbot.waitExposed(window)
    yield made
    window.close()


def test_without_a_figure_it_says_why(chart: ChartCard) -> None:
    chart.show_figure(None, "Nothing was measured.")
    assert not chart.plot.isVisible()
    assert not chart.table_button.isVisible()
    assert "Nothing was measured." in [w.text() for w in chart.findChildren(type(chart._message)) if w.isVisible()]
    assert chart.figure is None


def test_names_and_descriptions_are_there_for_everyone(chart: ChartCard) -> None:
    assert chart.plot.accessibleName() == "Points"
    assert "Said." in chart.plot.accessibleDescription()
    for widget in chart.findChildren(QWidget):
        is_reached = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None
        if is_reached and widget.isVisible():
            assert widget.accessibleName(), widget


def test_the_table_shows_text_and_comes_back(chart: ChartCard, qtbot: QtBot) -> None:
    chart.plot.setFocus()
    qtbot.keyClick(chart.plot, Qt.Key.Key_T)
    assert chart.panel.isVisible()
    model = chart.panel.view.rows_model
    assert [model.cell(0, c).text for c in range(2)] == list(TABLE.texts[0])
    assert [(h.title, h.unit, h.right) for h in model.headings] == [("Run", "", False), ("Rate", "per s", True)]
    chart.toggle_table()
    assert chart.plot.isVisible()


def test_the_reset_button_is_there_only_after_a_zoom(chart: ChartCard) -> None:
    assert not chart.reset_button.isVisible()
    chart.plot.zoom(2.0)
    assert chart.reset_button.isVisible()
    chart.reset_button.setFocus()
    chart.reset_button.click()
    assert not chart.reset_button.isVisible()
    assert chart.plot.hasFocus()


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_exports_are_written_where_asked(chart: ChartCard, tmp_path: Path, kind: str) -> None:
    asked: list[str] = []

    def answer(name: str, kinds: str) -> str:
        asked.append(f"{name} {kinds}")
        return str(tmp_path / "out")

    chart.ask_path = answer
    chart.export(kind)
    assert asked[0].startswith(f"points.{kind} ")
    assert (tmp_path / f"out.{kind}").stat().st_size > 20
    assert chart._saved.text() == f"Saved as out.{kind}"


def test_no_path_means_nothing_is_written(chart: ChartCard, tmp_path: Path) -> None:
    chart.ask_path = lambda _name, _kinds: ""
    chart.export("png")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_is_said(chart: ChartCard, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    chart.ask_path = lambda _name, _kinds: str(tmp_path / "file" / "out.csv")
    chart.export("csv")
    assert chart._saved.isVisible()
    assert chart._saved.property("role") == "bad"


def test_the_picture_is_twice_as_fine_and_has_a_title(chart: ChartCard, tmp_path: Path) -> None:
    chart.save("png", tmp_path / "a.png")
    image = QImage(str(tmp_path / "a.png"))
    assert image.width() == 2 * (chart.plot.width() + 32)
    head = {image.pixelColor(x, y).name() for x in range(32, 200) for y in range(16, 52)}
    assert len(head) > 2


def test_pointer_and_focus_are_not_in_the_picture(chart: ChartCard) -> None:
    plain = chart.image()
    chart.plot.setFocus()
    chart.plot.step(1)
    assert chart.image() == plain


def test_the_picture_goes_to_the_clipboard(chart: ChartCard) -> None:
    chart.copy_picture()
    assert not QGuiApplication.clipboard().image().isNull()


def test_it_follows_the_theme(chart: ChartCard, theme: Theme) -> None:
    before = chart.grab().toImage()
    theme.set_mode("dark")
    assert chart.grab().toImage() != before
    assert chart.plot.grab().toImage().pixelColor(2, 2).name().upper() == theme.tokens.surface


def test_bars_get_the_height_they_need(chart: ChartCard) -> None:
    chart.show_figure(bars(*(float(i + 1) for i in range(30))))
    assert chart.plot.minimumHeight() > 30 * 20


def test_what_is_read_is_told_to_screen_readers(chart: ChartCard) -> None:
    chart.activateWindow()
    chart.plot.setFocus()
    chart.plot.step(1)
    assert chart.plot.accessibleDescription().startswith("Runtime 0: ")


def test_label_boxes_are_those_of_the_picture(chart: ChartCard) -> None:
    texts = [text for text, _ in chart.label_boxes()]
    assert {"Runtime 0", "Runtime 1", "FP32 reference"} <= set(texts)


def test_a_chart_with_curves_keeps_its_view_at_new_values(chart: ChartCard) -> None:
    chart.show_figure(curves(curve(0, 20.0)))
    chart.plot.zoom(2.0)
    chart.show_figure(curves(curve(0, 30.0)), keep_view=True)
    assert chart.reset_button.isVisible()
