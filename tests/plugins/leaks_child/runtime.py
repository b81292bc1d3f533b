"""A runtime that leaves two children behind: one by exec, one by fork that holds the channel, in its own session."""

from __future__ import annotations

import os
import shutil
import subprocess
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


def _leak() -> None:
    subprocess.Popen(["sleep", "1000"], close_fds=False)
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
        os._exit(0)


class LeaksChildSession:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def __enter__(self) -> LeaksChildSession:
        _leak()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        batch = len(next(iter(feeds.values())))
        return {"logits": np.zeros((batch, 10), np.float32)}

    def placement(self) -> list[Placement]:
        return []

    def facts(self) -> dict[str, str]:
        return {}


class LeaksChildRuntime:
    def probe(self) -> Availability:
        return Availability(ok=True)

    def realise(self, graph: GraphSummary, scheme: Scheme) -> list[Deviation]:
        return []

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        return Prepared(Path(shutil.copy(model, context.work_dir / "model.onnx")))

    def read_back(self, artifact: Path) -> RealisedParameters:
        return RealisedParameters()

    def open(self, prepared: Prepared, options: OpenOptions) -> LeaksChildSession:
        return LeaksChildSession(dict(options.settings))


RUNTIME = LeaksChildRuntime()
