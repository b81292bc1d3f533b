"""Pieces: the values of the whole model, bit for bit, in blocked layout and cut up; memory released on the way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.onnx_models import (
    Builder,
    concat_net,
    conv_relu_net,
    depthwise_net,
    multi_io_net,
    random_feeds,
    resnet_like,
)
from onnx import helper

from workbench.errors import ContractError, ModelError
from workbench.model.canonical import canonical_graph, with_extra_outputs
from workbench.quant import pieces
from workbench.quant.pieces import PieceSession, cut, save_apart, show_blocked
from workbench.reference import ReferenceSession, write_optimized


def wide_net() -> onnx.ModelProto:
    """Convs of 32 channels, whole blocks in every layout, two residual Adds and a Conv of 5 channels."""
    b = Builder(3)
    x = b.node("Relu", [b.conv("stem", "input", 3, 32)], "stem_relu")
    for i in range(2):
        y = b.conv(f"second{i}", b.node("Relu", [b.conv(f"first{i}", x, 32, 32)], f"relu{i}"), 32, 32)
        x = b.node("Relu", [b.node("Add", [x, y], f"add{i}")], f"out{i}")
    x = b.conv("narrow", x, 32, 5)
    b.node("Flatten", [x], "flat")
    return b.model({"input": ["N", 3, 8, 8]}, {"flat": ["N", 320]})


def float_tensors(model: onnx.ModelProto) -> list[str]:
    return [name for node in model.graph.node for name in node.output]


def plain_values(model: onnx.ModelProto, names: list[str], feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors in their own layout, from one session that has them as outputs."""
    data = with_extra_outputs(model, names)
    del data.graph.output[: len(model.graph.output)]
    data = with_extra_outputs(data, names)
    with ReferenceSession(data.SerializeToString()) as session:
        return session.run(feeds, names)


