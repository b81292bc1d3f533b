"""The smallest real runtime: runs ONNX by onnx.reference.ReferenceEvaluator. A pattern to start from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from workbench.spi import (
    Arrays,
    Availability,
    Context,
    Deviation,
    Dialect,
    GraphSummary,
    OpenOptions,
    Placement,
    Prepared,
    QuantPlan,
    RealisedParameters,
    Scheme,
    read_back_qdq,
)


class EchoSession:
    """A loaded model; every node runs in float, between Q/DQ pairs for int8."""

    def __init__(self, prepared: Prepared, options: OpenOptions) -> None:
        if options.settings:
            raise ValueError(f"echo has no option {next(iter(options.settings))!r}")
        self.artifact = prepared.artifact
        self.evaluator: Any = None

    def __enter__(self) -> EchoSession:
        from onnx.reference import ReferenceEvaluator

        self.evaluator = ReferenceEvaluator(onnx.load(self.artifact / "model.onnx"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.evaluator = None

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        if self.evaluator is None:
            raise RuntimeError("the session is closed")
        names = self.evaluator.output_names
        values = self.evaluator.run(names, dict(feeds))
        return {name: np.array(value) for name, value in zip(names, values, strict=True)}

    def placement(self) -> list[Placement]:
        nodes: Mapping[str, str] = json.loads((self.artifact / "nodes.json").read_text(encoding="utf-8"))
        reason = "the reference evaluator computes in float"
        return [Placement(name, op_type, "CPU", "fp32", reason=reason) for name, op_type in nodes.items()]

    def facts(self) -> dict[str, str]:
        return {"evaluator": f"onnx {onnx.__version__}"}


class EchoRuntime:
    def probe(self) -> Availability:
        return Availability(ok=True, versions={"onnx": onnx.__version__}, devices=("CPU",))

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        return []

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        artifact = context.work_dir / "echo"
        artifact.mkdir()
        source = context.qdq_model(Dialect(opset=19)) if plan else model
        shutil.copy(source, artifact / "model.onnx")
        nodes = {node.name: node.op_type for node in context.graph.nodes}
        (artifact / "nodes.json").write_text(json.dumps(nodes), encoding="utf-8")
        context.progress(1, 1, "written")
        return Prepared(artifact, notes={"opset": str(context.graph.opset)})

    def read_back(self, artifact: Path) -> RealisedParameters:
        return read_back_qdq(artifact / "model.onnx")

    def open(self, prepared: Prepared, options: OpenOptions) -> EchoSession:
        return EchoSession(prepared, options)


RUNTIME = EchoRuntime()
