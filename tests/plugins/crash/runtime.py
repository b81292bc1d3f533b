"""A runtime whose run dies by SIGSEGV, after a line in the log."""

from __future__ import annotations

import ctypes
import shutil
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


class CrashSession:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def __enter__(self) -> CrashSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        batch = len(next(iter(feeds.values())))
        print(f"about to read address 0 for {batch} samples")  # noqa: T201  (the last line of its log)
        ctypes.string_at(0)
        return {"logits": np.zeros((batch, 10), np.float32)}

    def placement(self) -> list[Placement]:
        return []

    def facts(self) -> dict[str, str]:
        return {}


class CrashRuntime:
    def probe(self) -> Availability:
        return Availability(ok=True)

    def realise(self, graph: GraphSummary, scheme: Scheme) -> list[Deviation]:
        return []

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        return Prepared(Path(shutil.copy(model, context.work_dir / "model.onnx")))

    def read_back(self, artifact: Path) -> RealisedParameters:
        return RealisedParameters()

    def open(self, prepared: Prepared, options: OpenOptions) -> CrashSession:
        return CrashSession(dict(options.settings))


RUNTIME = CrashRuntime()
