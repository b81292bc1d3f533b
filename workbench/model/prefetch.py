"""Overlap: make the next items in one background thread while the caller works on the present one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class _Line(Generic[Item]):
    """Items on their way from the thread to the caller; None at the end, an exception in place of an item."""

    free: threading.Semaphore
    ready: queue.SimpleQueue[Item | BaseException | None] = field(default_factory=queue.SimpleQueue)
    stopped: threading.Event = field(default_factory=threading.Event)


def prefetched(items: Iterator[Item], depth: int) -> Generator[Item]:
    """Yield the items in order, at most `depth` of them made ahead in a thread; depth 0 uses no thread.

    The thread starts with the first item asked for and has ended when the iterator is exhausted or closed; an
    exception raised while making an item is raised here, at that item's place.
    """
    if depth < 1:
        yield from items
        return
    line: _Line[Item] = _Line(threading.Semaphore(depth))
    thread = threading.Thread(target=_produce, args=(items, line), name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := line.ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            line.free.release()
            yield item
    finally:
        line.stopped.set()
        line.free.release()
        thread.join()


def _produce(items: Iterator[Item], line: _Line[Item]) -> None:
    try:
        while line.free.acquire() and not line.stopped.is_set():
            item = next(items, None)
            line.ready.put(item)
            if item is None:
                return
    except BaseException as error:  # noqa: BLE001  (nothing is swallowed: the caller's thread raises it)
        line.ready.put(error)
