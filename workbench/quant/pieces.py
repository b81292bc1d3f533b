"""The model as calibration runs it: weights in a file beside it, tensors as they are computed, one piece after another.

ONNX Runtime computes convolutions in a blocked layout, and a tensor that is asked for is turned back into its own
order at a cost of a sixth of the whole run. Counting does not care about order: the blocked tensor is taken. And a
session keeps all tensors that are asked for until its run ends: cut into pieces, only those of one piece are there.
NOT for anybody who needs a tensor's own layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from workbench.errors import ModelError
from workbench.model.protos import copy_without, elements_of, read_names, shape_of, value_infos
from workbench.reference import ReferenceSession, write_optimized

Take = Callable[[str, npt.NDArray[Any]], None]

PIECE_ELEMENTS = 1 << 21
"""A piece ends where its watched tensors hold this many values: 8 MiB."""
_LARGE_ELEMENTS = 256
_ALIGNMENT = 4096
_WEIGHTS = "weights"
_BLOCK = 16
"""Channels of the widest layout; a tensor whose channels fill whole blocks has no padding."""


@dataclass(frozen=True)
class Piece:
    """Consecutive nodes of a model.

    Attributes:
        nodes: in topological order.
        inputs: tensors that come from outside.
        outputs: tensors somebody watches or a later piece reads.
        released: tensors that no later piece reads.
    """

    nodes: tuple[NodeProto, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    released: tuple[str, ...]


class PieceSession:
    """A model whose named tensors are handed out as a run goes. A context manager; several threads may run at a time.

    Args:
        model: the float model; unchanged.
        names: float32 tensors to hand out, inputs of the model or outputs of nodes.

    While it is open it takes up to twice the weights' size in the folder for temporary files.

    Raises:
        ModelError: there is no such tensor, or ONNX Runtime refuses the model.
    """

    def __init__(self, model: ModelProto, names: Sequence[str]) -> None:
        inputs = {value.name for value in model.graph.input}
        self._inputs = [name for name in dict.fromkeys(names) if name in inputs]
        wanted = [name for name in dict.fromkeys(names) if name not in inputs]
        self._open = ExitStack()
        self._sessions: list[tuple[Piece, ReferenceSession]] = []
        try:
            folder = Path(self._open.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
            self._shown = self._load(model, wanted, folder) if wanted else {}
        except BaseException:
            self._open.close()
            raise

    def run(self, feeds: Mapping[str, npt.NDArray[Any]], take: Take) -> None:
        """Run once; `take` gets each tensor's name and values, in any order and layout.

        Raises:
            ModelError: the feeds do not fit, or the model fails while running or is stopped.
        """
        for name in self._inputs:
            take(name, feeds[name])
        values = dict(feeds)
        for piece, session in self._sessions:
            values.update(session.run({name: values[name] for name in piece.inputs}, piece.outputs))
            for name in piece.outputs:
                if name in self._shown:
                    take(self._shown[name], values[name])
            for name in piece.released:
                values.pop(name, None)

    def stop(self) -> None:
        """End runs of other threads soon, and refuse further ones."""
        for _, session in self._sessions:
            session.stop()

    def close(self) -> None:
        """Free the sessions and their files; may be called twice."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self, model: ModelProto, wanted: list[str], folder: Path) -> dict[str, str]:
        """Open the sessions, and return tensor in them -> name it is handed out by."""
        source = folder / "model.onnx"
        light = save_apart(model, wanted, source)
        has_layouts = any(node.op_type == "Conv" for node in model.graph.node)
        optimized = _optimized(source) if has_layouts else light
        if not set(wanted) <= _made(optimized.graph):
            optimized = light
        shown = show_blocked(optimized.graph, wanted)
        for number, piece in enumerate(cut(optimized.graph, _elements(model, shown), PIECE_ELEMENTS)):
            path = folder / f"piece{number}.onnx"
            path.write_bytes(_piece_model(optimized, piece).SerializeToString())
            session = ReferenceSession(path, optimized=optimized is light, shares_memory=True)
            self._sessions.append((piece, self._open.enter_context(session)))
        return shown


def save_apart(model: ModelProto, outputs: Iterable[str], path: Path) -> ModelProto:
    """Write a model with just these outputs, and its large weights to a file beside it, one at a time.

    Outputs whose type the model does not state are float32.

    Returns:
        What was written to `path`: the large weights are references to the file.

    Raises:
        ModelError: no node makes such a tensor.
    """
    made = _made(model.graph)
    large = [tensor for tensor in model.graph.initializer if _is_large(tensor)]
    light = copy_without(model, (tensor.name for tensor in large))
    known = value_infos(model)
    del light.graph.output[:]
    for name in outputs:
        if name not in made:
            raise ModelError(f"The model has no tensor {name!r}")
        light.graph.output.append(known.get(name) or _float_info(name))
    with path.with_name(_WEIGHTS).open("wb") as file:
        for tensor in large:
            offset = file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
            light.graph.initializer.append(_stored_at(tensor, offset, file.write(tensor.raw_data)))
    path.write_bytes(light.SerializeToString())
    return light


