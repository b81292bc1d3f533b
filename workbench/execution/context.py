"""What `prepare` gets from the core: the plan as a Q/DQ file in a dialect, its float simulation, progress, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from workbench.errors import ContractError
from workbench.execution.worker import Channel
from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.plan import QuantPlan, TensorParameters
from workbench.spi import Arrays, GraphSummary

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class WorkerContext:
    """The `spi.Context` of one prepare job.

    Attributes:
        work_dir: empty folder for the artifact.
        precision, target, settings, batch: as in `spi.Context`.
        plan: the plan, None for fp32 and fp16.
        canonical: the canonical graph's ONNX file, which plan and `graph` speak of.
        channel: to the host.
    """

    work_dir: Path
    precision: str
    target: str
    settings: Mapping[str, Any]
    plan: QuantPlan | None
    canonical: Path
    channel: Channel
    batch: int = 1

    @cached_property
    def graph(self) -> GraphSummary:
        """The canonical graph as plain values."""
        from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)

        return graph_summary(self._proto)

    def qdq_model(self, dialect: Dialect) -> Path:
        """Write the plan as a Q/DQ ONNX file into `work_dir`; one file name per dialect.

        Raises:
            ContractError: there is no plan.
            OutputError: the folder cannot be written.
        """
        from workbench.model.load import save_proto  # noqa: PLC0415  (loads onnx)

        words = [dialect.activation, dialect.activation_function, f"{dialect.bias}_bias", f"opset{dialect.opset}"]
        words += ["full_range_relu"] if dialect.full_range_relu else []
        path = self.work_dir / f"model.{'.'.join(words)}.onnx"
        save_proto(self._qdq(dialect), path)
        return path

    def declared_tensors(self, dialect: Dialect) -> Mapping[str, TensorParameters]:
        """Return the tensors that a dialect writes with other numbers than the plan's.

        Raises:
            ContractError: there is no plan.
        """
        from workbench.quant.qdq import declared_tensors  # noqa: PLC0415  (loads onnx)

        return declared_tensors(self._proto, self._given_plan(), dialect)

    def copy_model(self, model: Path) -> Path:
        """Copy an ONNX file and the external data it names into `work_dir`.

        Raises:
            ModelError: an external file is missing or lies outside the model's folder.
            OSError: the folder cannot be written.
        """
        from workbench.model.external import copy_with_data  # noqa: PLC0415  (loads onnx)

        return copy_with_data(model, self.work_dir)

    def simulated_outputs(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run the plan's Q/DQ graph in float, without graph optimizations, on `feeds`.

        Raises:
            ContractError: there is no plan.
            ModelError: the graph cannot be run.
        """
        from workbench.reference import ReferenceSession  # noqa: PLC0415  (loads ONNX Runtime)

        proto = self._qdq(SIMULATED).SerializeToString(deterministic=True)
        with ReferenceSession(proto, optimized=False) as session:
            return session.run(feeds)

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell the host how far it is."""
        self.channel.progress(done, total, text)

    def check_cancelled(self) -> None:
        """Raise JobCancelledError when the user asked to stop."""
        self.channel.check_cancelled()

    @cached_property
    def _proto(self) -> onnx.ModelProto:
        import onnx  # noqa: PLC0415  (not needed by plugins that read the model themselves)

        return onnx.load(self.canonical)

    def _qdq(self, dialect: Dialect) -> onnx.ModelProto:
        from workbench.quant.qdq import write_qdq  # noqa: PLC0415  (loads onnx)

        return write_qdq(self._proto, self._given_plan(), dialect)

    def _given_plan(self) -> QuantPlan:
        if self.plan is None:
            raise ContractError(f"prepare asked for a Q/DQ graph, but {self.precision} has no plan")
        return self.plan
