"""Reading a Q/DQ file back: what was written is found, damage gives one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import concat_net, random_feeds, resnet_like
from helpers.plans import make_plan
from onnx import numpy_helper

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.quant.dialect import Dialect
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import TensorParameters
from workbench.quant.qdq import write_qdq
from workbench.quant.qdq_reader import read_qdq
from workbench.quant.scheme import Scheme


def written(net=resnet_like, scheme="S1", dialect=Dialect("uint8", "integer_clip")):  # noqa: B008
    model, _ = canonical_graph(net())
    plan = make_plan(model, random_feeds(model, 2), Scheme(name=scheme))
    return plan, write_qdq(model, plan, dialect)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


@pytest.mark.parametrize("scheme", ["S1", "S2"])
@pytest.mark.parametrize("bias", ["float32", "int32"])
@pytest.mark.parametrize("net", [resnet_like, concat_net])
def test_finds_every_parameter_in_the_files_own_dtype(tmp_path, net, bias, scheme):
    plan, model = written(net, scheme, Dialect("uint8", "integer_clip", bias))
    found = read_qdq(saved(model, tmp_path))
    assert set(found.tensors) == set(plan.tensors)
    assert set(found.weights) == set(plan.weights)
    assert set(found.biases) == set(plan.biases)
    assert {tensor.dtype for tensor in found.tensors.values()} == {"uint8"}
    for name, weight in plan.weights.items():
        assert np.array_equal(found.weights[name].codes, weight.codes)
        assert np.array_equal(found.weights[name].scale, weight.scale)
        assert found.weights[name].axis == weight.axis
    for name, values in plan.biases.items():
        assert np.array_equal(found.biases[name], values)


def test_a_quantizer_that_disagrees_with_its_dequantizer_is_listed(tmp_path):
    plan, model = written()
    name = next(name for name in plan.tensors if name != "x")
    node = next(node for node in model.graph.node if node.name == f"{name}__dequantize")
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(9.0, np.float32), "other"))
    node.input[1] = "other"
    found = read_qdq(saved(model, tmp_path))
    assert TensorParameters(9.0, 128, "uint8", None, (0, 255)) in found.tensors.values()
    assert set(found.tensors) != set(plan.tensors)


@pytest.mark.parametrize("function", ["integer_clip", "leaky_relu", "fused"])
def test_a_dequantizer_with_the_parameters_of_another_tensor_is_listed(tmp_path, function):
    plan, model = written(dialect=Dialect("uint8", function))
    name, other = list(plan.tensors)[1:3]
    assert plan.tensors[name] != plan.tensors[other]
    node = next(node for node in model.graph.node if node.name == f"{name}__dequantize")
    node.input[1] = f"{other}__scale"
    found = read_qdq(saved(model, tmp_path))
    assert set(found.tensors) - set(plan.tensors) == {f"{name} at {name}__dequantize"}


def test_two_pairs_of_one_tensor_that_differ_are_listed(tmp_path):
    plan, model = written(dialect=Dialect("uint8", "leaky_relu"))
    after = next(name for name in plan.tensors if any(node.output[0] == name for node in leaky_relus(model)))
    (relu,) = [node for node in leaky_relus(model) if node.output[0] == after]
    before = relu.input[0].removesuffix("__dequantized")
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(100, np.uint8), "other"))
    for node in model.graph.node:
        if node.name in (f"{before}__quantize", f"{before}__dequantize"):
            node.input[2] = "other"
    extra = set(read_qdq(saved(model, tmp_path)).tensors) - set(plan.tensors)
    assert extra
    assert all(name.startswith(f"{after} at ") for name in extra)


def leaky_relus(model):
    return [node for node in model.graph.node if node.op_type == "LeakyRelu"]


def test_an_axis_that_is_not_written_is_one(tmp_path):
    plan, model = written()
    name = next(name for name, weight in plan.weights.items() if weight.axis == 0)
    node = next(node for node in model.graph.node if node.name == f"{name}__dequantize")
    del node.attribute[:]
    assert read_qdq(saved(model, tmp_path)).weights[name].axis == 1


def test_garbage_truncated_missing_and_empty_files_are_model_errors(tmp_path):
    data = saved(written()[1], tmp_path).read_bytes()
    contents = {
        "garbage": np.random.default_rng(0).bytes(4000),
        "half": data[: len(data) // 2],
        "most": data[:-7],
        "empty": b"",
        "text": b"not a model\n",
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=f"{name}.onnx"):
            read_qdq(path)
    with pytest.raises(ModelError, match=r"absent\.onnx"):
        read_qdq(tmp_path / "absent.onnx")


def test_every_truncation_is_a_model_error_or_nothing_worse(tmp_path):
    data = saved(written()[1], tmp_path).read_bytes()
    path = tmp_path / "cut.onnx"
    for end in range(1, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:end])
        with pytest.raises(ModelError):
            read_qdq(path)


def test_random_bytes_anywhere_are_a_model_error_or_readable(tmp_path):
    data = saved(written(dialect=Dialect("uint8", "integer_clip", "int32"))[1], tmp_path).read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "changed.onnx"
    refused = 0
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(3):
            changed[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read_qdq(path)
        except ModelError:
            refused += 1
    assert refused > 0


def test_a_computed_scale_is_refused(tmp_path):
    plan, model = written()
    kept = [item for item in model.graph.initializer if item.name != "input__scale"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    assert "input" in plan.tensors
    with pytest.raises(ModelError, match="input__scale is not a constant"):
        read_qdq(saved(model, tmp_path))


def test_weights_are_read_through_external_data(tmp_path):
    plan, model = written()
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.data", size_threshold=0)
    found = read_qdq(path)
    assert set(found.weights) == set(plan.weights)
    (tmp_path / "model.data").unlink()
    with pytest.raises(ModelError):
        read_qdq(path)


def test_a_float_model_has_no_parameters(tmp_path):
    found = read_qdq(saved(canonical_graph(resnet_like())[0], tmp_path))
    assert not found.tensors
    assert not found.weights
    assert not found.biases


def test_the_bias_of_a_float_layer_that_reads_codes_is_not_one_of_the_plans(tmp_path):
    canonical, plan = rule_nets.planned(rule_nets.shared_weight(), Scheme(exclude_nodes=("y_node",)))
    model = write_qdq(canonical, plan, Dialect())
    (layer,) = [node for node in model.graph.node if node.name == "y_node"]
    dequantized = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    assert [name in dequantized for name in layer.input] == [True, False, False]
    found = read_qdq(saved(model, tmp_path))
    assert set(found.biases) == set(plan.biases)
    assert compare_with_plan(plan, found)[1] == []


def test_parameters_without_our_suffix_are_named_after_what_they_quantize(tmp_path):
    plan, model = written(dialect=Dialect())
    name = list(plan.tensors)[1]
    for old in (f"{name}__scale", f"{name}__zero_point"):
        for item in model.graph.initializer:
            if item.name == old:
                item.name = f"odd_{old.removeprefix(name)}x"
        for node in model.graph.node:
            node.input[:] = [f"odd_{old.removeprefix(name)}x" if each == old else each for each in node.input]
    assert read_qdq(saved(model, tmp_path)).tensors[name] == plan.tensors[name]
