"""The light model topologies of the `onnx` package's own test data, with seeded weights in place of its constants.

There every weight is one value repeated (a ConstantOfShape of 0.02), which no scheme can be judged on. Here weights
are normal with variance 2 / fan_in, and each BatchNormalization holds the mean and variance of what flows into it,
so that activations keep their size from the first layer to the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from helpers.plans import run_graph
from onnx import numpy_helper
from onnx.backend import test as backend_test

Floats = npt.NDArray[np.float32]

FOLDER = Path(backend_test.__file__).parent / "data" / "light"
LIGHT_MODELS: Mapping[str, str] = {
    "AlexNet": "bvlc_alexnet",
    "DenseNet-121": "densenet121",
    "Inception v1": "inception_v1",
    "Inception v2": "inception_v2",
    "ResNet-50": "resnet50",
    "ShuffleNet": "shufflenet",
    "SqueezeNet": "squeezenet",
    "VGG-19": "vgg19",
    "ZFNet-512": "zfnet512",
}
"""Name -> file name without `light_` and suffix."""
SIDE, STATISTICS_IMAGES = 224, 4


def light_model(name: str, seed: int = 0) -> onnx.ModelProto:
    """Return a topology as an ordinary model: its input is float32 [1,3,224,224], its weights are initializers."""
    model = onnx.load(FOLDER / f"light_{LIGHT_MODELS[name]}.onnx")
    _seed_weights(model.graph, np.random.default_rng(seed))
    model.ir_version = 8
    _set_statistics(model, images(STATISTICS_IMAGES, seed + 1))
    onnx.checker.check_model(model)
    return model


def images(n: int, seed: int) -> Floats:
    """Return `n` coarse random pictures with grain, float32 [n,3,224,224], zero mean."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((n, 3, SIDE // 16, SIDE // 16)).repeat(16, axis=2).repeat(16, axis=3)
    return (coarse + 0.5 * rng.standard_normal((n, 3, SIDE, SIDE))).astype(np.float32)


def input_name(model: onnx.ModelProto) -> str:
    """Return the name of the model's only input."""
    (value,) = model.graph.input
    return str(value.name)


def _seed_weights(graph: onnx.GraphProto, rng: np.random.Generator) -> None:
    """Put seeded initializers in place of ConstantOfShape nodes and of float initializers; inputs are left alone."""
    constants = {item.name: item for item in graph.initializer}
    shapes = {name: list(item.dims) for name, item in constants.items() if item.data_type == onnx.TensorProto.FLOAT}
    made = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    shapes |= {node.output[0]: numpy_helper.to_array(constants[node.input[0]]).tolist() for node in made}
    nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    read = {name for node in nodes for name in node.input}
    kept = [item for item in graph.initializer if item.name in read and item.name not in shapes]
    seeded = [
        numpy_helper.from_array(_weight(name, shapes[name], graph, rng), name) for name in sorted(read & set(shapes))
    ]
    inputs = [value for value in graph.input if value.name not in {*constants, *shapes}]
    for field, values in ((graph.initializer, [*kept, *seeded]), (graph.node, nodes), (graph.input, inputs)):
        del field[:]
        field.extend(values)


def _weight(name: str, shape: list[int], graph: onnx.GraphProto, rng: np.random.Generator) -> Floats:
    """Return a weight for the way it is read: matrices and filters, factors and variances around 1, offsets near 0."""
    channels = next((size for size in shape if size > 1), 1)
    if int(np.prod(shape)) > channels:
        fan_in = int(np.prod(shape)) // channels
        return (rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2.0 / fan_in))).reshape(shape)
    op_type, index = _reader(name, graph)
    is_factor = op_type == "Mul" or (op_type == "BatchNormalization" and index in (1, 4))
    values = rng.uniform(0.6, 1.4, shape) if is_factor else rng.standard_normal(shape) * 0.1
    return values.astype(np.float32)


def _reader(name: str, graph: onnx.GraphProto) -> tuple[str, int]:
    """Return op type and input index of the first node that reads a constant, looking through Unsqueeze."""
    node = next((node for node in graph.node if name in node.input), None)
    if node is None:
        return "", 0
    is_unsqueeze = node.op_type == "Unsqueeze"
    return _reader(node.output[0], graph) if is_unsqueeze else (node.op_type, list(node.input).index(name))


def _set_statistics(model: onnx.ModelProto, pictures: Floats) -> None:
    """Give each BatchNormalization the mean and variance of its input.

    They come from runs in which an InstanceNormalization, which computes them on the spot, stands in its place.
    """
    norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    if not norms:
        return
    sums: dict[str, list[Any]] = {}
    probe = _with_instance_norms(model)
    for picture in pictures:
        for name, value in run_graph(probe, {input_name(model): picture[None]}).items():
            sums.setdefault(name, []).append((value.mean((0, 2, 3)), value.var((0, 2, 3))))
    constants = {item.name: item for item in model.graph.initializer}
    for node in norms:
        mean, variance = np.mean(sums[node.input[0]], axis=0)
        constants[node.input[3]].CopyFrom(numpy_helper.from_array(mean, node.input[3]))
        constants[node.input[4]].CopyFrom(numpy_helper.from_array(variance + np.float32(1e-3), node.input[4]))


def _with_instance_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy with instance norms, whose outputs are their inputs."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    for node in probe.graph.node:
        if node.op_type == "BatchNormalization":
            node.op_type = "InstanceNormalization"
            del node.input[3:], node.output[1:], node.attribute[:]
            probe.graph.output.append(onnx.helper.make_empty_tensor_value_info(node.input[0]))
    return probe
