"""A graph that advances stage by stage over a few held samples, so that what one stage teaches can change the next.

Between two stages only those tensors are held that a later node reads, one array per run. Every stage is a session of
its own, closed before the next, so that memory is the held tensors and one stage's weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from workbench.errors import ContractError, ModelError
from workbench.model.protos import constants_of, read_names
from workbench.quant.calibrate import default_threads
from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.reference import ReferenceSession

Array = npt.NDArray[Any]


def simulated_model(canonical: onnx.ModelProto, plan: QuantPlan) -> onnx.ModelProto:
    """Return the plan's simulated Q/DQ graph with weights dequantized beforehand: the same answers, in less time.

    Must run without graph optimizations, which would quantize the float weights once more, per tensor. Every node of
    the canonical graph keeps its name. Raises PlanError where the plan does not fit.
    """
    model = write_qdq(canonical, plan, SIMULATED)
    constants = constants_of(model.graph)
    kept, folded = [], []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            folded.append(numpy_helper.from_array(_dequantized(node, constants), node.output[0]))
        else:
            kept.append(node)
    read = {name for node in kept for name in read_names(node)} | {value.name for value in model.graph.output}
    weights = [item for item in (*model.graph.initializer, *folded) if item.name in read]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(weights)
    return model


def answers(
    model: onnx.ModelProto, runs: Sequence[Mapping[str, Array]], names: Sequence[str], *, optimized: bool
) -> Iterator[list[Array]]:
    """Yield the named outputs of a whole graph, run by run. Raises ModelError."""
    with ReferenceSession(model.SerializeToString(), optimized=optimized) as session, _pool() as pool:
        for values in pool.map(lambda feeds: session.run(feeds, names), runs):
            yield list(values.values())


class Staged:
    """One graph and its held tensors.

    Args:
        model: the graph, nodes in topological order with unique names.
        runs: feeds of each run; the arrays are shared, never written to.
        optimized: whether the sessions may optimize; a simulated Q/DQ graph must not.
    """

    def __init__(self, model: onnx.ModelProto, runs: Sequence[Mapping[str, Array]], *, optimized: bool) -> None:
        self._model, self._optimized, self._at = model, optimized, 0
        self._nodes: list[onnx.NodeProto] = list(model.graph.node)
        self._position = {node.name: index for index, node in enumerate(self._nodes)}
        self._constants = constants_of(model.graph)
        self._last_read = {name: index for index, node in enumerate(self._nodes) for name in read_names(node)}
        self._last_read |= dict.fromkeys((value.name for value in model.graph.output), len(self._nodes))
        self._held: list[dict[str, Array]] = [dict(feeds) for feeds in runs]

    def through(self, node: str) -> None:
        """Run everything up to the named node, the node included. Raises ModelError."""
        self._advance(self._position[node] + 1)

    def before(self, node: str) -> None:
        """Run everything up to the named node, the node left out. Raises ModelError."""
        self._advance(self._position[node])

    def finish(self) -> None:
        """Run what is left; the graph's outputs are held then. Raises ModelError."""
        self._advance(len(self._nodes))

    def node(self, name: str) -> onnx.NodeProto:
        """Return a node as this graph has it."""
        return self._nodes[self._position[name]]

    def values(self, tensor: str) -> list[Array]:
        """Return a held tensor, one array per run. Raises ContractError where it is not held."""
        if any(tensor not in held for held in self._held):
            raise ContractError(f"{tensor} is not held at node {self._at}")
        return [held[tensor] for held in self._held]

    def set_values(self, tensor: str, values: Sequence[Array]) -> None:
        """Put other values in place of a held tensor, for what comes after."""
        for held, value in zip(self._held, values, strict=True):
            held[tensor] = value

    def set_constant(self, name: str, value: Array) -> None:
        """Put another value in place of an initializer, for stages that have not run."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)

    def _advance(self, end: int) -> None:
        nodes, self._at = self._nodes[self._at : end], max(self._at, end)
        made = [name for node in nodes for name in node.output if self._last_read.get(name, -1) >= end]
        if made:
            stage, inputs = self._stage(nodes, made)
            with ReferenceSession(stage.SerializeToString(), optimized=self._optimized) as session, _pool() as pool:
                feeds = [{name: held[name] for name in inputs} for held in self._held]
                for held, values in zip(self._held, pool.map(lambda run: session.run(run, made), feeds), strict=True):
                    held.update(values)
        for held in self._held:
            for name in [name for name in held if self._last_read.get(name, -1) < end]:
                del held[name]

    def _stage(self, nodes: Sequence[onnx.NodeProto], made: Sequence[str]) -> tuple[onnx.ModelProto, list[str]]:
        own = {name for node in nodes for name in node.output}
        read = list(dict.fromkeys(name for node in nodes for name in read_names(node) if name not in own))
        inputs = [name for name in read if name not in self._constants]
        graph = helper.make_graph(
            nodes,
            "stage",
            [self._declared(name) for name in inputs],
            [helper.make_empty_tensor_value_info(name) for name in made],
            [self._constants[name] for name in read if name in self._constants],
        )
        imports, functions = self._model.opset_import, self._model.functions
        stage = helper.make_model(graph, opset_imports=imports, functions=functions)
        stage.ir_version = self._model.ir_version
        return stage, inputs

    def _declared(self, name: str) -> onnx.ValueInfoProto:
        value = self._held[0][name]
        if not isinstance(value, np.ndarray):
            raise ModelError(
                f"{name} is no tensor", why="a sequence lies between two layers", how="Turn bias_correction off."
            )
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), None)


def _pool() -> ThreadPoolExecutor:
    """Return threads that run samples side by side; each sample's values do not depend on the others."""
    return ThreadPoolExecutor(default_threads(), "held samples")


def _dequantized(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> npt.NDArray[np.float32]:
    """Return scale * (codes - zero_point) in float32, as DequantizeLinear does, scale along its axis."""
    codes, scale, zero_point = (numpy_helper.to_array(constants[name]) for name in node.input)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    shape = [1] * codes.ndim
    if scale.ndim:
        shape[axis] = -1
    steps = codes.astype(np.int32) - zero_point.astype(np.int32).reshape(shape)
    return np.asarray(steps.astype(np.float32) * scale.reshape(shape))
