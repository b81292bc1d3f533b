"""A graph that advances stage by stage over a few held samples, so that what one stage teaches can change the next.

Between two stages only those tensors are held that a later node reads, one array per run. Every stage is a session of
its own, closed before the next; all share one pool of working memory, and the weights are never written out.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from workbench.errors import ContractError, ModelError
from workbench.model.protos import constants_of, copy_without, elements_of, read_names
from workbench.quant.calibrate import default_threads
from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.reference import ReferenceSession

Array = npt.NDArray[Any]

_LARGE_ELEMENTS = 256
"""From here on a float constant is an array beside the graph."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph with its large constants beside it, so that they are not written out for every session.

    Attributes:
        model: nodes in topological order; small constants are initializers, the large ones are left out.
        weights: the large constants.
    """

    model: onnx.ModelProto
    weights: Mapping[str, Array]


class _Unpacked(Mapping[str, Array]):
    """Initializers as arrays, each made when it is asked for, so that a stage has its own only."""

    def __init__(self, tensors: Mapping[str, onnx.TensorProto]) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> Array:
        return np.asarray(numpy_helper.to_array(self._tensors[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def float_graph(model: onnx.ModelProto) -> Graph:
    """Return a model, which is not changed, with its large constants apart."""
    large = {item.name: item for item in model.graph.initializer if _is_large(item)}
    return Graph(copy_without(model, large), _Unpacked(large))


def simulated_graph(canonical: onnx.ModelProto, plan: QuantPlan) -> Graph:
    """Return the plan's simulated Q/DQ graph with weights dequantized beforehand: the same answers, in less time.

    Must run without graph optimizations, which would quantize the float weights once more, per tensor. Every node of
    the canonical graph keeps its name. Raises PlanError where the plan does not fit.
    """
    model = write_qdq(canonical, plan, SIMULATED)
    constants = constants_of(model.graph)
    kept, folded = [], {}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            folded[node.output[0]] = _dequantized(node, constants)
        else:
            kept.append(node)
    read = {name for node in kept for name in read_names(node)} | {value.name for value in model.graph.output}
    left = [item for item in model.graph.initializer if item.name in read]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(left)
    floats = float_graph(model)
    return Graph(floats.model, {**floats.weights, **folded})


def answers(
    graph: Graph, runs: Sequence[Mapping[str, Array]], names: Sequence[str], *, optimized: bool
) -> Iterator[list[Array]]:
    """Yield the named outputs of a whole graph, run by run. Raises ModelError."""
    model = copy_without(graph.model, graph.weights)
    model.graph.initializer.extend(_declared(name, values) for name, values in graph.weights.items())
    with _session(model, graph.weights, optimized) as session, _pool() as pool:
        for values in pool.map(lambda feeds: session.run(feeds, names), runs):
            yield list(values.values())


class Staged:
    """One graph and its held tensors.

    Args:
        graph: nodes in topological order with unique names.
        runs: feeds of each run; the arrays are shared, never written to.
        optimized: whether the sessions may optimize; a simulated Q/DQ graph must not.
    """

    def __init__(self, graph: Graph, runs: Sequence[Mapping[str, Array]], *, optimized: bool) -> None:
        self._model, self._optimized, self._at = graph.model, optimized, 0
        self._nodes: list[onnx.NodeProto] = list(graph.model.graph.node)
        self._position = {node.name: index for index, node in enumerate(self._nodes)}
        self._small, self._weights = constants_of(graph.model.graph), ChainMap[str, Array]({}, graph.weights)  # type: ignore[arg-type]
        self._last_read = {name: index for index, node in enumerate(self._nodes) for name in read_names(node)}
        self._last_read |= dict.fromkeys((value.name for value in graph.model.graph.output), len(self._nodes))
        self._held: list[dict[str, Array]] = [dict(feeds) for feeds in runs]

    @property
    def graph(self) -> Graph:
        """The whole graph, with the constants that were put in."""
        return Graph(self._model, self._weights)

    @property
    def at(self) -> int:
        """How many nodes have run."""
        return self._at

    def branch(self, graph: Graph) -> Staged:
        """Return the stages of another graph from here on; it must begin with the nodes that have run."""
        other = Staged(graph, self._held, optimized=self._optimized)
        other._at = self._at
        return other

    def through(self, node: str) -> None:
        """Run everything up to the named node, the node included. Raises ModelError."""
        self.advance(self._position[node] + 1)

    def before(self, node: str) -> None:
        """Run everything up to the named node, the node left out. Raises ModelError."""
        self.advance(self._position[node])

    def finish(self) -> None:
        """Run what is left; the graph's outputs are held then. Raises ModelError."""
        self.advance(len(self._nodes))

    def advance(self, end: int) -> None:
        """Run the nodes before position `end` that have not run. Raises ModelError."""
        nodes, self._at = self._nodes[self._at : end], max(self._at, end)
        made = [name for node in nodes for name in node.output if self._last_read.get(name, -1) >= end]
        if made:
            self._run(nodes, made)
        for held in self._held:
            for name in [name for name in held if self._last_read.get(name, -1) < end]:
                del held[name]

    def node(self, name: str) -> onnx.NodeProto:
        """Return a node as this graph has it."""
        return self._nodes[self._position[name]]

    def values(self, tensor: str) -> list[Array]:
        """Return a held tensor, one array per run; what is written into a node's output reaches what comes after.

        Raises ContractError where it is not held.
        """
        if any(tensor not in held for held in self._held):
            raise ContractError(f"{tensor} is not held at node {self._at}")
        return [held[tensor] for held in self._held]

    def set_constant(self, name: str, value: Array) -> None:
        """Put another value in place of an initializer, for stages that have not run."""
        self._weights[name] = np.ascontiguousarray(value)

    def _run(self, nodes: Sequence[onnx.NodeProto], made: Sequence[str]) -> None:
        """Run consecutive nodes and hold what they made."""
        own = {name for node in nodes for name in node.output}
        read = list(dict.fromkeys(name for node in nodes for name in read_names(node) if name not in own))
        weights = {name: self._weights[name] for name in read if name in self._weights}
        small = [self._small[name] for name in read if name in self._small and name not in weights]
        inputs = [name for name in read if name not in self._weights and name not in self._small]
        stage = self._stage(nodes, inputs, made, [*small, *(_declared(*item) for item in weights.items())])
        with _session(stage, weights, self._optimized) as session, _pool() as pool:
            feeds = [{name: held[name] for name in inputs} for held in self._held]
            for held, values in zip(self._held, pool.map(lambda run: session.run(run, made), feeds), strict=True):
                held.update(values)

    def _stage(
        self,
        nodes: Sequence[onnx.NodeProto],
        inputs: Sequence[str],
        made: Sequence[str],
        constants: Sequence[onnx.TensorProto],
    ) -> onnx.ModelProto:
        outputs = [helper.make_empty_tensor_value_info(name) for name in made]
        graph = helper.make_graph(nodes, "stage", [self._input(name) for name in inputs], outputs, constants)
        imports, functions = self._model.opset_import, self._model.functions
        stage = helper.make_model(graph, opset_imports=imports, functions=functions)
        stage.ir_version = self._model.ir_version
        return stage

    def _input(self, name: str) -> onnx.ValueInfoProto:
        value = self._held[0][name]
        if not isinstance(value, np.ndarray):
            raise ModelError(
                f"{name} is no tensor", why="a sequence lies between two layers", how="Turn bias_correction off."
            )
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), None)


