"""Prefetching: order, bounded look-ahead, errors at their place, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from workbench.model.prefetch import prefetched


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.parametrize("depth", [0, 1, 2, 7])
def test_items_come_in_order(depth):
    assert list(prefetched(iter(range(50)), depth)) == list(range(50))
    assert not threads()


def test_nothing_is_a_valid_number_of_items():
    assert list(prefetched(iter([]), 2)) == []


def test_no_more_than_depth_items_are_made_ahead():
    made: list[int] = []
    third, fourth = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        for i in range(10):
            made.append(i)
            if i in (2, 3):
                (third, fourth)[i - 2].set()
            yield i

    line = prefetched(items(), 2)
    assert next(line) == 0
    assert third.wait(5)
    assert not fourth.wait(0.2)
    assert made == [0, 1, 2]
    line.close()
    assert not threads()


def test_closing_early_ends_the_thread_while_it_waits():
    line = prefetched(iter(range(1000)), 1)
    next(line)
    assert threads() == ["prefetch"]
    line.close()
    assert not threads()


def test_an_error_is_raised_at_its_place_and_the_thread_ends():
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("three")

    line = prefetched(items(), 4)
    assert [next(line), next(line)] == [1, 2]
    with pytest.raises(KeyError, match="three"):
        next(line)
    assert not threads()


def test_items_are_made_in_another_thread():
    names = list(prefetched((threading.current_thread().name for _ in range(3)), 1))
    assert names == ["prefetch"] * 3


def test_no_thread_before_the_first_item_is_asked_for():
    line = prefetched(iter([1]), 1)
    assert not threads()
    line.close()
