"""Maps what OpenVINO built (its runtime model) to the nodes of the canonical graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from workbench_plugins.openvino.artifact import ArtifactGraph, ArtifactNode

from workbench.spi import Placement

_EIGHT_BIT = frozenset({"i8", "u8"})
_FLOATS = ("bf16", "f16", "f32", "f64")
_NAMES = {"f32": "fp32", "f16": "fp16", "f64": "fp64", "i8": "int8", "u8": "int8", "i32": "int32", "i64": "int64"}
_COMPUTE_OPS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"})
_RECURRENT_OPS = frozenset({"LSTM", "GRU", "RNN"})
_RECURRENT_LAYERS = frozenset({"RNNSeq", "RNNCell"})
COMPUTE_LAYERS = frozenset({"Convolution", "Deconvolution", "FullyConnected", "MatMul"}) | _RECURRENT_LAYERS
PASSIVE_LAYERS = frozenset({"Const", "Input", "Output"})


@dataclass(frozen=True)
class RuntimeOp:
    """One op of OpenVINO's runtime model.

    Attributes:
        layer: layer type, such as "Convolution"; kernel: primitive type, such as "brgconv_avx512_I8".
        precision: `runtimePrecision`, the highest precision among its inputs; for a Convolution it is the data's.
        originals: names of the layers it came from.
        input_precisions: element types of all inputs, constants too, in order.
        activation_precisions: element types of inputs that are not constant.
        output_precisions: element types of its outputs.
        is_constant: everything it reads is constant.
    """

    name: str
    layer: str
    kernel: str
    precision: str
    originals: tuple[str, ...]
    input_precisions: tuple[str, ...] = ()
    activation_precisions: tuple[str, ...] = ()
    output_precisions: tuple[str, ...] = ()
    is_constant: bool = False


@dataclass(frozen=True)
class _View:
    """What placing one node looks at: the artifact, which nodes each op owns, shares of time, whether it is INT8."""

    graph: ArtifactGraph
    owners: Mapping[str, list[str]]
    time_shares: Mapping[str, float]
    int8: bool


def precision_of(op: RuntimeOp) -> str:
    """Return the precision an op computes in.

    A Conv, MatMul or recurrent layer is "int8" only if data *and* weights are 8-bit integers: oneDNN has no other
    kernel for that pair. Any other op is "int8" if everything it reads and writes is (copies, pools, integer
    eltwise); as soon as one side is float it counts as that float.
    """
    if op.layer in COMPUTE_LAYERS:
        pair = op.input_precisions[:2]
        return "int8" if len(pair) == 2 and set(pair) <= _EIGHT_BIT else _named(_float_among(pair, op.precision))
    seen = (*op.activation_precisions, *op.output_precisions)
    if seen and set(seen) <= _EIGHT_BIT:
        return "int8"
    return _named(_float_among(seen, op.precision))


def not_float32(ops: Iterable[RuntimeOp]) -> list[RuntimeOp]:
    """Return the ops of a float32 model that compute in something else: bf16, f16, or 8-bit arithmetic."""
    return [op for op in ops if op.layer not in PASSIVE_LAYERS and _departs(op)]


def linear_layers_in_subgraphs(graph: ArtifactGraph, ops: Iterable[RuntimeOp]) -> list[str]:
    """Return the Gemms and MatMuls with a constant weight that OpenVINO put into one of its generated subgraphs."""
    names = _names(graph)
    inside = {name for op in ops if op.layer == "Subgraph" for name in _owned_nodes(op, names)}
    return [
        node.name
        for node in graph.nodes
        if node.name in inside and node.op_type in ("Gemm", "MatMul") and len(node.inputs) == 1
    ]


def place(
    graph: ArtifactGraph, ops: Iterable[RuntimeOp], time_shares: Mapping[str, float], int8: bool
) -> list[Placement]:
    """Give every node of the artifact exactly one placement, then list the ops that the runtime added.

    Args:
        time_shares: runtime op's name -> share of a profiled run, 0..1; empty when it was not profiled.
        int8: the artifact is quantized, so that float ops need a reason.
    """
    names = _names(graph)
    active = [op for op in ops if op.layer not in PASSIVE_LAYERS and not op.is_constant]
    owners = {op.name: _owned_nodes(op, names) for op in active}
    _claim_recurrent(graph, active, owners)
    view = _View(graph, owners, time_shares, int8)
    placed: dict[str, Placement] = {}
    for node in graph.nodes:
        candidates = [op for op in active if node.name in view.owners[op.name]]
        if candidates:
            placed[node.name] = _placement(node, _best(node, candidates), view)
    _place_missing(graph, placed)
    added = [_added(op, time_shares) for op in active if not view.owners[op.name]]
    return [placed[node.name] for node in graph.nodes] + added


def _departs(op: RuntimeOp) -> bool:
    if op.precision in ("bf16", "f16"):
        return True
    return op.layer in COMPUTE_LAYERS and precision_of(op) != "fp32"


def _float_among(precisions: Iterable[str], fallback: str) -> str:
    found = [name for name in _FLOATS if name in set(precisions)]
    return found[-1] if found else fallback


def _named(precision: str) -> str:
    return _NAMES.get(precision, precision)


def _names(graph: ArtifactGraph) -> dict[str, str]:
    """Every name OpenVINO may call a node by -> the node; an op that makes a graph output bears the tensor's name.

    An Identity computes nothing, so its output's name stands for the node before it.
    """
    producer = {output: node for node in graph.nodes for output in node.outputs}
    names: dict[str, str] = dict(graph.aliases)
    for tensor, node in producer.items():
        source = node
        while source.op_type == "Identity" and source.inputs and source.inputs[0] in producer:
            source = producer[source.inputs[0]]
        names[tensor] = source.name
    names.update({node.name: node.name for node in graph.nodes})
    return names


def _owned_nodes(op: RuntimeOp, names: Mapping[str, str]) -> list[str]:
    """Nodes of the artifact among an op's originals, in order; "conv/WithoutBiases" belongs to "conv"."""
    owned: list[str] = []
    for original in op.originals:
        name = original
        while name not in names and "/" in name:
            name = name.rpartition("/")[0]
        if name in names and names[name] not in owned:
            owned.append(names[name])
    return owned


