"""The reference session: values, levels of optimization, and errors in one line."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds
from onnx import TensorProto, helper

from workbench.errors import ContractError, ModelError
from workbench.reference import ReferenceSession, write_optimized


def doubling() -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 2])
    nodes = [helper.make_node("Add", ["x", "x"], ["y"], name="a"), helper.make_node("Add", ["y", "x"], ["z"], name="b")]
    graph = helper.make_graph(nodes, "g", [x], [y, z])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def test_runs_bytes_and_gives_the_asked_outputs_in_the_asked_order() -> None:
    with ReferenceSession(doubling().SerializeToString()) as session:
        got = session.run({"x": np.ones((3, 2), np.float32)}, ["z", "y"])
    assert list(got) == ["z", "y"]
    np.testing.assert_array_equal(got["z"], np.full((3, 2), 3.0))
    np.testing.assert_array_equal(got["y"], np.full((3, 2), 2.0))


def test_runs_a_file_and_gives_all_outputs(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(doubling(), path)
    with ReferenceSession(path, optimized=False) as session:
        assert session.input_names == ("x",)
        assert list(session.run({"x": np.ones((1, 2), np.float32)})) == ["y", "z"]


@pytest.mark.parametrize("optimized", [True, False])
def test_weights_given_beside_the_model_are_its_own(optimized: bool) -> None:
    weight = np.random.default_rng(0).normal(size=(300,)).astype(np.float32)
    declared = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=weight.shape, data_location=TensorProto.EXTERNAL)
    declared.external_data.add(key="location", value="w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [300])
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "g", [x], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [300])], [declared]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()
    ones = np.ones(300, np.float32)
    with ReferenceSession(model, optimized=optimized, weights={"w": weight}) as session:
        np.testing.assert_array_equal(session.run({"x": ones})["y"], weight)
    with pytest.raises(ModelError):
        ReferenceSession(model, optimized=optimized)


def test_no_outputs_asked_gives_none() -> None:
    with ReferenceSession(doubling().SerializeToString()) as session:
        assert session.run({"x": np.ones((1, 2), np.float32)}, []) == {}


def test_arrays_are_the_callers_own() -> None:
    with ReferenceSession(doubling().SerializeToString()) as session:
        first = session.run({"x": np.ones((1, 2), np.float32)})["y"]
        kept = first.copy()
        session.run({"x": np.full((1, 2), 9, np.float32)})
    np.testing.assert_array_equal(first, kept)


def test_unoptimized_runs_every_node_as_written() -> None:
    model = conv_relu_net()
    feeds = random_feeds(model, 2)
    with (
        ReferenceSession(model.SerializeToString()) as fast,
        ReferenceSession(model.SerializeToString(), optimized=False) as plain,
    ):
        for name, value in fast.run(feeds).items():
            np.testing.assert_allclose(plain.run(feeds)[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data", [b"", b"not a model", doubling().SerializeToString()[:-40]])
def test_a_damaged_model_is_one_clear_line(data: bytes) -> None:
    with pytest.raises(ModelError, match="refused by ONNX Runtime") as caught:
        ReferenceSession(data)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        ReferenceSession(tmp_path / "gone.onnx")


@pytest.mark.parametrize(
    "feeds",
    [{}, {"wrong": np.ones((1, 2), np.float32)}, {"x": np.ones((1, 3), np.float32)}, {"x": np.ones((1, 2))}],
)
def test_feeds_that_do_not_fit_are_a_model_error(feeds: dict[str, np.ndarray]) -> None:
    with ReferenceSession(doubling().SerializeToString()) as session, pytest.raises(ModelError, match="cannot be run"):
        session.run(feeds)


def test_running_after_close_is_a_bug() -> None:
    session = ReferenceSession(doubling().SerializeToString())
    session.close()
    session.close()
    with pytest.raises(ContractError):
        session.run({"x": np.ones((1, 2), np.float32)})


def test_a_stopped_session_refuses_further_runs() -> None:
    with ReferenceSession(doubling().SerializeToString()) as session:
        session.stop()
        with pytest.raises(ModelError, match="cannot be run"):
            session.run({"x": np.ones((1, 2), np.float32)})


def test_the_optimized_graph_of_a_model_gives_its_answers_and_large_weights_lie_beside_it(tmp_path: Path) -> None:
    model = conv_relu_net()
    onnx.save(model, tmp_path / "model.onnx")
    write_optimized(tmp_path / "model.onnx", tmp_path / "optimized.onnx")
    assert (tmp_path / "optimized.onnx.weights").stat().st_size > 1000
    written = onnx.load(tmp_path / "optimized.onnx", load_external_data=False)
    assert "Relu" not in {node.op_type for node in written.graph.node}
    feeds = random_feeds(model, 1, 0)
    with (
        ReferenceSession(tmp_path / "model.onnx") as plain,
        ReferenceSession(tmp_path / "optimized.onnx", optimized=False, shares_memory=True) as again,
    ):
        np.testing.assert_array_equal(plain.run(feeds)["logits"], again.run(feeds)["logits"])


def test_sessions_that_share_memory_do_not_share_values() -> None:
    data = doubling().SerializeToString()
    with ReferenceSession(data, shares_memory=True) as one, ReferenceSession(data, shares_memory=True) as other:
        first = one.run({"x": np.ones((1, 2), np.float32)})["y"]
        second = other.run({"x": np.full((1, 2), 3, np.float32)})["y"]
        assert first.tolist() == [[2, 2]]
        assert second.tolist() == [[6, 6]]


_KEEPS_BLOCKS = """
import sys
from psutil import Process
from workbench.reference import give_large_blocks_back
if sys.argv[1] == "back":
    give_large_blocks_back()
largest = bytearray(30 << 20)
del largest
before = Process().memory_info().rss
blocks = [bytearray(b"x") * (1 << 20) for _ in range(60)]
above = bytearray(b"x") * 200_000
del blocks
print((Process().memory_info().rss - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
def test_large_blocks_go_back_when_they_are_freed() -> None:
    def kept_mib(what: str) -> int:
        ran = subprocess.run([sys.executable, "-c", _KEEPS_BLOCKS, what], capture_output=True, text=True, check=True)
        return int(ran.stdout)

    assert kept_mib("back") <= 5
    assert kept_mib("kept") >= 50
