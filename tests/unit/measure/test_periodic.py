"""Work beside a measurement: when it is first done, how often, and that it ends."""

from __future__ import annotations

import threading

import pytest

from workbench.measure.periodic import Periodic


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_it_goes_on_until_the_context_ends() -> None:
    calls, enough = [], threading.Event()

    def work() -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()

    with Periodic("beside", work, 0.0, 0.001):
        assert "beside" in names()
        assert enough.wait(10)
    count = len(calls)
    assert "beside" not in names()
    assert len(calls) == count >= 3


def test_a_context_shorter_than_the_first_wait_does_nothing() -> None:
    calls: list[int] = []
    with Periodic("beside", lambda: calls.append(1), 60, 0.001):
        pass
    assert calls == []


def test_it_ends_with_an_error_too() -> None:
    with pytest.raises(ValueError, match="of the measurement"), Periodic("beside", lambda: None, 60, 60):
        raise ValueError("of the measurement")
    assert "beside" not in names()
