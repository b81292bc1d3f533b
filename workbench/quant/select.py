"""Which nodes compute on integers and which stay in float, from the graph and the scheme alone, before any number.

The rule for outputs, once: the output of a compute node (after its bias and the activation fused into it) is quantized.
Exceptions, each only where no INT8 node reads it: a Gemm or MatMul with an INT8 layer after it, for which runtimes have
kernels with float outputs; and, with `quantize_logits` off, any layer with no INT8 layer after it. NOT decided here:
whether the ranges under a Concat allow one scale (`sharing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal

from workbench.errors import SchemeError
from workbench.model.graph import COMPUTE_OPS, GraphSummary, NodeSummary
from workbench.quant.scheme import Scheme
from workbench.quant.wiring import Wiring, wire

Role = Literal["compute", "bias", "fused", "add", "pass", "concat", "mean"]

SAME_VALUES: frozenset[str] = frozenset(
    {"Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "Identity"}
)
"""Pass-through ops whose output holds exactly the input's values."""
PASS_THROUGH: frozenset[str] = SAME_VALUES | {
    "MaxPool", "AveragePool", "Slice", "Split", "Pad", "Expand", "Tile",
}  # fmt: skip
"""Ops that keep one scale on input and output."""
MEANS: frozenset[str] = frozenset({"GlobalAveragePool"})
"""Ops on codes whose output has a range of its own: a mean over a whole plane is several times narrower than its
input, and the input's scale would cost resnet8 3.5 dB. Runtimes' integer kernels rescale there anyway."""
ACTIVATIONS: frozenset[str] = frozenset({"Relu", "Clip"})
KNOWN_OPS: frozenset[str] = COMPUTE_OPS | PASS_THROUGH | MEANS | ACTIVATIONS | {"Add", "Concat"}

RECURRENT: frozenset[str] = frozenset({"LSTM", "GRU", "RNN"})

LINKS: frozenset[str] = frozenset({"pass", "concat"})

AFTER_LAST = "after the last INT8 layer"
BARE = "follows a layer whose output stays in float"
WEIGHT_ONLY = "weight-only scheme: activations stay in float"


@dataclass(frozen=True)
class WeightUse:
    """The constants of one quantized compute node.

    Attributes:
        weight: initializer name; axis: its output-channel axis; bias: initializer name or "".
        groups: how often the weight's channels repeat over the output's (grouped ConvTranspose), else 1.
    """

    node: str
    weight: str
    axis: int
    bias: str
    groups: int


