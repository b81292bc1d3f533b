"""Stretches of running time and the rates told of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.measure.rates import NEVER_NS, Rate, Rates

S = 1_000_000_000


@given(
    latencies=st.lists(st.integers(1, 3 * S), min_size=1, max_size=80),
    pause=st.integers(0, 2 * S),
    seconds=st.one_of(st.none(), st.floats(0.1, 20)),
)
def test_stretches_lie_end_to_end_and_hold_every_run(latencies: list[int], pause: int, seconds: float | None) -> None:
    told: list[Rate] = []
    rates = Rates(told.append, 0, seconds)
    now = 0
    for runs, latency in enumerate(latencies, 1):
        now += latency
        rates.tell_due(runs, now)
        now += pause
        rates.leave_out(pause)
    rates.tell_rest(len(latencies), now)
    ends = [0.0, *(rate.start_s + rate.seconds for rate in told)]
    assert [rate.start_s for rate in told] == pytest.approx(ends[:-1])
    counted = sum(round(rate.per_s * rate.seconds) for rate in told)
    left_s = sum(latencies) / S - ends[-1]
    assert counted <= len(latencies)
    assert sum(latencies[:counted]) / S == pytest.approx(ends[-1], abs=1e-6)
    assert left_s < (seconds or 1.0)


def test_half_a_stretch_at_the_end_is_told_and_less_is_not() -> None:
    for spent, count in ((S // 2, 1), (S // 2 - 1, 0)):
        told: list[Rate] = []
        Rates(told.append, 7).tell_rest(1, 7 + spent)
        assert len(told) == count


def test_without_a_listener_nothing_is_ever_due() -> None:
    rates = Rates(None, 0, 5.0)
    assert rates.due_ns == NEVER_NS
    rates.leave_out(S)
    rates.tell_due(10, 100 * S)
    rates.tell_rest(10, 100 * S)
    assert rates.due_ns == NEVER_NS
