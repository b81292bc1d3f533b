"""What a native tool-chain wrote: the canonical graph is seen in it, it is placed and run as any other artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import conv_relu_net, random_feeds
from helpers.plans import run_graph
from workbench_plugins.openvino.as_written import IR_MODEL, is_as_written, model_file, read_as_written, take
from workbench_plugins.openvino.elsewhere import load_openvino
from workbench_plugins.openvino.runtime import OpenVinoRuntime

from workbench.model.canonical import canonical_graph
from workbench.spi import OpenOptions, Prepared


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Prepared, onnx.ModelProto]:
    """The small network as an IR with one FakeQuantize on the input of its first convolution."""
    openvino = load_openvino()
    ops = openvino.opset13
    canonical, _ = canonical_graph(conv_relu_net())
    onnx.save(canonical, tmp_path / "net.onnx")
    network = openvino.Core().read_model(str(tmp_path / "net.onnx"))
    first = next(op for op in network.get_ordered_ops() if op.get_type_name() == "Convolution")
    low, high = np.float32(-4), np.float32(4)
    first.input(0).replace_source_output(ops.fake_quantize(first.input_value(0), low, high, low, high, 256).output(0))
    source = tmp_path / "made"
    source.mkdir()
    openvino.save_model(network, str(source / IR_MODEL), compress_to_fp16=False)
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    context = PlainContext(work_dir, "int8", canonical)
    return OpenVinoRuntime().prepare(source, None, context), canonical


def test_the_canonical_graph_is_seen_in_it(prepared: tuple[Prepared, onnx.ModelProto]) -> None:
    made, canonical = prepared
    assert is_as_written(made.artifact)
    graph = read_as_written(made.artifact)
    assert [node.name for node in graph.nodes] == [node.name for node in canonical.graph.node]
    assert graph.outputs == tuple(item.name for item in canonical.graph.output)
    assert [node.op_type for node in graph.nodes if node.quantized] == ["Conv"]
    assert model_file(made.artifact) == made.artifact / IR_MODEL
    assert model_file(made.artifact / IR_MODEL) == made.artifact / IR_MODEL


def test_it_runs_and_every_node_has_a_place(prepared: tuple[Prepared, onnx.ModelProto], tmp_path: Path) -> None:
    made, canonical = prepared
    feeds: dict[str, Any] = {name: value[:1] for name, value in random_feeds(canonical, 1, seed=3).items()}
    options = OpenOptions("int8", threads=1, batch=1, work_dir=tmp_path)
    with OpenVinoRuntime().open(made, options) as session:
        found = session.run(feeds)
        names = [row.node for row in session.placement() if row.node]
    assert sorted(names) == sorted(node.name for node in canonical.graph.node)
    for name, value in run_graph(canonical, feeds).items():
        error = float(np.sum((found[name] - value) ** 2) / np.sum(value**2))
        assert 0 < error < 1e-2, "the input is quantized, and nothing else"


def test_a_graph_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "ir").mkdir()
    assert not is_as_written(tmp_path / "ir")
    with pytest.raises(OSError, match="canonical_graph"):
        read_as_written(tmp_path / "ir")


def test_a_node_that_an_onnx_file_leaves_out_keeps_its_place(tmp_path: Path) -> None:
    canonical, _ = canonical_graph(conv_relu_net())
    without = onnx.ModelProto()
    without.CopyFrom(canonical)
    relu = next(node for node in without.graph.node if node.op_type == "Relu")
    for node in without.graph.node:
        for place, name in enumerate(node.input):
            if name == relu.output[0]:
                node.input[place] = relu.input[0]
    without.graph.node.remove(relu)
    onnx.save(without, tmp_path / "net.onnx")
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    artifact = take(tmp_path / "net.onnx", PlainContext(work_dir, "int8", canonical))
    assert relu.name in [node.name for node in read_as_written(artifact).nodes]
    with OpenVinoRuntime().open(Prepared(artifact), OpenOptions("int8", 1, 1, tmp_path)) as session:
        placed = {row.node: row for row in session.placement() if row.node}
    assert set(placed) == {node.name for node in canonical.graph.node}
    assert placed[relu.name].op_type == "removed"
