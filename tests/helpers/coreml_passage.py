"""A real or light model on its way through Core ML's package: plan, lowering, parity, and the reference evaluator."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
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
from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

Arrays = Mapping[str, npt.NDArray[Any]]
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
        sqnr_db: of the outputs, end to end, against the simulation.
        lower_s, evaluate_s: wall seconds of lowering, and of one sample in the evaluator.
    """

    checked: int
    mismatches: tuple[str, ...]
    codes: int
    equal_share: float
    largest_step: int
    sqnr_db: float
    lower_s: float
    evaluate_s: float


def subject_of(model: onnx.ModelProto, scheme: str, feeds: Arrays | None = None) -> Subject:
    """Plan a model on `feeds` [n, ...], or on eight random samples; the first sample is evaluated."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]  # older files list both
    model.graph.ClearField("input")
    model.graph.input.extend(inputs)
    canonical, transforms = canonical_graph(raise_opset(model))
    samples = dict(feeds or example_feeds(canonical, 8, seed=1))
    scheme_of = Scheme(scheme)  # type: ignore[arg-type]
    plan = build_plan("0" * 64, canonical, transforms, scheme_of, MemorySamples(samples), lambda *_: None, lambda: None)
    return Subject(canonical, plan, {name: value[:1] for name, value in samples.items()})


def passage(subject: Subject, target: str, folder: Path) -> Passage:
    """Lower a plan, read it back, and compare the evaluator with the simulated graph."""
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
    differences = layer_by_layer(prepared.artifact, simulated, subject.feeds)
    shutil.rmtree(prepared.artifact)
    return Passage(
        checked,
        tuple(f"{item.kind} {item.name} {item.field}" for item in mismatches),
        int(differences.size),
        float(np.mean(differences == 0)) if differences.size else 1.0,
        int(differences.max(initial=0)),
        min(sqnr_db(value, found[name]) for name, value in expected.items()),
        lower_s,
        evaluate_s,
    )


def layer_by_layer(package: Path, simulated: onnx.ModelProto, feeds: Arrays) -> npt.NDArray[np.int64]:
    """Return how many codes apart each result of a layer is, where every layer reads the simulation's own codes."""
    sidecar = load_sidecar(package)
    codes = simulated_codes(simulated, feeds)
    variables = _variables(sidecar, codes)
    program = Evaluator(read_package(package))
    names = {out for out in variables.values() if _is_known(program, out)}
    mine = {tensor: variable for tensor, variable in variables.items() if variable in names}
    forced = {variable: codes[tensor] for tensor, variable in mine.items()}
    features = {item.name: np.asarray(feeds[name]) for name, item in sidecar.inputs.items()}
    found = program.run(features, watch=list(mine.values()), forced=forced)
    parts = [
        np.abs(found[variable].astype(np.int64) - codes[tensor].astype(np.int64)).reshape(-1)
        for tensor, variable in mine.items()
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


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