def _claim_recurrent(graph: ArtifactGraph, active: list[RuntimeOp], owners: dict[str, list[str]]) -> None:
    """Pair recurrent nodes, whose names OpenVINO loses, with its recurrent ops in order, if there are as many."""
    recurrent = [op.name for op in active if op.layer in _RECURRENT_LAYERS]
    claimed = {name for op in recurrent for name in owners[op]}
    nodes = [node.name for node in graph.nodes if node.op_type in _RECURRENT_OPS and node.name not in claimed]
    ops = [op for op in recurrent if not owners[op]]
    if len(nodes) == len(ops):
        owners.update({op: [node] for op, node in zip(ops, nodes, strict=True)})


def _best(node: ArtifactNode, candidates: list[RuntimeOp]) -> RuntimeOp:
    """Prefer the op that multiplies for a node that multiplies, else the first one."""
    if node.op_type in _COMPUTE_OPS:
        return next((op for op in candidates if op.layer in COMPUTE_LAYERS), candidates[0])
    return candidates[0]


def _principal(op: RuntimeOp, owned: list[str], graph: ArtifactGraph) -> str:
    """The node that gives a fused op its name: the one that multiplies, else the first."""
    types = {node.name: node.op_type for node in graph.nodes}
    return next((name for name in owned if types[name] in _COMPUTE_OPS), owned[0])


def _placement(node: ArtifactNode, op: RuntimeOp, view: _View) -> Placement:
    is_principal = _principal(op, view.owners[op.name], view.graph) == node.name
    precision = precision_of(op)
    return Placement(
        node=node.name,
        op_type=_kernel_name(op),
        device="CPU",
        precision=precision,
        fused_into="" if is_principal else op.name,
        reason=_reason(node, op, precision) if view.int8 and precision != "int8" else "",
        time_share=view.time_shares.get(op.name) if is_principal else None,
    )


def _kernel_name(op: RuntimeOp) -> str:
    return f"{op.layer} {op.kernel}".strip()


def _reason(node: ArtifactNode, op: RuntimeOp, precision: str) -> str:
    if not node.quantized:
        return "no quantized input in the artifact"
    if op.layer in COMPUTE_LAYERS:
        return f"OpenVINO built {_kernel_name(op)}, no INT8 kernel for {op.input_precisions[0]} data here"
    return f"OpenVINO computes {op.layer} in {precision} between INT8 tensors"


def _place_missing(graph: ArtifactGraph, placed: dict[str, Placement]) -> None:
    """Place nodes that no op names: their neighbours' op does their work.

    A Conv whose BatchNormalization was folded into it keeps only the latter's name, so a node that multiplies looks
    behind itself first; any other node was merged into what computes before it.
    """
    producer = {output: node.name for node in graph.nodes for output in node.outputs}
    for node in graph.nodes:
        if node.name in placed:
            continue
        after = next((placed[other.name] for other in graph.nodes if _follows(node, other, placed)), None)
        before = next((placed[producer[name]] for name in node.inputs if producer.get(name) in placed), None)
        placed[node.name] = _renamed(node, after) if node.op_type in _COMPUTE_OPS and after else _missing(node, before)


def _follows(node: ArtifactNode, other: ArtifactNode, placed: Mapping[str, Placement]) -> bool:
    """Whether `other` reads `node` and its op multiplies."""
    if other.name not in placed or not set(node.outputs) & set(other.inputs):
        return False
    return placed[other.name].op_type.partition(" ")[0] in COMPUTE_LAYERS


def _renamed(node: ArtifactNode, host: Placement) -> Placement:
    return replace(host, node=node.name, fused_into=host.fused_into or host.node, time_share=None)


def _missing(node: ArtifactNode, before: Placement | None) -> Placement:
    if before is None:
        where = "constant" if not node.inputs else "input"
        return Placement(node.name, "removed", "CPU", "none", where, "folded away when the model was compiled")
    host = before.fused_into or before.node
    precision = before.precision
    if node.op_type in _COMPUTE_OPS and precision == "int8":
        precision = "unknown" if node.quantized else "fp32"  # a neighbour's integers prove nothing for its own product
    return Placement(
        node.name, "removed", "CPU", precision, host, "has no op of its own: merged when the model was compiled"
    )


def _added(op: RuntimeOp, time_shares: Mapping[str, float]) -> Placement:
    return Placement(
        node="",
        op_type=_kernel_name(op),
        device="CPU",
        precision=precision_of(op),
        reason=f"added by OpenVINO ({op.name})",
        time_share=time_shares.get(op.name),
    )
