"""What kind of model it is, and a first proposal for the study file's [preprocess] and [task]."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec

_RECURRENT_OPS = frozenset({"LSTM", "GRU", "RNN"})
_CONVOLUTION_OPS = frozenset({"Conv", "ConvTranspose", "QLinearConv", "ConvInteger"})
_SHAPE_OPS = frozenset({"Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Dropout"})
_MOVES = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather", "Cast"})
_CACHE_WORDS = ("past", "present", "cache")
_SMALL_IMAGE = 96

State = tuple[str, int]
"""A recurrent node and the index of the output that is its last h (1) or c (2)."""
States = frozenset[State]
_NO_STATES: States = frozenset()
_ELSEWHERE: States = frozenset({("", 0)})
_INITIAL = {5: 1, 6: 2}
"""Input of a recurrent node that starts a state -> its output that ends it."""


@dataclass(frozen=True)
class Proposal:
    """Keys for one table of the study file, and what a person should know before using them.

    Attributes:
        values: key -> value as in the study file; empty where nothing can be said.
        notes: one sentence each; what is a guess says so.
    """

    values: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def family_of(graph: GraphSummary) -> str:
    """Return convolutional, encoder, decoder, recurrent or other.

    The op kind with more than half of the multiply-accumulates decides between recurrent and convolutional.
    Otherwise attention (a MatMul of two activations behind a Softmax, or an Attention op) makes an encoder, or
    a decoder where a causal mask is built or a key/value cache goes in or out. A decoder whose mask was folded
    into a constant looks like an encoder.
    """
    if _share(graph, _RECURRENT_OPS) > 0.5:
        return "recurrent"
    if _share(graph, _CONVOLUTION_OPS) > 0.5:
        return "convolutional"
    if _has_attention(graph):
        return "decoder" if _is_causal(graph) else "encoder"
    ops = {node.op_type for node in graph.nodes}
    if ops & _RECURRENT_OPS:
        return "recurrent"
    return "convolutional" if ops & _CONVOLUTION_OPS else "other"


def propose_preprocess(graph: GraphSummary) -> Proposal:
    """Propose [preprocess] from the input's shape: size, color and layout follow from it, mean and std are a guess."""
    images = [found for spec in graph.inputs if (found := _image(spec)) is not None]
    if len(graph.inputs) != 1 or not images:
        return Proposal({}, ("The inputs do not look like one image: give arrays (.npz) named after the inputs.",))
    layout, channels, height, width = images[0]
    values = {**_sizes(height, width), "color": "RGB" if channels == 3 else "GRAY", "layout": layout}
    notes = ["Size, layout and number of channels follow from the input's shape."]
    if channels == 3:
        notes.append("RGB is a guess; models from Caffe or OpenCV take BGR.")
    if not isinstance(height, int) or not isinstance(width, int):
        notes.append("The model takes any size: give resize yourself.")
    if "resize_short" in values:
        notes.append("resize_short is a guess: 256/224 of the crop, as is usual for ImageNet.")
    if _normalizes_itself(graph):
        mean, std = 0.0, 1.0
        notes.append("mean and std are a guess: the graph seems to normalize its input itself.")
    else:
        mean = std = 127.5
        notes.append("mean and std are a guess (pixels to -1..1); take those of the training code.")
    return Proposal({**values, "mean": [mean] * channels, "std": [std] * channels}, tuple(notes))


def propose_task(graph: GraphSummary) -> Proposal:
    """Propose [task]: classification for one output [N, K], divergence for everything else."""
    if len(graph.outputs) != 1:
        return _divergence(f"The model has {len(graph.outputs)} outputs.")
    output = graph.outputs[0]
    scores = output.shape[1] if len(output.shape) == 2 else 1
    if not isinstance(scores, int) or scores == 1 or output.dtype not in ("float32", "float16"):
        return _divergence(f"The output {output.name!r} is not one row of scores per sample.")
    last = _last_operation(graph, output.name)
    if last == "Sigmoid":
        return _divergence("Sigmoid scores are several answers per sample, or an embedding.")
    values: dict[str, Any] = {"kind": "classification", "compare": "logits"}
    notes = [f"One output [N, {output.shape[1]}]" + (" behind a Softmax." if last == "Softmax" else ".")]
    if last not in ("Softmax", "LogSoftmax"):
        notes.append("There is no Softmax at the end: if the output is an embedding, use divergence.")
    if output.shape[1] == 1001:
        values["class_offset"] = 1
        notes.append("1001 outputs: the first is taken for the background, which is a guess.")
    return Proposal(values, tuple(notes))


