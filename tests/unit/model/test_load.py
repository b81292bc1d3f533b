"""Tests of workbench/model/load.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from helpers.onnx_models import conv_relu_net, depthwise_net, encoder_like, lstm_net, multi_io_net, random_feeds
from onnx import TensorProto, helper, numpy_helper

from workbench.errors import ModelError, OutputError
from workbench.model import load
from workbench.model.graph import TensorSpec
from workbench.model.load import load_model, save_proto

REAL_MODELS = (
    "kws_dscnn",
    "mobilenet_v1_0.25_224",
    "model_1",
    "resnet8",
    "squeezenet1.1",
    "version-RFB-320",
)


def write(tmp_path: Path, proto: onnx.ModelProto, name: str = "model.onnx") -> Path:
    path = tmp_path / name
    path.write_bytes(proto.SerializeToString())
    return path


def run(model: bytes | Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"]).run(None, feeds)


def relu_model(*nodes: onnx.NodeProto, opset: int = 13, **extra: object) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **extra)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL_MODELS)
def test_real_models_give_the_same_outputs_after_loading(shared_data: Path, name: str) -> None:
    path = shared_data / "models" / f"{name}.onnx"
    model = load_model(path)
    feeds = random_feeds(model.proto, n=2)
    for before, after in zip(run(path, feeds), run(model.proto.SerializeToString(), feeds), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * np.abs(before).max())
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    names = [node.name for node in model.proto.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.data
def test_initializers_listed_as_inputs_are_no_inputs(shared_data: Path) -> None:
    model = load_model(shared_data / "models" / "version-RFB-320.onnx")
    assert [spec.name for spec in model.inputs] == ["input"]
    assert model.fixed_batch == 1
    assert model.notes == ("Opset 9 was raised to 13.",)


@pytest.mark.data
def test_a_raised_softmax_over_the_last_axis_keeps_its_own_input(shared_data: Path) -> None:
    graph = load_model(shared_data / "models" / "version-RFB-320.onnx").proto.graph
    softmax = next(node for node in graph.node if node.op_type == "Softmax")
    assert list(softmax.output) == ["scores"]
    assert softmax.input[0] == "459"


def test_signature_has_symbolic_batch_and_all_inputs_and_outputs(tmp_path: Path) -> None:
    model = load_model(write(tmp_path, multi_io_net()))
    assert model.inputs == (
        TensorSpec("image", "float32", ("N", 3, 8, 8)),
        TensorSpec("features", "float32", ("N", 6)),
    )
    assert [spec.name for spec in model.outputs] == ["classes", "embedding"]
    assert model.fixed_batch is None
    assert (model.name, model.format) == ("model", "ONNX")


def test_fixed_batch(tmp_path: Path) -> None:
    assert load_model(write(tmp_path, conv_relu_net(batch=4))).fixed_batch == 4


def test_minus_one_is_a_symbolic_axis(tmp_path: Path) -> None:
    proto = relu_model()
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = -1
    assert load_model(write(tmp_path, proto)).fixed_batch is None


def test_question_marks_stand_for_several_sizes(tmp_path: Path) -> None:
    proto = conv_relu_net()
    for dim in proto.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_param = "?"
    assert load_model(write(tmp_path, proto)).inputs[0].shape == ("N", 3, "input_axis2", "input_axis3")


def test_a_formula_is_no_name_of_an_axis(tmp_path: Path) -> None:
    proto, formula = relu_model(), "floor(width/2 + 1)*" * 20
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = formula
    model = load_model(write(tmp_path, proto))
    assert (model.inputs[0].shape, model.outputs[0].shape) == (("x_axis0", 4), ("x_axis0", 4))


def test_classical_models_need_no_opset_of_the_default_domain_and_maps_are_no_tensors(tmp_path: Path) -> None:
    scaler = helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[2.0])
    proto = relu_model(scaler)
    del proto.opset_import[:]
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    assert load_model(write(tmp_path, proto)).outputs[0].shape == ("N", 4)
    proto.graph.node[0].output[0] = "s"
    proto.graph.node.append(helper.make_node("ZipMap", ["s"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]))
    element = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    proto.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(element))
    with pytest.raises(ModelError, match=r"'y' is a sequence or a map, not a tensor.*zipmap"):
        load_model(write(tmp_path, proto))


def test_empty_and_repeated_node_names_are_filled_the_same_way_each_time(tmp_path: Path) -> None:
    proto = conv_relu_net()
    proto.graph.node[0].name = ""
    proto.graph.node[1].name = proto.graph.node[2].name = "same"
    path = write(tmp_path, proto)
    names = [node.name for node in load_model(path).proto.graph.node]
    assert names[:3] == ["Conv_0", "same", "same_2"]
    assert load_model(path).proto.SerializeToString(deterministic=True) == load_model(path).proto.SerializeToString(
        deterministic=True
    )


def test_unused_and_equal_initializers_are_dropped(tmp_path: Path) -> None:
    proto = conv_relu_net()
    extra = numpy_helper.from_array(np.ones(3, np.float32), "unused")
    proto.graph.initializer.extend([extra, proto.graph.initializer[0]])
    initializers = [tensor.name for tensor in load_model(write(tmp_path, proto)).proto.graph.initializer]
    assert "unused" not in initializers
    assert len(initializers) == len(set(initializers))


def test_two_different_initializers_of_one_name_are_refused(tmp_path: Path) -> None:
    proto = conv_relu_net()
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "conv1_w"))
    with pytest.raises(ModelError, match="two different initializers named 'conv1_w'"):
        load_model(write(tmp_path, proto))


def test_functions_are_inlined(tmp_path: Path) -> None:
    body = helper.make_function(
        "own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 13)]
    )
    proto = relu_model(helper.make_node("Twice", ["x"], ["y"], domain="own"), functions=[body])
    proto.opset_import.append(helper.make_opsetid("own", 1))
    model = load_model(write(tmp_path, proto))
    assert [node.op_type for node in model.proto.graph.node] == ["Add"]
    assert not model.proto.functions
    assert model.notes == ("1 local functions were inlined.",)


def test_a_foreign_domain_is_refused_by_name(tmp_path: Path) -> None:
    proto = relu_model(helper.make_node("FusedConv", ["x"], ["y"], domain="com.microsoft"))
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(ModelError, match=r"FusedConv of domain 'com.microsoft'.*as it was before"):
        load_model(write(tmp_path, proto))


def test_an_unknown_op_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Foo"):
        load_model(write(tmp_path, relu_model(helper.make_node("Foo", ["x"], ["y"]))))


def test_quantized_and_float16_models_load_with_a_note(tmp_path: Path) -> None:
    scale, zero = np.float32(0.1), np.int8(0)
    proto = relu_model(
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    )
    proto.graph.initializer.extend([numpy_helper.from_array(scale, "s"), numpy_helper.from_array(zero, "z")])
    assert "already quantized" in load_model(write(tmp_path, proto)).notes[0]
    half = relu_model(helper.make_node("Cast", ["w"], ["v"], to=1), helper.make_node("Add", ["x", "v"], ["y"]))
    half.graph.initializer.append(numpy_helper.from_array(np.ones(4, np.float16), "w"))
    assert "float16" in load_model(write(tmp_path, half)).notes[0]


def test_integer_inputs_are_allowed(tmp_path: Path) -> None:
    proto = relu_model(helper.make_node("Gather", ["table", "x"], ["y"]))
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 2]))
    proto.graph.initializer.append(numpy_helper.from_array(np.ones((5, 2), np.float32), "table"))
    assert load_model(write(tmp_path, proto)).inputs[0].dtype == "int64"


@pytest.mark.parametrize("length", [0, 1, 40, 500, -200, -1])
def test_a_cut_off_file_is_one_clear_line(tmp_path: Path, length: int) -> None:
    data = encoder_like().SerializeToString()
    path = tmp_path / "cut.onnx"
    path.write_bytes(data[:length])
    with pytest.raises(ModelError, match=r"cut\.onnx is (not|an empty file)") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_one_clear_line(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "noise.onnx"
    path.write_bytes(np.random.default_rng(seed).bytes(50 * seed + 1))
    with pytest.raises(ModelError, match=r"noise\.onnx") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_flipped_bytes_never_raise_anything_but_model_error(tmp_path: Path) -> None:
    rng, data = np.random.default_rng(0), lstm_net().SerializeToString()
    refused = 0
    for _ in range(200):
        damaged = bytearray(data)
        damaged[rng.integers(0, 300)] = rng.integers(0, 256)
        path = tmp_path / "flip.onnx"
        path.write_bytes(bytes(damaged))
        try:
            load_model(path)
        except ModelError:
            refused += 1
    assert refused > 20


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.onnx", tmp_path):
        with pytest.raises(ModelError, match=r"cannot be read|is a folder"):
            load_model(path)


def test_a_newer_opset_or_ir_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="newer than this program reads"):
        load_model(write(tmp_path, relu_model(opset=99)))
    proto = relu_model()
    proto.ir_version = 99
    with pytest.raises(ModelError, match="IR 99"):
        load_model(write(tmp_path, proto))


def test_old_ir_versions_are_raised(tmp_path: Path) -> None:
    proto = relu_model()
    proto.ir_version = 3
    assert load_model(write(tmp_path, proto)).proto.ir_version == 8


def test_a_graph_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    proto = conv_relu_net()
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 11
    with pytest.raises(ModelError, match="not a valid ONNX model"):
        load_model(write(tmp_path, proto))


def test_a_model_without_inputs_is_refused(tmp_path: Path) -> None:
    proto = relu_model(helper.make_node("Constant", [], ["y"], value_floats=[1.0]))
    del proto.graph.input[:]
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    with pytest.raises(ModelError, match="no inputs"):
        load_model(write(tmp_path, proto))


def test_saving_twice_gives_equal_bytes(tmp_path: Path) -> None:
    save_proto(depthwise_net(), tmp_path / "a.onnx")
    save_proto(depthwise_net(), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]


def test_large_models_are_saved_with_external_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_INLINE_BYTES", 2000)
    proto = conv_relu_net()
    save_proto(proto, tmp_path / "big.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.onnx", "big.onnx.data"]
    monkeypatch.undo()
    stored = onnx.load_model(tmp_path / "big.onnx", load_external_data=False).graph.initializer
    offsets = [int(entry.value) for tensor in stored for entry in tensor.external_data if entry.key == "offset"]
    assert offsets
    assert all(offset % 64 == 0 for offset in offsets)
    loaded = load_model(tmp_path / "big.onnx")
    feeds = random_feeds(proto, n=2)
    np.testing.assert_array_equal(run(loaded.proto.SerializeToString(), feeds)[0], run(tmp_path / "big.onnx", feeds)[0])
    np.testing.assert_array_equal(run(proto.SerializeToString(), feeds)[0], run(tmp_path / "big.onnx", feeds)[0])


def test_the_fingerprint_covers_external_data_but_not_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_INLINE_BYTES", 2000)
    save_proto(conv_relu_net(), tmp_path / "big.onnx")
    monkeypatch.undo()
    before = load_model(tmp_path / "big.onnx").sha256
    (tmp_path / "big.onnx").rename(tmp_path / "other.onnx")
    assert load_model(tmp_path / "other.onnx").sha256 == before
    data = bytearray((tmp_path / "big.onnx.data").read_bytes())
    data[100] ^= 1
    (tmp_path / "big.onnx.data").write_bytes(data)
    assert load_model(tmp_path / "other.onnx").sha256 != before


def test_an_unwritable_place_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_proto(conv_relu_net(), tmp_path / "file" / "model.onnx")
    monkeypatch.setattr(load, "MAX_INLINE_BYTES", 2000)
    with pytest.raises(OutputError):
        save_proto(conv_relu_net(), tmp_path / "file" / "model.onnx")