def piecewise_values(session: PieceSession, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    session.run(feeds, lambda name, values: found.update({name: values.copy()}))
    return found


MODELS = {
    "wide": wide_net,
    "resnet_like": resnet_like,
    "conv_relu": conv_relu_net,
    "depthwise": depthwise_net,
    "concat": concat_net,
    "multi_io": multi_io_net,
}


@pytest.mark.parametrize("limit", [1, 3000, 1 << 21])
@pytest.mark.parametrize("name", MODELS)
def test_each_tensor_has_the_values_of_the_whole_model(name: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ELEMENTS", limit)
    model, _ = canonical_graph(MODELS[name]())
    names = float_tensors(model)
    feeds = random_feeds(model, 1, 4)
    with PieceSession(model, [*names, *feeds]) as session:
        found = piecewise_values(session, feeds)
    assert found.keys() == {*names, *feeds}
    for tensor, values in plain_values(model, names, feeds).items():
        np.testing.assert_array_equal(np.sort(found[tensor], axis=None), np.sort(values, axis=None), tensor)


def test_a_small_limit_really_cuts_and_blocked_tensors_are_really_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = canonical_graph(wide_net())
    names = float_tensors(model)
    monkeypatch.setattr(pieces, "PIECE_ELEMENTS", 1)
    with PieceSession(model, names) as session:
        assert len(session._sessions) > 5
    save_apart(model, names, tmp_path / "model.onnx")
    write_optimized(tmp_path / "model.onnx", tmp_path / "optimized.onnx")
    graph = onnx.load(tmp_path / "optimized.onnx", load_external_data=False).graph
    turned = [node for node in graph.node if node.op_type == "ReorderOutput"]
    if not turned:
        pytest.skip("this processor has no blocked layout")
    shown = show_blocked(graph, names)
    assert sorted(shown.values()) == sorted(names)
    assert shown["narrow"] == "narrow"
    assert sum(tensor != name for tensor, name in shown.items()) >= 8
    left = [node.output[0] for node in graph.node if node.op_type == "ReorderOutput"]
    assert left == ["narrow"]


def reorder(source: str, target: str, channels: int) -> onnx.NodeProto:
    return helper.make_node("ReorderOutput", [source], [target], domain="com.microsoft.nchwc", channels=channels)


def graph_of(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(nodes, "graph", [], [])


def test_a_blocked_tensor_with_padding_or_a_second_reader_keeps_its_node() -> None:
    maker = helper.make_node("Conv", ["x", "w"], ["blocked"])
    padded = graph_of(maker, reorder("blocked", "own", 24))
    assert show_blocked(padded, ["own"]) == {"own": "own"}
    read = graph_of(maker, reorder("blocked", "own", 32), helper.make_node("Relu", ["own"], ["y"]))
    assert show_blocked(read, ["own", "y"]) == {"blocked": "own", "y": "y"}
    assert [node.op_type for node in read.node] == ["Conv", "ReorderOutput", "Relu"]
    twice = graph_of(maker, reorder("blocked", "one", 32), reorder("blocked", "two", 32))
    assert show_blocked(twice, ["one", "two"]) == {"blocked": "one", "two": "two"}
    assert [node.op_type for node in twice.node] == ["Conv", "ReorderOutput"]


def test_cuts_wait_until_only_watched_tensors_cross() -> None:
    chain = graph_of(
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Shape", ["a"], ["s"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Reshape", ["b", "s"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
    )
    found = cut(chain, {"a": 10, "b": 10, "c": 10, "d": 10}, 10)
    assert [[node.output[0] for node in piece.nodes] for piece in found] == [["a"], ["s", "b", "c"], ["d"]]
    assert [piece.inputs for piece in found] == [("x",), ("a",), ("c",)]
    assert [piece.outputs for piece in found] == [("a",), ("b", "c"), ("d",)]
    assert [piece.released for piece in found] == [("x",), ("a", "b"), ("c", "d")]


def branching_net() -> onnx.ModelProto:
    """A Conv, and an If whose branches read the Conv's output and an initializer from outside."""
    b = Builder(5)
    b.node("Relu", [b.conv("conv", "input", 3, 16)], "relu")
    b.constant("half", 0.5)
    b.constant("zero", 0.0)
    b.node("Greater", [b.node("ReduceSum", ["relu"], "total", keepdims=0), "zero"], "is_positive")
    value = helper.make_tensor_value_info
    then = helper.make_graph([helper.make_node("Mul", ["relu", "half"], ["m"])], "then", [], [value("m", 1, None)])
    other = helper.make_graph([helper.make_node("Add", ["relu", "half"], ["a"])], "else", [], [value("a", 1, None)])
    b.node("If", ["is_positive"], "chosen", then_branch=then, else_branch=other)
    b.node("Relu", [b.conv("last", "chosen", 16, 16)], "logits")
    return b.model({"input": ["N", 3, 8, 8]}, {"logits": ["N", 16, 8, 8]})


def test_what_a_branch_reads_from_outside_reaches_its_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ELEMENTS", 1)
    model, names = branching_net(), ["relu", "chosen", "logits"]
    feeds = random_feeds(model, 1, 0)
    with PieceSession(model, names) as session:
        found = piecewise_values(session, feeds)
    for name, values in plain_values(model, names, feeds).items():
        np.testing.assert_array_equal(np.sort(found[name], axis=None), np.sort(values, axis=None), name)


def test_inputs_are_handed_out_without_a_run_and_unknown_tensors_are_an_error() -> None:
    model = conv_relu_net()
    feeds = random_feeds(model, 1, 0)
    with PieceSession(model, ["input"]) as session:
        assert piecewise_values(session, feeds)["input"].tobytes() == feeds["input"].tobytes()
    with pytest.raises(ModelError, match="no tensor 'nowhere'"):
        PieceSession(model, ["nowhere"])


def test_a_model_without_convs_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder(0)
    x = b.node("Tanh", [b.linear("hidden", "input", 32, 64)], "tanh")
    b.linear("logits", x, 64, 10)
    model = b.model({"input": ["N", 32]}, {"logits": ["N", 10]})
    names = ["hidden", "tanh"]
    feeds = random_feeds(model, 1, 0)
    monkeypatch.setattr(pieces, "PIECE_ELEMENTS", 1)
    model, _ = canonical_graph(model)
    with PieceSession(model, names) as session:
        assert [piece.outputs for piece, _ in session._sessions] == [("hidden",), ("tanh",)]
        found = piecewise_values(session, feeds)
    for name, values in plain_values(model, names, feeds).items():
        np.testing.assert_array_equal(found[name], values)


def test_weights_lie_beside_the_graph(tmp_path: Path) -> None:
    model = resnet_like()
    save_apart(model, ["logits"], tmp_path / "model.onnx")
    light = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    large = [tensor.name for tensor in light.graph.initializer if tensor.external_data]
    assert {"block0_conv1_w", "block1_conv2_w"} <= set(large)
    whole = onnx.load(tmp_path / "model.onnx")
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in whole.graph.initializer}
    for tensor in model.graph.initializer:
        np.testing.assert_array_equal(values[tensor.name], onnx.numpy_helper.to_array(tensor))


def test_files_are_gone_after_closing_and_after_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with PieceSession(conv_relu_net(), ["relu1"]) as session:
        assert os.listdir(tmp_path)
    assert not os.listdir(tmp_path)
    with pytest.raises(ContractError, match="after close"):
        session.run(random_feeds(conv_relu_net(), 1, 0), lambda *_: None)
    broken = conv_relu_net()
    broken.graph.node[0].op_type = "NoSuchOp"
    with pytest.raises(ModelError, match="refused"):
        PieceSession(broken, ["relu1"])
    assert not os.listdir(tmp_path)


def test_stopping_ends_a_run_of_another_thread_between_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ELEMENTS", 1)
    model, _ = canonical_graph(resnet_like())
    names = float_tensors(model)
    reached, go_on, seen = threading.Event(), threading.Event(), list[str]()

    def take(name: str, values: np.ndarray) -> None:
        seen.append(name)
        reached.set()
        go_on.wait()

    with PieceSession(model, names) as session:
        problem: list[BaseException] = []
        thread = threading.Thread(target=_run, args=(lambda: session.run(random_feeds(model, 1, 0), take), problem))
        thread.start()
        reached.wait()
        session.stop()
        go_on.set()
        thread.join(5)
        assert not thread.is_alive()
    assert isinstance(problem[0], ModelError)
    assert len(seen) < len(names)


def _run(work: Callable[[], None], problem: list[BaseException]) -> None:
    try:
        work()
    except ModelError as error:
        problem.append(error)