def _session(model: onnx.ModelProto, weights: Mapping[str, Array], optimized: bool) -> ReferenceSession:
    return ReferenceSession(model.SerializeToString(), optimized=optimized, shares_memory=True, weights=weights)


def _pool() -> ThreadPoolExecutor:
    """Return threads that run samples side by side; each sample's values do not depend on the others."""
    return ThreadPoolExecutor(default_threads(), "held samples")


def _is_large(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == onnx.TensorProto.FLOAT and elements_of(tensor) >= _LARGE_ELEMENTS


def _declared(name: str, values: Array) -> onnx.TensorProto:
    """Return an initializer without its values, which the session gets beside the model."""
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = onnx.TensorProto(name=name, data_type=kind, dims=values.shape, data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=name)
    return tensor


def _dequantized(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> npt.NDArray[np.float32]:
    """Return scale * (codes - zero_point) in float32, as DequantizeLinear does, scale along its axis."""
    codes, scale, zero_point = (numpy_helper.to_array(constants[name]) for name in node.input)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    shape = [1] * codes.ndim
    if scale.ndim:
        shape[axis] = -1
    steps = codes.astype(np.float32)  # whole numbers of 8 bits, so that differences are exact
    if zero_point.any():
        steps -= zero_point.astype(np.float32).reshape(shape)
    steps *= scale.reshape(shape)
    return steps
