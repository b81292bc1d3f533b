"""A light model topology on its whole way: plan, lowering, parity and answers on every CPU runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from helpers.contexts import lowered
from helpers.light_models import images, input_name, light_model
from helpers.plans import run_graph
from helpers.rule_nets import MemorySamples

from workbench.execution.coverage import int8_mac_share, placement_records
from workbench.execution.discovery import find_plugin, load_runtime
from workbench.measure.divergence import divergence
from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs
from workbench.model.opset import raise_opset
from workbench.quant.build import build_plan
from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

RUNTIMES = ("ort_cpu", "openvino")
N_CALIBRATION, N_EVALUATION = 4, 4
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A topology with its plan and the answers it is judged by.

    Attributes:
        pictures: evaluation samples, float32 [n,3,224,224]; exact, simulated: logits of float32 and of the plan.
        plan_s: wall seconds of calibration and planning.
    """

    canonical: onnx.ModelProto
    plan: QuantPlan
    logits: str
    pictures: Floats
    exact: Floats
    simulated: Floats
    plan_s: float


@dataclass(frozen=True)
class Passage:
    """What one runtime made of it.

    Attributes:
        int8_nodes: nodes that ran on integers, fused ones included; mac_share: 0..1.
        checked, mismatches: of parity; sqnr_db: on logits against float32; simulated_sqnr_db: against the simulation.
        seconds: wall time of lowering, parity, loading, placement and all answers.
    """

    int8_nodes: int
    mac_share: float
    checked: int
    mismatches: int
    sqnr_db: float
    simulated_sqnr_db: float
    seconds: float


def example(name: str, n: int = N_EVALUATION) -> Example:
    """Build a topology with seeded weights, plan it, and run float32 and the simulation."""
    proto = raise_opset(light_model(name))
    (logits,) = compared_outputs(proto, "logits")
    canonical, transforms = canonical_graph(with_extra_outputs(proto, [logits]))
    samples = MemorySamples({input_name(proto): images(N_CALIBRATION, seed=2)})
    start = perf_counter()
    plan = build_plan("0" * 64, canonical, transforms, Scheme(), samples, lambda *_: None, lambda: None)
    plan_s = perf_counter() - start
    pictures = images(n, seed=3)
    simulated = answers(write_qdq(canonical, plan, SIMULATED), logits, pictures)
    return Example(canonical, plan, logits, pictures, answers(canonical, logits, pictures), simulated, plan_s)


def answers(model: onnx.ModelProto, output: str, pictures: Floats) -> Floats:
    """Return one output for every picture, [n, ...], from unoptimized float runs."""
    name = input_name(model)
    return np.concatenate([run_graph(model, {name: picture[None]})[output] for picture in pictures])


def passage(found: Example, plugin_id: str, folder: Path) -> Passage:
    """Lower the plan by a plugin, read the artifact back, and run it."""
    start = perf_counter()
    runtime = load_runtime(find_plugin(plugin_id).ref)
    prepared, context = lowered(runtime, found.canonical, found.plan, folder)
    checked, mismatches = compare_with_plan(found.plan, runtime.read_back(prepared.artifact))
    with runtime.open(prepared, OpenOptions("int8", 1, 1, folder)) as session:
        name = input_name(found.canonical)
        logits = np.concatenate([session.run({name: picture[None]})[found.logits] for picture in found.pictures])
        placement = placement_records([asdict(row) for row in session.placement()], context.graph, ())
    seconds = perf_counter() - start
    nodes = {row.node for row in placement if row.node and row.precision == "int8"}
    share = int8_mac_share(placement, context.graph) or 0.0
    distances = [sqnr_db(reference, logits) for reference in (found.exact, found.simulated)]
    return Passage(len(nodes), share, checked, len(mismatches), distances[0], distances[1], seconds)


def sqnr_db(reference: Floats, found: Floats) -> float:
    """Return the SQNR in dB, infinite where nothing differs."""
    value = divergence(reference, found).sqnr_db
    return float("inf") if value is None else value


def facts_of(found: Example) -> Mapping[str, Any]:
    """Return what is the same for every runtime: nodes, planned INT8 nodes, SQNR of the simulation."""
    return {
        "nodes": len(found.canonical.graph.node),
        "planned": len(found.plan.quantized_nodes),
        "sqnr_db": sqnr_db(found.exact, found.simulated),
    }