def propose_state(graph: GraphSummary) -> dict[str, str]:
    """Propose [model] state: graph input -> graph output that hold the state of the same LSTM, GRU or RNN nodes.

    Both are followed through ops that only move values, from an initial state and from a last one. Empty where the
    model keeps its state to itself.
    """
    outputs = {states: name for name, states in _last_states(graph).items()}
    given = {name: states for name, states in _initial_states(graph).items() if states and not states & _ELSEWHERE}
    return {name: outputs[states] for name, states in given.items() if states in outputs}


def _initial_states(graph: GraphSummary) -> dict[str, States]:
    """Return graph input -> the states it starts; none where something else reads it too."""
    found: dict[str, States] = {}
    for node in reversed(graph.nodes):
        later = frozenset[State]().union(*(found.get(name, _NO_STATES) for name in node.outputs))
        for index, name in enumerate(node.inputs):
            if node.op_type in _RECURRENT_OPS and index in _INITIAL:
                own = frozenset({(node.name, _INITIAL[index])})
            else:
                own = later if node.op_type in _MOVES and index == 0 and later else _ELSEWHERE
            found[name] = found.get(name, _NO_STATES) | own
    return {spec.name: found.get(spec.name, _NO_STATES) for spec in graph.inputs}


def _last_states(graph: GraphSummary) -> dict[str, States]:
    """Return graph output -> the states it hands out; none where anything else goes into it."""
    found: dict[str, States] = {}
    for node in graph.nodes:
        for index, name in enumerate(node.outputs):
            if node.op_type in _RECURRENT_OPS:
                found[name] = frozenset({(node.name, index)}) if index else _ELSEWHERE
            elif node.op_type in (*_MOVES, "Concat"):
                sources = node.inputs if node.op_type == "Concat" else node.inputs[:1]
                found[name] = frozenset[State]().union(*(found.get(each, _ELSEWHERE) for each in sources))
    return {spec.name: found.get(spec.name, _NO_STATES) for spec in graph.outputs}


def _divergence(reason: str) -> Proposal:
    return Proposal({"kind": "divergence", "compare": "logits"}, (reason, "Divergence needs no labels."))


def _share(graph: GraphSummary, ops: frozenset[str]) -> float:
    return sum(node.macs for node in graph.nodes if node.op_type in ops) / graph.macs if graph.macs else 0.0


def _has_attention(graph: GraphSummary) -> bool:
    ops = {node.op_type for node in graph.nodes}
    activations = any(node.op_type == "MatMul" and not node.constant_inputs for node in graph.nodes)
    return "Attention" in ops or (activations and "Softmax" in ops)


def _is_causal(graph: GraphSummary) -> bool:
    names = [spec.name.lower() for spec in (*graph.inputs, *graph.outputs)]
    if any(word in name for name in names for word in _CACHE_WORDS):
        return True
    return any(node.op_type == "Trilu" or node.attributes.get("is_causal") for node in graph.nodes)


def _image(spec: TensorSpec) -> tuple[str, int, int | str, int | str] | None:
    """Return layout, channels, height, width if the input can be a picture."""
    if len(spec.shape) != 4 or spec.dtype not in ("float32", "float16", "uint8"):
        return None
    _, first, middle, last = spec.shape
    if first in (1, 3):
        layout, channels, height, width = "NCHW", first, middle, last
    elif last in (1, 3):
        layout, channels, height, width = "NHWC", last, first, middle
    else:
        return None
    if not isinstance(channels, int) or (channels == 1 and not _looks_like_picture(height, width)):
        return None
    return layout, channels, height, width


def _looks_like_picture(height: int | str, width: int | str) -> bool:
    """Whether one plane can be a gray picture rather than, say, 49 frames of 10 audio features."""
    if not isinstance(height, int) or not isinstance(width, int):
        return True
    return height == width or (min(height, width) >= 24 and max(height, width) <= 3 * min(height, width))


def _sizes(height: int | str, width: int | str) -> dict[str, Any]:
    if not isinstance(height, int) or not isinstance(width, int):
        return {}
    if height == width and height >= _SMALL_IMAGE:
        return {"resize_short": round(height * 256 / 224), "center_crop": height}
    return {"resize": [height, width]}


def _normalizes_itself(graph: GraphSummary) -> bool:
    """Whether the first thing done to the input is arithmetic with constants, or a BatchNormalization."""
    name = graph.inputs[0].name
    readers = [node for node in graph.nodes if name in node.inputs]
    return bool(readers) and all(
        node.op_type in ("Sub", "Mul", "Div", "Add", "BatchNormalization") and node.constant_inputs for node in readers
    )


def _last_operation(graph: GraphSummary, output: str) -> str:
    """Op type that gives the output, looked at through shape ops; "" if it is an input."""
    producers: dict[str, NodeSummary] = {name: node for node in graph.nodes for name in node.outputs}
    node = producers.get(output)
    while node is not None and node.op_type in _SHAPE_OPS:
        node = producers.get(node.inputs[0])
    return node.op_type if node is not None else ""
