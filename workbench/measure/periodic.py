"""Something done again and again in a thread beside a measurement."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class Periodic:
    """Context manager: calls `work` in a thread of its own, first after `first_s`, then every `every_s` seconds.

    The thread ends with the context; no call begins after that.
    """

    def __init__(self, name: str, work: Callable[[], None], first_s: float, every_s: float) -> None:
        self._work, self._first_s, self._every_s = work, first_s, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Periodic:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._stop.wait(wait_s):
            self._work()
            wait_s = self._every_s
