"""A real or light model on its way through Core ML's package: plan, lowering, parity, and the reference evaluator."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from helpers.contexts import lowered
from helpers.coreml import quiet_coremltools
from helpers.plans import run_graph
from helpers.rule_nets import MemorySamples, example_feeds
from helpers.topologies import sqnr_db
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.read_back import read_parameters
from workbench_plugins.coreml.runtime import CoreMlRuntime
from workbench_plugins.coreml.sidecar import Sidecar, load_sidecar
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.model.canonical import canonical_graph
from workbench.model.opset import raise_opset
from workbench.quant.build import build_plan
from workbench.quant.certificate import certify
from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

Arrays = Mapping[str, npt.NDArray[Any]]
Codes = npt.NDArray[np.int64]
SCHEMES: Mapping[str, Scheme] = {
    "S1": Scheme("S1"),
    "S2": Scheme("S2"),
    "S3": Scheme("S3"),
    "S1-P2": Scheme("S1", scale_rounding="power_of_two"),
}
"""S1-P2 has power-of-two scales, on which plans can be certified exact."""
_QUANTIZED = "__quantized"


@dataclass(frozen=True)
class Subject:
    """A canonical graph, its plan, and one sample."""

    canonical: onnx.ModelProto
    plan: QuantPlan
    feeds: Arrays


@dataclass(frozen=True)
class Passage:
    """What came of it.

    Attributes:
        checked, mismatches: of parity.
        codes: compared layer by layer on the simulated inputs; equal_share: of them, 0..1; largest_step: in codes.
        certified: codes, end to end, of the tensors that the plan certifies as exact; unequal: those that differ.
        sqnr_db: of the outputs, end to end, against the simulation.
        lower_s, evaluate_s: wall seconds of lowering, and of one sample in the evaluator.
    """

    checked: int
    mismatches: tuple[str, ...]
    codes: int
    equal_share: float
    largest_step: int
    certified: int
    unequal: int
    sqnr_db: float
    lower_s: float
    evaluate_s: float


def subject_of(model: onnx.ModelProto, scheme: str, feeds: Arrays | None = None) -> Subject:
    """Plan a model on `feeds` [n, ...], or on eight random samples; the first sample is evaluated.

    Args:
        model: as `workbench.model.load` gives it: inputs are no constants, every node has a name.
    """
    canonical, transforms = canonical_graph(raise_opset(model))
    samples = dict(feeds or example_feeds(canonical, 8, seed=1))
    source = MemorySamples(samples)
    plan = build_plan("0" * 64, canonical, transforms, SCHEMES[scheme], source, lambda *_: None, lambda: None)
    return Subject(canonical, plan, {name: value[:1] for name, value in samples.items()})


def passage(subject: Subject, target: str, folder: Path) -> Passage:
    """Lower a plan, read it back, and compare the evaluator with the simulated graph.

    Raises:
        ValueError: the plan quantizes nothing, so that there is nothing to compare.
    """
    if not subject.plan.weights:
        raise ValueError("the plan quantizes nothing")
    quiet_coremltools()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"deployment_target": target}
    began = perf_counter()
    prepared, _ = lowered(CoreMlRuntime(), subject.canonical, subject.plan, folder, settings)
    lower_s = perf_counter() - began
    checked, mismatches = compare_with_plan(subject.plan, read_parameters(prepared.artifact))
    simulated = write_qdq(subject.canonical, subject.plan, SIMULATED)
    with EvaluatorRuntime().open(prepared, OpenOptions("int8", 1, 1, folder, settings)) as session:
        began = perf_counter()
        found = session.run(subject.feeds)
        evaluate_s = perf_counter() - began
    expected = run_graph(simulated, subject.feeds)
    apart = CodesApart.of(prepared.artifact, simulated, subject.feeds)
    shutil.rmtree(prepared.artifact)
    layers = _joined(apart.alone.values())
    certified = certify(subject.canonical, subject.plan).exact
    exact = _joined(codes for tensor, codes in apart.in_a_row.items() if tensor in certified)
    return Passage(
        checked,
        tuple(f"{item.kind} {item.name} {item.field}" for item in mismatches),
        int(layers.size),
        float(np.mean(layers == 0)) if layers.size else 1.0,
        int(layers.max(initial=0)),
        int(exact.size),
        int(np.count_nonzero(exact)),
        min(sqnr_db(value, found[name]) for name, value in expected.items()),
        lower_s,
        evaluate_s,
    )


@dataclass(frozen=True)
class CodesApart:
    """How many codes the evaluator is from the simulation, per planned tensor and element.

    Attributes:
        alone: every layer reads the simulation's own codes. in_a_row: every layer reads what the one before it gave.
    """

    alone: Mapping[str, Codes]
    in_a_row: Mapping[str, Codes]

    @classmethod
    def of(cls, package: Path, simulated: onnx.ModelProto, feeds: Arrays) -> CodesApart:
        sidecar = load_sidecar(package)
        codes = simulated_codes(simulated, feeds)
        program = Evaluator(read_package(package))
        mine = {name: item for name, item in _variables(sidecar, codes).items() if _is_known(program, item)}
        features = {item.name: np.asarray(feeds[name]) for name, item in sidecar.inputs.items()}
        forced = {variable: codes[tensor] for tensor, variable in mine.items()}
        runs = (program.run(features, list(mine.values()), given) for given in (forced, None))
        alone, in_a_row = (
            {tensor: _apart(found[variable], codes[tensor]) for tensor, variable in mine.items()} for found in runs
        )
        return cls(alone, in_a_row)


def _apart(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> Codes:
    return np.abs(found.astype(np.int64) - expected.astype(np.int64)).reshape(-1)


def _joined(parts: Iterable[Codes]) -> Codes:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def simulated_codes(simulated: onnx.ModelProto, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Return tensor -> its codes in the simulation."""
    watched = onnx.ModelProto()
    watched.CopyFrom(simulated)
    kinds = {item.name: item.data_type for item in simulated.graph.initializer}
    quantizers = [node for node in simulated.graph.node if node.op_type == "QuantizeLinear"]
    known = {value.name for value in watched.graph.output}
    for node in quantizers:
        if node.output[0] not in known:
            value = onnx.helper.make_tensor_value_info(node.output[0], kinds[node.input[2]], None)
            watched.graph.output.append(value)
    found = run_graph(watched, feeds)
    return {node.output[0].removesuffix(_QUANTIZED): found[node.output[0]] for node in quantizers}


def _variables(sidecar: Sidecar, codes: Arrays) -> dict[str, str]:
    """Return planned tensor -> variable of its codes."""
    found = {tensor: variable for variable, tensor in sidecar.tensors.items() if variable.endswith(_QUANTIZED)}
    return {tensor: variable for tensor, variable in found.items() if tensor in codes}


def _is_known(program: Evaluator, variable: str) -> bool:
    return any(variable == out.name for op in program._steps for out in op.outputs)
