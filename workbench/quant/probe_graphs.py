"""Graphs of one to three ops with a power-of-two plan, on which a runtime shows where it leaves the specification.

Every tensor is quantized, the inputs too. Ranges are those of the first half of the samples; the second half is three
times as large, so that codes saturate. All scales are powers of two and all samples lie on a fine grid of them, so that
ties between two codes are frequent and nothing but a rounding of the runtime's own can make a difference
(`certificate`). Only the last pattern leaves that grid: it shows how floats become codes at a graph's border.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from workbench.files import sha256_of_bytes
from workbench.quant.affine import symmetric_parameters
from workbench.quant.build import quantized_constants
from workbench.quant.plan import CalibrationRecord, QuantPlan, TensorParameters
from workbench.quant.scales import power_of_two_tensor
from workbench.quant.scheme import Scheme
from workbench.quant.select import WeightUse

OPSET = 17
SAMPLES = 32
BEYOND = 3.0
GRID = 2.0**-12
SCHEME = Scheme(method="minmax", bias_correction=False, scale_rounding="power_of_two")
SHARED_SCALE = frozenset({"MaxPool", "AveragePool", "Concat", "Flatten", "Transpose"})
FUSED = frozenset({"Relu", "Clip"})
CHANNEL_AXES = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0, "MatMul": 1}
INPUT, OUTPUT = "x", "y"
IMAGE, TOKENS, FEATURES = (8, 8, 8), (5, 16), (32,)

Floats = npt.NDArray[np.float32]


@dataclass
class _Graph:
    """Nodes and constants of one pattern; every method adds one node and returns its output's name."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: dict[str, Sequence[int]] = field(default_factory=dict)

    def input(self, shape: Sequence[int] = IMAGE, name: str = INPUT) -> str:
        self.inputs[name] = shape
        return name

    def node(self, op: str, inputs: Sequence[str], output: str = OUTPUT, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [output], f"{output}_{op.lower()}", **attributes))
        return output

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def product(self, op: str, x: str, shape: Sequence[int], output: str = OUTPUT, **attributes: Any) -> str:
        """Add a Conv, ConvTranspose, Gemm or MatMul with seeded weights, each channel of another size, and bias."""
        axis = CHANNEL_AXES[op]
        fan_in = float(np.prod(shape)) / shape[axis]
        sizes = self.rng.uniform(0.3, 2.0, shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        weight = self.constant(f"{output}_w", self.rng.standard_normal(shape) * sizes / np.sqrt(fan_in))
        inputs = [x, weight]
        if op != "MatMul":
            inputs.append(self.constant(f"{output}_b", self.rng.standard_normal(shape[axis]) * 0.3))
        return self.node(op, inputs, output, **attributes)

    def conv(self, x: str, output: str = OUTPUT, *, kernel: int = 3, group: int = 1, **attributes: Any) -> str:
        pads = [kernel // 2] * 4
        return self.product("Conv", x, (8, 8 // group, kernel, kernel), output, group=group, pads=pads, **attributes)

    def clip(self, x: str, high: float) -> str:
        return self.node("Clip", [x, self.constant("low", 0.0), self.constant("high", high)])

    def model(self) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", *v]) for k, v in self.inputs.items()]
        open_output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "probe", inputs, [open_output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        onnx.checker.check_model(inferred)
        return inferred


def _on_the_grid(rng: np.random.Generator, shape: Sequence[int], size: float) -> Floats:
    """Return normal values, the second half BEYOND times as large, as multiples of GRID."""
    values = rng.standard_normal((SAMPLES, *shape)) * size
    values[SAMPLES // 2 :] *= BEYOND
    return (np.rint(values / GRID) * GRID).astype(np.float32)


def _near_ties(rng: np.random.Generator, shape: Sequence[int], size: float) -> Floats:
    """Return halves of the step 2^-5 and their float32 neighbours on both sides."""
    halves = ((rng.integers(-127, 126, (SAMPLES, *shape)) + 0.5) * 2.0**-5 * size).astype(np.float32)
    sides = rng.integers(0, 3, halves.shape)
    up, down = np.nextafter(halves, np.float32(np.inf)), np.nextafter(halves, np.float32(-np.inf))
    return np.choose(sides, [halves, up, down]).astype(np.float32)


@dataclass(frozen=True)
class Pattern:
    """One probe graph.

    Attributes:
        title: the ops, such as "Conv+Add"; also what the finding is called by.
        build: adds its nodes to an empty graph; inputs are "x" and "z", the output is "y".
        reach: share of its output's range that the output's codes hold; below 1 a step before the last op is several
            steps after it, so that a rounding left out there shows in most codes.
        samples: makes float32 [SAMPLES, *shape] of about a given size.
    """

    title: str
    build: Callable[[_Graph], str]
    reach: float = 1.0
    samples: Callable[[np.random.Generator, Sequence[int], float], Floats] = _on_the_grid

    @property
    def id(self) -> str:
        """Its name in files and answers."""
        return self.title.lower().replace("+", "_").replace(" ", "_").replace("-", "_")


def _two_convs(graph: _Graph, op: str, output: str = OUTPUT, **attributes: Any) -> str:
    x = graph.input()
    return graph.node(op, [graph.conv(x, "left"), graph.conv(x, "right", kernel=1)], output, **attributes)


def _residual(graph: _Graph) -> str:
    x = graph.input()
    return graph.node("Add", [graph.conv(x, "branch"), x])


NARROW = 0.25
POOL: Mapping[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
PATTERNS: tuple[Pattern, ...] = (
    Pattern("Conv", lambda g: g.conv(g.input())),
    Pattern("Conv 1x1", lambda g: g.conv(g.input(), kernel=1)),
    Pattern("Conv strided", lambda g: g.conv(g.input(), strides=[2, 2])),
    Pattern("Conv dilated", lambda g: g.conv(g.input(), kernel=3, dilations=[2, 2])),
    Pattern("Conv grouped", lambda g: g.conv(g.input(), group=2)),
    Pattern("Conv depthwise", lambda g: g.conv(g.input(), group=8)),
    Pattern("Conv 1-D", lambda g: g.product("Conv", g.input((8, 32)), (8, 8, 3), pads=[1, 1])),
    Pattern("Conv 3-D", lambda g: g.product("Conv", g.input((4, 4, 6, 6)), (8, 4, 3, 3, 3), pads=[1] * 6)),
    Pattern("ConvTranspose", lambda g: g.product("ConvTranspose", g.input(), (8, 8, 2, 2), strides=[2, 2])),
    Pattern("Gemm", lambda g: g.product("Gemm", g.input(FEATURES), (64, 32), transB=1)),
    Pattern("MatMul", lambda g: g.product("MatMul", g.input(TOKENS), (16, 24))),
    Pattern("Add", lambda g: g.node("Add", [g.input(), g.input(name="z")])),
    Pattern("MaxPool", lambda g: g.node("MaxPool", [g.input()], **POOL)),
    Pattern("AveragePool", lambda g: g.node("AveragePool", [g.input()], **POOL)),
    Pattern("GlobalAveragePool", lambda g: g.node("GlobalAveragePool", [g.input()])),
    Pattern("Concat", lambda g: g.node("Concat", [g.input(), g.input(name="z")], axis=1)),
    Pattern("Conv+Relu", lambda g: g.node("Relu", [g.conv(g.input(), "conv")])),
    Pattern("Conv+Clip", lambda g: g.clip(g.conv(g.input(), "conv"), 1.5)),
    Pattern("Conv depthwise+Clip", lambda g: g.clip(g.conv(g.input(), "conv", group=8), 1.5)),
    Pattern("Gemm+Relu", lambda g: g.node("Relu", [g.product("Gemm", g.input(FEATURES), (64, 32), "fc", transB=1)])),
    Pattern("Conv+Conv", lambda g: g.conv(g.conv(g.input(), "first"), kernel=1)),
    Pattern("Conv+MaxPool", lambda g: g.node("MaxPool", [g.conv(g.input(), "conv")], **POOL)),
    Pattern("Conv+AveragePool", lambda g: g.node("AveragePool", [g.conv(g.input(), "conv")], **POOL)),
    Pattern("Conv+GlobalAveragePool", lambda g: g.node("GlobalAveragePool", [g.conv(g.input(), "conv")])),
    Pattern("Conv+Concat", lambda g: _two_convs(g, "Concat", axis=1)),
    Pattern("Conv+Add", lambda g: _two_convs(g, "Add"), NARROW),
    Pattern("Conv+Add of its input", _residual, NARROW),
    Pattern("Conv+Add+Relu", lambda g: g.node("Relu", [_two_convs(g, "Add", "sum")]), NARROW),
    Pattern("Quantize near ties", lambda g: g.node("Flatten", [g.input()]), samples=_near_ties),
)
"""Single ops first, so that the first that departs is the smallest; the border of the graph last."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A pattern with its numbers, ready to be lowered.

    Attributes:
        feeds: float32 [SAMPLES, ...] per input.
    """

    model: onnx.ModelProto
    plan: QuantPlan
    feeds: Mapping[str, Floats]


def make_probe(pattern: Pattern) -> Probe:
    """Build a pattern's graph, samples and plan; the same on every call and machine."""
    graph = _Graph(np.random.default_rng(0))
    pattern.build(graph)
    model = graph.model()
    feeds = {
        name: pattern.samples(graph.rng, shape, 0.4**place) for place, (name, shape) in enumerate(graph.inputs.items())
    }
    return Probe(model, _plan(model, feeds, pattern.reach), feeds)


def _plan(model: onnx.ModelProto, feeds: Mapping[str, Floats], reach: float) -> QuantPlan:
    """Quantize everything; a layer and the activation after it count as one."""
    nodes = list(model.graph.node)
    constants = {item.name: item for item in model.graph.initializer}
    tensors = _tensors(model, {name: values[: SAMPLES // 2] for name, values in feeds.items()}, reach)
    products = [node for node in nodes if node.op_type in CHANNEL_AXES]
    uses = [WeightUse(n.name, n.input[1], CHANNEL_AXES[n.op_type], (*n.input, "")[2], 1) for n in products]
    scales = {node.name: tensors[node.input[0]].scale for node in products}
    weights, biases, _ = quantized_constants(uses, constants, scales, SCHEME.scale_rounding)
    return QuantPlan(
        model_sha256=sha256_of_bytes(model.SerializeToString(deterministic=True)),
        scheme=SCHEME,
        calibration=CalibrationRecord(SCHEME.method, {}, SAMPLES // 2, ""),
        tensors=tensors,
        weights=weights,
        biases=biases,
        quantized_nodes=tuple(node.name for node in nodes),
        edges={node.name: _edges(node, constants) for node in nodes},
    )


def _tensors(model: onnx.ModelProto, feeds: Mapping[str, Floats], output_reach: float) -> dict[str, TensorParameters]:
    """Return S1 parameters of every tensor but those between a layer and its activation, from min and max."""
    inside = {node.input[0] for node in model.graph.node if node.op_type in FUSED}
    names = [name for node in model.graph.node for name in node.output]
    values = {**feeds, **dict(zip(names, _float_values(model, names, feeds), strict=True))}
    reach = {name: float(np.abs(array).max()) for name, array in values.items() if name not in inside}
    for node in model.graph.node:
        if node.op_type in SHARED_SCALE:
            shared = [*node.input, *node.output]
            reach.update(dict.fromkeys(shared, max(reach[name] for name in shared)))
    reach[OUTPUT] *= output_reach
    return {name: power_of_two_tensor(symmetric_parameters(largest)) for name, largest in reach.items()}


def _float_values(model: onnx.ModelProto, names: list[str], feeds: Mapping[str, Floats]) -> list[Any]:
    found = ReferenceEvaluator(model).run(names, dict(feeds))
    return list(found)


def _edges(node: onnx.NodeProto, constants: Mapping[str, Any]) -> tuple[int, ...]:
    if node.op_type in FUSED:
        return ()
    products = node.op_type in CHANNEL_AXES
    return (0, 1) if products else tuple(i for i, name in enumerate(node.input) if name not in constants)