@dataclass(frozen=True)
class Selection:
    """What is quantized, in the graph's order.

    Attributes:
        quantized_nodes: nodes that compute on integers; Adds of a bias and fused activations belong to them.
        float_nodes: every other node -> why, in words.
        edges: quantized node -> indices of its quantized inputs; () for a fused activation and the Add of a bias.
        tensors: activation tensors that carry codes.
        links: (node, tensors that must share one scale) of every pass-through op and Concat.
        weights: constants of the compute nodes.
        roles: quantized node -> compute | bias | fused | add | pass | concat | mean; a bias is the Add of a constant
            [C] behind a MatMul, which has no third input for it.
        compute_inputs: compute node -> its input 0; link_outputs: node of a link -> its outputs.
    """

    quantized_nodes: tuple[str, ...]
    float_nodes: Mapping[str, str]
    edges: Mapping[str, tuple[int, ...]]
    tensors: tuple[str, ...] = ()
    links: tuple[tuple[str, tuple[str, ...]], ...] = ()
    weights: tuple[WeightUse, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    compute_inputs: Mapping[str, str] = field(default_factory=dict)
    link_outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """Quantized tensors whose range is their own: not made by a quantized pass-through op or Concat."""
        made = {tensor for name, _ in self.links for tensor in self.link_outputs[name]}
        return tuple(tensor for tensor in self.tensors if tensor not in made)


def choose(graph: GraphSummary, scheme: Scheme, vetoes: Mapping[str, str] | None = None) -> Selection:
    """Split the nodes of a canonical graph into quantized and float ones.

    Args:
        vetoes: node -> reason to keep it in float, for facts that the graph's summary does not hold.

    Raises:
        SchemeError: an excluded node or op type does not exist.
    """
    reasons = {**(vetoes or {}), **_exclusions(graph, scheme)}
    wiring = wire(graph)
    if scheme.name == "S3":
        return _weights_only(graph, wiring, reasons)
    roles = _forward(wiring, scheme, reasons)
    _backward(wiring, roles, reasons)
    return _selection(wiring, scheme, roles, reasons)


def compute_refusal(node: NodeSummary, wiring: Wiring) -> str:
    """Return why a compute node cannot be quantized, or "" when it can."""
    dtypes = {spec.name: spec.dtype for spec in wiring.graph.inputs}
    dtype = dtypes.get(node.inputs[0], "float32")
    rest = [index for index, name in enumerate(node.inputs) if index >= 2 and name]
    rank = len(wiring.graph.shapes.get(node.inputs[1], (0, 0)))
    checks = (
        (1 not in node.constant_inputs and node.op_type == "MatMul", "MatMul of two activations"),
        (1 not in node.constant_inputs, "its weight is computed at run time"),
        (0 in node.constant_inputs, "its input is a constant"),
        (not set(rest) <= set(node.constant_inputs), "its bias is computed at run time"),
        (dtype != "float32", f"its input is {dtype}, not float32"),
        (node.op_type == "MatMul" and rank != 2, "its constant is not 2-D"),
    )
    found = next((reason for is_wrong, reason in checks if is_wrong), "")
    return found or (_gemm_refusal(node) if node.op_type == "Gemm" else "")


def _gemm_refusal(node: NodeSummary) -> str:
    if node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("beta", 1.0) != 1.0:
        return "Gemm with alpha or beta other than 1"
    return "Gemm with a transposed input" if node.attributes.get("transA", 0) else ""


def _exclusions(graph: GraphSummary, scheme: Scheme) -> dict[str, str]:
    names = {node.name: node.op_type for node in graph.nodes}
    op_types = set(names.values())
    for name in scheme.exclude_nodes:
        if name not in names:
            raise _unknown("node", name, list(names))
    for op_type in scheme.exclude_op_types:
        if op_type not in op_types | KNOWN_OPS:
            raise _unknown("op type", op_type, sorted(op_types | KNOWN_OPS))
    reasons = {name: f"op type {kind} is excluded" for name, kind in names.items() if kind in scheme.exclude_op_types}
    return reasons | dict.fromkeys(scheme.exclude_nodes, "excluded by name")


def _unknown(kind: str, name: str, known: list[str]) -> SchemeError:
    near = get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "Names are those that `inspect` lists."
    return SchemeError(f"The scheme excludes {kind} {name!r}, which the model does not have", how=hint)


def _forward(wiring: Wiring, scheme: Scheme, reasons: dict[str, str]) -> dict[str, Role]:
    """Give every node that could compute on integers a role; everything else gets its reason."""
    roles: dict[str, Role] = {}
    usable = {
        node.name
        for node in wiring.graph.nodes
        if node.op_type in COMPUTE_OPS and node.name not in reasons and not compute_refusal(node, wiring)
    }
    inner = wiring.tensors_before(usable)
    integer: set[str] = set()
    for node in wiring.graph.nodes:
        if node.name in reasons:
            continue
        role, reason = _role(node, wiring, roles, integer)
        if role is None:
            reasons[node.name] = reason
            continue
        roles[node.name] = role
        if role not in ("compute", "bias") or scheme.quantize_logits or node.outputs[0] in inner:
            integer.update(name for name in node.outputs if name)
    return roles


def _role(node: NodeSummary, wiring: Wiring, roles: Mapping[str, Role], integer: Set[str]) -> tuple[Role | None, str]:
    if node.op_type in COMPUTE_OPS:
        refusal = compute_refusal(node, wiring)
        return (None, refusal) if refusal else ("compute", "")
    if bias_of(node, wiring) and roles.get(wiring.producer[_biased(node)].name) == "compute":
        return "bias", ""
    reason = _unfit(node, wiring, integer)
    if reason:
        return None, reason
    if node.op_type in ACTIVATIONS:
        return _activation_role(node, wiring, roles)
    joining: dict[str, Role] = {"Add": "add", "Concat": "concat"}
    if is_mean(node, wiring):
        return "mean", ""
    return joining.get(node.op_type, "pass"), ""


def bias_of(node: NodeSummary, wiring: Wiring) -> str:
    """Return the constant [C] (or [1, .., C]) that an Add puts on the output of a MatMul with C columns, else ""."""
    if node.op_type != "Add" or len(node.constant_inputs) != 1:
        return ""
    layer, bias = wiring.producer.get(_biased(node)), node.inputs[node.constant_inputs[0]]
    if layer is None or layer.op_type != "MatMul" or 1 not in layer.constant_inputs:
        return ""
    channels, shape = wiring.graph.shapes.get(layer.inputs[1], ())[-1:], wiring.graph.shapes.get(bias, ())
    is_row = shape[-1:] == channels and all(axis == 1 for axis in shape[:-1])
    is_alone = wiring.is_only_reader(node, layer.outputs[0]) and len(wiring.readers(bias)) == 1
    return bias if channels and is_row and is_alone else ""


def _biased(node: NodeSummary) -> str:
    """Return the input of an Add of a constant that is not constant."""
    return node.inputs[1 - node.constant_inputs[0]]


def _unfit(node: NodeSummary, wiring: Wiring, integer: Set[str]) -> str:
    """Return why a node other than a compute node cannot work on codes, or ""."""
    if node.op_type in RECURRENT:
        return f"{node.op_type} is recurrent: no scheme quantizes it, its state stays in float"
    if node.op_type not in KNOWN_OPS:
        return f"{node.op_type} is not part of the scheme's quantized ops"
    joins = node.op_type in ("Add", "Concat")
    if joins and node.constant_inputs:
        return "adds a constant" if node.op_type == "Add" else "joins a constant"
    inputs = node.inputs if joins else node.inputs[:1]
    stranger = next((name for name in inputs if name not in integer), None)
    return _pass_refusal(node, wiring) if stranger is None else _stranger(stranger, node, wiring)


def is_mean(node: NodeSummary, wiring: Wiring) -> bool:
    """Return whether a node takes one mean over each whole plane: GlobalAveragePool, or an AveragePool that does so."""
    return node.op_type in MEANS or (node.op_type == "AveragePool" and wiring.pools_whole_plane(node))


def _stranger(tensor: str, node: NodeSummary, wiring: Wiring) -> str:
    producer = wiring.producer.get(tensor)
    if not wiring.leads_to_compute(node):
        return AFTER_LAST
    if producer is None and tensor in {spec.name for spec in wiring.graph.inputs}:
        return f"its input {tensor} comes from the model's input"
    if producer is None:
        return f"its input {tensor} is a constant"
    return f"its input comes from {producer.name} ({producer.op_type}), whose output stays in float"


def _activation_role(node: NodeSummary, wiring: Wiring, roles: Mapping[str, Role]) -> tuple[Role | None, str]:
    producer = wiring.producer[node.inputs[0]]
    fusible = roles[producer.name] in ("compute", "bias", "add") and wiring.is_only_reader(node, node.inputs[0])
    if node.op_type == "Relu":
        return ("fused" if fusible else "pass"), ""
    low, high = wiring.clip_bounds(node)
    if low != 0.0 or high is None or high <= 0.0:
        return None, "Clip without constant bounds 0 and above"
    return ("fused", "") if fusible else (None, "Clip that cannot be fused into the layer before it")


def _pass_refusal(node: NodeSummary, wiring: Wiring) -> str:
    if node.op_type == "MaxPool" and len(node.outputs) > 1 and node.outputs[1]:
        return "MaxPool whose indices are used"
    if node.op_type == "Pad" and not wiring.pads_with_zero(node):
        return "Pad with something other than a constant 0"
    return ""


def _backward(wiring: Wiring, roles: dict[str, Role], reasons: dict[str, str]) -> None:
    """Take the role from nodes that no quantized compute node comes after."""
    for node in reversed(wiring.graph.nodes):
        role = roles.get(node.name)
        if role is None or role in ("compute", "bias"):
            continue
        if role == "fused" and roles[wiring.producer[node.inputs[0]].name] in ("compute", "bias"):
            continue
        if not any(
            index in _edges(reader, roles[reader.name]) or roles[reader.name] == "fused"
            for name in node.outputs
            for reader, index in wiring.readers(name)
            if reader.name in roles
        ):
            del roles[node.name]
            reasons[node.name] = _dropped(node, wiring)


def _dropped(node: NodeSummary, wiring: Wiring) -> str:
    if not wiring.leads_to_compute(node):
        return AFTER_LAST
    readers = [reader for name in node.outputs for reader, _ in wiring.readers(name)]
    names = ", ".join(f"{reader.name} ({reader.op_type})" for reader in readers[:3])
    return f"only float nodes read its output: {names}"


def _edges(node: NodeSummary, role: Role) -> tuple[int, ...]:
    if role == "compute":
        return (0, 1)
    if role in ("add", "concat"):
        return tuple(range(len(node.inputs)))
    return () if role in ("bias", "fused") else (0,)


def _selection(wiring: Wiring, scheme: Scheme, roles: Mapping[str, Role], reasons: Mapping[str, str]) -> Selection:
    nodes = [node for node in wiring.graph.nodes if node.name in roles]
    edges = {node.name: _edges(node, roles[node.name]) for node in nodes}
    carried = _carried(wiring, scheme, nodes, roles, edges)
    bare = {node.name: BARE for node in nodes if roles[node.name] == "fused" and node.outputs[0] not in carried}
    if bare:
        return _selection(wiring, scheme, {k: v for k, v in roles.items() if k not in bare}, {**reasons, **bare})
    links = [(node.name, _linked(node, edges[node.name])) for node in nodes if roles[node.name] in LINKS]
    return Selection(
        quantized_nodes=tuple(node.name for node in nodes),
        float_nodes={node.name: reasons[node.name] for node in wiring.graph.nodes if node.name not in roles},
        edges=edges,
        tensors=tuple(name for name in wiring.tensors if name in carried),
        links=tuple(links),
        weights=tuple(_weight_use(node, wiring, roles) for node in nodes if roles[node.name] == "compute"),
        roles=dict(roles),
        compute_inputs={node.name: node.inputs[0] for node in nodes if roles[node.name] == "compute"},
        link_outputs={node.name: node.outputs for node in nodes if roles[node.name] in LINKS},
    )


def _linked(node: NodeSummary, edges: tuple[int, ...]) -> tuple[str, ...]:
    names = (*(node.inputs[index] for index in edges), *node.outputs)
    return tuple(dict.fromkeys(name for name in names if name))


def _carried(
    wiring: Wiring,
    scheme: Scheme,
    nodes: list[NodeSummary],
    roles: Mapping[str, Role],
    edges: Mapping[str, tuple[int, ...]],
) -> set[str]:
    """Return the tensors that carry codes: quantized inputs, and outputs by the rule in the module's docstring."""
    read = {node.inputs[index] for node in nodes for index in edges[node.name] if index not in node.constant_inputs}
    usable = {node.name for node in nodes if roles[node.name] == "compute"}
    inner = wiring.tensors_before(usable)
    carried = set(read)
    for node in nodes:
        if _has_fused_reader(node, wiring, roles):
            continue
        layer = _layer_of(node, wiring, roles)
        is_linear, is_inside = layer.op_type in ("Gemm", "MatMul"), node.outputs[0] in inner
        optional = is_linear if is_inside else not scheme.quantize_logits
        if roles[layer.name] == "compute" and optional:
            continue
        carried.update(name for name in node.outputs if name)
    return carried


def _layer_of(node: NodeSummary, wiring: Wiring, roles: Mapping[str, Role]) -> NodeSummary:
    """Return the node that a bias or a fused activation belongs to; any other node itself."""
    while roles[node.name] in ("bias", "fused"):
        node = next(wiring.producer[name] for name in node.inputs if name in wiring.producer)
    return node


def _has_fused_reader(node: NodeSummary, wiring: Wiring, roles: Mapping[str, Role]) -> bool:
    return any(roles.get(reader.name) in ("bias", "fused") for reader, _ in wiring.readers(node.outputs[0]))


def _weight_use(node: NodeSummary, wiring: Wiring, roles: Mapping[str, Role]) -> WeightUse:
    axis = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}.get(node.op_type, 0 if node.attributes.get("transB", 0) else 1)
    groups = int(node.attributes.get("group", 1)) if node.op_type == "ConvTranspose" else 1
    added = [
        bias_of(reader, wiring) for reader, _ in wiring.readers(node.outputs[0]) if roles.get(reader.name) == "bias"
    ]
    bias = node.inputs[2] if len(node.inputs) > 2 else "".join(added)
    return WeightUse(node.name, node.inputs[1], axis, bias, groups)


def _weights_only(graph: GraphSummary, wiring: Wiring, reasons: dict[str, str]) -> Selection:
    chosen: list[NodeSummary] = []
    for node in graph.nodes:
        refusal = reasons.get(node.name) or (
            compute_refusal(node, wiring) if node.op_type in COMPUTE_OPS else WEIGHT_ONLY
        )
        if refusal:
            reasons[node.name] = refusal
        else:
            chosen.append(node)
    return Selection(
        quantized_nodes=tuple(node.name for node in chosen),
        float_nodes={node.name: reasons[node.name] for node in graph.nodes if node.name in reasons},
        edges={node.name: (1,) for node in chosen},
        weights=tuple(replace(_weight_use(node, wiring, {}), bias="") for node in chosen),
        roles=dict.fromkeys((node.name for node in chosen), "compute"),
    )
