"""A runtime that hangs where its settings say: in open, in run, or in run with the interpreter lock held."""

from __future__ import annotations

import ctypes
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.spi import (
    Arrays,
    Availability,
    Context,
    Deviation,
    GraphSummary,
    OpenOptions,
    Placement,
    Prepared,
    QuantPlan,
    RealisedParameters,
    Scheme,
)


def _hang(settings: dict[str, Any]) -> None:
    if settings.get("hold_lock"):
        ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the interpreter lock: no other thread of the worker can run
    time.sleep(1000)


class HangSession:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def __enter__(self) -> HangSession:
        if self.settings.get("hang_in") == "open":
            _hang(self.settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        batch = len(next(iter(feeds.values())))
        _hang(self.settings)
        return {"logits": np.zeros((batch, 10), np.float32)}

    def placement(self) -> list[Placement]:
        return []

    def facts(self) -> dict[str, str]:
        return {}


class HangRuntime:
    def probe(self) -> Availability:
        return Availability(ok=True)

    def realise(self, graph: GraphSummary, scheme: Scheme) -> list[Deviation]:
        return []

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        return Prepared(Path(shutil.copy(model, context.work_dir / "model.onnx")))

    def read_back(self, artifact: Path) -> RealisedParameters:
        return RealisedParameters()

    def open(self, prepared: Prepared, options: OpenOptions) -> HangSession:
        return HangSession(dict(options.settings))


RUNTIME = HangRuntime()
