"""A plain `spi.Context` for plugin tests: no worker, no channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from workbench.model.external import copy_with_data
from workbench.model.graph import GraphSummary
from workbench.model.load import save_proto
from workbench.model.summary import graph_summary
from workbench.quant.dialect import Dialect
from workbench.quant.plan import QuantPlan, TensorParameters
from workbench.quant.qdq import declared_tensors, write_qdq
from workbench.spi import Prepared, Runtime


@dataclass(frozen=True, eq=False)
class PlainContext:
    """Writes Q/DQ files of one plan into `work_dir`."""

    work_dir: Path
    precision: str
    canonical: onnx.ModelProto
    plan: QuantPlan | None = None
    target: str = "x64"
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 1

    @property
    def graph(self) -> GraphSummary:
        return graph_summary(self.canonical)

    def qdq_model(self, dialect: Dialect) -> Path:
        assert self.plan is not None
        path = self.work_dir / "qdq.onnx"
        save_proto(write_qdq(self.canonical, self.plan, dialect), path)
        return path

    def declared_tensors(self, dialect: Dialect) -> Mapping[str, TensorParameters]:
        assert self.plan is not None
        return declared_tensors(self.canonical, self.plan, dialect)

    def copy_model(self, model: Path) -> Path:
        return copy_with_data(model, self.work_dir)

    def simulated_outputs(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def progress(self, done: int, total: int, text: str) -> None:
        pass

    def check_cancelled(self) -> None:
        pass


def lowered(
    runtime: Runtime,
    canonical: onnx.ModelProto,
    plan: QuantPlan,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Prepared, PlainContext]:
    """Return what a plugin makes of a plan in `folder`, and the context it was given."""
    context = PlainContext(folder, "int8", canonical, plan, settings=settings or {})
    save_proto(canonical, folder / "source" / "model.onnx")
    return runtime.prepare(folder / "source" / "model.onnx", plan, context), context
