from __future__ import annotations

import pytest
from helpers import results
from helpers.speed_folders import six_runtimes

from workbench.report import numbers
from workbench.report.charts_svg import ERRORS
from workbench.report.sheet import build_sheet
from workbench.ui.charts.bars import burst_figure, error_figure


def test_every_timed_run_has_two_bars() -> None:
    figure = burst_figure(results.ordinary())
    assert figure is not None
    assert len(figure.bars) == 8
    assert [bar.value for bar in figure.bars[:2]] == [1154.0 * 1.02, 1154.0]
    assert figure.bars[1].pair == (1154.0 * 0.991, 1154.0 * 1.007)
    assert figure.bars[0].pair is None
    assert [bar.dashed for bar in figure.bars[::2]] == [False, True, False, True]


def test_the_label_of_a_rate_stands_beside_it_unless_sustained() -> None:
    figure = burst_figure(six_runtimes(label="DISTURBED"))
    assert figure is not None
    assert figure.bars[1].text.endswith(" DISTURBED")
    sustained = burst_figure(results.ordinary())
    assert sustained is not None
    assert sustained.bars[1].text == "1,154"


def test_a_rate_without_interval_is_not_shown() -> None:
    figure = burst_figure(six_runtimes(interval=None))
    assert figure is not None
    assert figure.bars[1].value is None
    assert numbers.NOT_SHOWN in figure.bars[1].text
    assert figure.table().texts[0][2] == numbers.NOT_SHOWN
    assert figure.table().values[0][2] is None


def test_a_missing_first_5_s_says_why() -> None:
    figure = burst_figure(six_runtimes(first_5s=None))
    assert figure is not None
    assert figure.bars[0].value is None
    assert "fewer than 5 s" in figure.bars[0].text


def test_without_speed_there_is_no_chart() -> None:
    assert burst_figure(results.all_null()) is None
    assert burst_figure(results.no_runtimes()) is None


def test_the_error_split_lies_side_by_side_with_words() -> None:
    figure = error_figure(build_sheet(results.ordinary()))
    assert figure is not None
    assert figure.x.log
    assert [words for _, words in figure.y.names] == [words for _, words in ERRORS] * 2
    assert [text for _, text in figure.headings] == ["ONNX Runtime", "OpenVINO"]
    assert [bar.value for bar in figure.bars[:4]] == pytest.approx([0.0251, 3e-5, 3e-13, 0.0263])
    assert [bar.strong for bar in figure.bars[:4]] == [False, False, False, True]
    assert "do not add up" in figure.subtitle
    rows = [y for y, _ in (*figure.y.names, *figure.headings)]
    assert len(set(rows)) == len(rows)


def test_no_error_and_no_measurement_are_words_not_bars() -> None:
    document = results.ordinary_document()
    for run in document["runs"]:
        if run.get("divergence"):
            run["divergence"] = {"scheme_nmse": 0.02, "platform_nmse": 0.0, "total_nmse": 0.02}
    figure = error_figure(build_sheet(type(results.ordinary()).model_validate(document)))
    assert figure is not None
    assert [(bar.value, bar.text) for bar in figure.bars[1:3]] == [(None, "not measured"), (None, "0: identical")]
    assert figure.table().texts[0][2] == "not measured"


def test_without_a_split_there_is_no_chart() -> None:
    assert error_figure(build_sheet(results.all_null())) is None
