from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import tuned

from workbench.ui.charts.pareto import CHOSEN_SERIES, PATH_SERIES, pareto_figure


def test_points_with_intervals_joined_by_a_line(tmp_path: Path) -> None:
    figure = pareto_figure(tuned.read(tuned.document(), tmp_path), "sqnr_db")
    assert figure is not None
    assert [point.x for point in figure.points] == pytest.approx([100, 98.2, 96.1, 92.7, 90.4])
    assert figure.points[2].y_pair == pytest.approx((23.5, 24.3))
    assert [point.series for point in figure.points].count(CHOSEN_SERIES) == 1
    assert figure.points[2].series == CHOSEN_SERIES
    assert figure.points[2].label == "2 in float, chosen"
    (line,) = figure.lines
    assert line.series == PATH_SERIES
    assert np.all(np.diff(line.x) > 0)
    assert "simulated" in figure.title
    assert "simulated" in figure.y.title
    assert all("simulated" in point.read for point in figure.points)


def test_the_target_is_a_rule_with_a_band_in_the_figures_own_unit(tmp_path: Path) -> None:
    found = tuned.read(tuned.document(target={"agreement": 0.9, "max_drop_points": 1.0}), tmp_path)
    agreement, change = pareto_figure(found, "agreement"), pareto_figure(found, "accuracy_change_points")
    assert agreement is not None
    assert change is not None
    assert [(rule.at, rule.words) for rule in agreement.rules] == [(90.0, "target: at least 90 %")]
    assert change.rules[1].words == "target: a drop of at most 1 point"
    assert (change.bands[0].low, change.bands[0].high) == (-1.0, change.y.high)
    sqnr = pareto_figure(found, "sqnr_db")
    assert sqnr is not None
    assert (sqnr.rules, sqnr.bands) == ((), ())


def test_a_figure_that_no_point_has_is_not_drawn(tmp_path: Path) -> None:
    assert pareto_figure(tuned.read(tuned.unlabelled(), tmp_path), "accuracy_change_points") is None


def test_of_many_points_only_the_ends_and_the_chosen_one_are_labelled(tmp_path: Path) -> None:
    document = tuned.document()
    document["points"] = [{**document["points"][0], "int8_mac_share": 1 - 0.01 * n} for n in range(30)]
    document["points"][7]["float_nodes"] = ["conv1"]
    figure = pareto_figure(tuned.read(document | {"chosen": 7}, tmp_path), "sqnr_db")
    assert figure is not None
    assert [number for number, point in enumerate(figure.points) if point.label] == [0, 7, 29]


def test_the_table_carries_unit_word_and_interval(tmp_path: Path) -> None:
    figure = pareto_figure(tuned.read(tuned.document(), tmp_path), "agreement")
    assert figure is not None
    table = figure.table()
    assert table.columns[2] == "Same answer as FP32 (%, simulated)"
    assert table.values[0][1:] == pytest.approx((100.0, 91.5, 88.5, 94.5))
