"""Figures as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.report import numbers

SHARES = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "digits", "signed", "expected"),
    [
        (-0.2, 1, True, "−0.2"),
        (0.2, 1, True, "+0.2"),
        (-0.04, 1, True, "0.0"),
        (0.0, 1, True, "0.0"),
        (2000, 0, False, "2,000"),
        (1234567.891, 2, False, "1,234,567.89"),
    ],
)
def test_number(value: float, digits: int, signed: bool, expected: str) -> None:
    assert numbers.number(value, digits, signed=signed) == expected


def test_points_in_the_manner_of_the_sheet() -> None:
    assert numbers.points(-0.2, (-0.6, 0.2)) == "−0.2 [−0.6, +0.2]"


def test_narrow_interval_earns_a_decimal() -> None:
    assert numbers.points(-0.12, (-0.15, -0.09)) == "−0.12 [−0.15, −0.09]"


def test_ratio_in_the_manner_of_the_sheet() -> None:
    assert numbers.ratio(2.8, (2.72, 2.87)) == "2.8× [2.7, 2.9]"


@pytest.mark.parametrize("show", [numbers.points, numbers.ratio, numbers.rate, numbers.percent_with_interval])
def test_figure_without_interval_is_not_shown(show: object) -> None:
    assert show(1.5, None) == numbers.NOT_SHOWN  # type: ignore[operator]


@given(SHARES)
def test_only_all_is_100_and_only_none_is_0(share: float) -> None:
    text = numbers.percent(share)
    if text == "100 %":
        assert share > 1 - 1e-8
    if text == "0 %":
        assert share < 1e-8


def test_percent_close_to_all() -> None:
    assert numbers.percent(0.99999) == "99.999 %"
    assert numbers.percent(1.0) == "100 %"


def test_a_share_with_its_interval_is_all_or_none_only_where_it_is() -> None:
    assert numbers.percent_with_interval(0.9997, (0.9991, 0.9999)) == "99.97 % [99.91, 99.99]"
    assert numbers.percent_with_interval(0.0003, (0.0001, 0.0009)) == "0.03 % [0.01, 0.09]"
    assert numbers.percent_with_interval(1.0, (0.98, 1.0)) == "100.0 % [98.0, 100.0]"
    assert numbers.percent_with_interval(0.764, (0.745, 0.782)) == "76.4 % [74.5, 78.2]"


@pytest.mark.parametrize(("value", "expected"), [(1154.2, "1,154"), (0.8666, "0.867"), (2.432, "2.43"), (0, "0")])
def test_significant(value: float, expected: str) -> None:
    assert numbers.significant(value) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(4861, "4,900"), (99, "99"), (4900, "4,900"), (100, "100"), (101, "110")]
)
def test_about_rounds_up(count: int, expected: str) -> None:
    assert numbers.about(count) == expected


@given(st.integers(1, 10**9))
def test_about_never_asks_for_too_few(count: int) -> None:
    assert int(numbers.about(count).replace(",", "")) >= count


@pytest.mark.parametrize(("count", "expected"), [(560_000, "547 KiB"), (1_900_000, "1.8 MiB"), (12, "12 B")])
def test_size(count: int, expected: str) -> None:
    assert numbers.size(count) == expected


def test_quantity_and_scientific() -> None:
    assert numbers.quantity(41_000_000) == "41.0 M"
    assert numbers.quantity(470_072) == "470,072"
    assert numbers.scientific(0.00023) == "2.3e−04"


@given(st.text(max_size=80), st.integers(3, 60))
def test_shorten_keeps_to_the_limit(text: str, limit: int) -> None:
    short = numbers.shorten(text, limit)
    assert len(short) <= limit
    assert short == text or len(text) > limit


@given(st.text(max_size=200), st.integers(2, 60))
def test_cut_keeps_to_the_limit_and_to_the_beginning(text: str, limit: int) -> None:
    found = numbers.cut(text, limit)
    assert len(found) <= limit
    assert found == text or text.startswith(found.removesuffix("\N{HORIZONTAL ELLIPSIS}"))


def test_cut_ends_at_a_word() -> None:
    assert numbers.cut("the loader does not find libcublas", 24) == "the loader does not\N{HORIZONTAL ELLIPSIS}"


@given(st.text(max_size=80))
def test_ascii_keeps_the_width(text: str) -> None:
    spelled = numbers.ascii_only(text)
    assert spelled.isascii()
    assert len(spelled) == len(text)


def test_ascii_spells_the_usual_signs() -> None:
    assert numbers.ascii_only("−0.2 · 2.8× … ◆") == "-0.2 | 2.8x ~ *"