def show_blocked(graph: GraphProto, wanted: Sequence[str]) -> dict[str, str]:
    """Make the graph give out blocked tensors where they hold the same values; return output -> wanted name.

    A node that turns a blocked tensor back goes when nobody else reads its output.
    """
    reads = {name for node in graph.node for name in read_names(node)}
    makers = {name: node for node in graph.node for name in node.output}
    shown: dict[str, str] = {}
    for name in wanted:
        blocked = _blocked(makers[name])
        is_free = blocked not in (*shown, *wanted, "")
        shown[blocked if is_free else name] = name
        if is_free and name not in reads:
            graph.node.remove(makers[name])
    return shown


def cut(graph: GraphProto, sizes: Mapping[str, int], limit: int) -> list[Piece]:
    """Cut a graph where only watched tensors and the graph's inputs cross, once a piece's watched ones reach a size.

    Args:
        graph: nodes in topological order; those at the end that nobody needs are left out.
        sizes: watched tensor -> number of values.
        limit: number of values from which on a piece ends as soon as it may.
    """
    last_read = {name: place for place, node in enumerate(graph.node) for name in read_names(node)}
    pieces: list[list[NodeProto]] = [[]]
    crossing: set[str] = set()
    size = 0
    for place, node in enumerate(graph.node):
        pieces[-1].append(node)
        crossing = {name for name in {*crossing, *node.output} if last_read.get(name, -1) > place}
        size += sum(sizes.get(name, 0) for name in node.output)
        if size >= limit and place + 1 < len(graph.node) and crossing <= sizes.keys():
            pieces.append([])
            size = 0
    return _with_borders(pieces, graph, set(sizes))


def _with_borders(pieces: list[list[NodeProto]], graph: GraphProto, watched: set[str]) -> list[Piece]:
    constants = {tensor.name for tensor in graph.initializer}
    found: list[Piece] = []
    later: set[str] = set()
    for nodes in reversed(pieces):
        made = {name for node in nodes for name in node.output}
        read = dict.fromkeys(name for node in nodes for name in read_names(node))
        inputs = tuple(name for name in read if name not in made and name not in constants)
        outputs = tuple(name for node in nodes for name in node.output if name in later | watched)
        if not outputs:
            continue
        released = tuple(name for name in (*inputs, *outputs) if name not in later)
        found.append(Piece(tuple(nodes), inputs, outputs, released))
        later.update(inputs)
    return found[::-1]


def _piece_model(optimized: ModelProto, piece: Piece) -> ModelProto:
    read = {name for node in piece.nodes for name in read_names(node)}
    known = value_infos(optimized)
    graph = helper.make_graph(
        piece.nodes,
        "piece",
        [known.get(name) or _float_info(name) for name in piece.inputs],
        [_float_info(name) for name in piece.outputs],
        [tensor for tensor in optimized.graph.initializer if tensor.name in read],
    )
    return helper.make_model(
        graph,
        ir_version=optimized.ir_version,
        opset_imports=optimized.opset_import,
        functions=optimized.functions,
    )


def _optimized(source: Path) -> ModelProto:
    """Return the graph that ONNX Runtime makes of a model, its large weights in a file of the same folder."""
    path = source.with_name("optimized.onnx")
    write_optimized(source, path)
    return onnx.load(path, load_external_data=False)


def _made(graph: GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.output}


def _blocked(node: NodeProto) -> str:
    """Return the blocked tensor that a node turns back, "" where it holds padding or the node does something else."""
    channels = [attribute.i for attribute in node.attribute if attribute.name == "channels"]
    is_whole = node.op_type == "ReorderOutput" and len(channels) == 1 and channels[0] % _BLOCK == 0
    return node.input[0] if is_whole else ""


def _elements(model: ModelProto, shown: Mapping[str, str]) -> dict[str, int]:
    """Return tensor in the session -> number of values of one run, symbolic axes as 1; 0 where nobody knows."""
    known = value_infos(model)
    sizes: dict[str, int] = {}
    for tensor, name in shown.items():
        shape = shape_of(known[name]) if name in known else None
        sizes[tensor] = 0 if shape is None else _product(shape)
    return sizes


def _product(shape: Iterable[int | str]) -> int:
    size = 1
    for axis in shape:
        size *= axis if isinstance(axis, int) else 1
    return size


def _is_large(tensor: TensorProto) -> bool:
    return tensor.HasField("raw_data") and elements_of(tensor) >= _LARGE_ELEMENTS


def _stored_at(tensor: TensorProto, offset: int, length: int) -> TensorProto:
    """Return a tensor that says where in the weights file its bytes are."""
    stored = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    stored.data_location = TensorProto.EXTERNAL
    place = {"location": _WEIGHTS, "offset": str(offset), "length": str(length)}
    for key, value in place.items():
        stored.external_data.add(key=key, value=value)
    return stored


def _float_info(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
