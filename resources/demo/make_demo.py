"""Make the sample study: a small network trained on handwritten digits, its images, and digits.onnx.

Run it in the folder of the project, with scikit-learn and torch installed:

    python resources/demo/make_demo.py

Everything is seeded and runs on one thread; the same versions on the same CPU give the same bytes. The program never
imports this file. Sizes and epochs are the constants below.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from workbench.model.preprocess import Preprocess, preprocess_image

FOLDER = Path(__file__).resolve().parent
SEED = 2024
CALIBRATION_COUNT, EVALUATION_COUNT = 120, 1000
SIDE = 48
STEM_CHANNELS = 32
BLOCKS = (  # kind, output channels, stride
    ("full", 48, 2),
    ("full", 48, 1),
    ("depthwise", 64, 2),
    ("depthwise", 64, 1),
    ("depthwise", 64, 1),
)
EXPANSION = 3
EPOCHS, BATCH, LEARNING_RATE = 5, 32, 4e-3
GAIN_SPREAD = 1.8  # standard deviation of ln(gain) at the start: channels of unlike ranges
PREPROCESS = Preprocess(resize=(SIDE, SIDE), color="GRAY", mean=(127.5,), std=(127.5,))

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Split:
    """Images float32 [n, 1, SIDE, SIDE] and labels int64 [n]."""

    images: FloatArray
    labels: npt.NDArray[np.int64]


class Layer(nn.Module):
    """Conv without bias, BatchNorm, and ReLU6 where `act` is set."""

    def __init__(self, conv: nn.Conv2d, *, act: bool = True) -> None:
        super().__init__()
        self.conv, self.norm, self.act = conv, nn.BatchNorm2d(conv.out_channels), act
        with torch.no_grad():
            self.norm.weight.copy_(torch.exp(GAIN_SPREAD * torch.randn(conv.out_channels)).clamp(0.02, 8.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [N, outputs, H / stride, W / stride]."""
        y = self.norm(self.conv(x))
        return nn.functional.relu6(y) if self.act else y


class Block(nn.Module):
    """A full 3x3 convolution, or 1x1 and depthwise 3x3, then 1x1; with a residual Add where the shape stays."""

    def __init__(self, inputs: int, kind: str, outputs: int, stride: int) -> None:
        super().__init__()
        wide = inputs * EXPANSION
        full = {"full": Layer(nn.Conv2d(inputs, wide, 3, stride, 1, bias=False))}
        separate = {
            "expand": Layer(nn.Conv2d(inputs, wide, 1, bias=False)),
            "depthwise": Layer(nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)),
        }
        project = {"project": Layer(nn.Conv2d(wide, outputs, 1, bias=False), act=False)}
        self.layers = nn.ModuleDict((full if kind == "full" else separate) | project)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [N, outputs, H / stride, W / stride]."""
        y = x
        for layer in self.layers.values():
            y = layer(y)
        return x + y if self.residual else y


class Network(nn.Module):
    """Stem, blocks, mean over pixels, one Gemm: logits [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Layer(nn.Conv2d(1, STEM_CHANNELS, 3, 1, 1, bias=False))
        widths = [STEM_CHANNELS, *(outputs for _, outputs, _ in BLOCKS)]
        self.blocks = nn.ModuleList(
            [Block(inputs, *block) for inputs, block in zip(widths, BLOCKS, strict=False)],
        )
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [N, 10]."""
        y = self.stem(x)
        for block in self.blocks:
            y = block(y)
        return self.head(y.mean(dim=(2, 3)))


def main() -> None:
    """Write the images and the model, and say how good the model is."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    train, evaluation = write_images()
    network = Network()
    fit(network, train)
    onnx.save(onnx_from_network(network), FOLDER / "digits.onnx")
    sys.stdout.write(
        f"top-1: training {accuracy(network, train):.4f}, evaluation {accuracy(network, evaluation):.4f}\n"
    )


def write_images() -> tuple[Split, Split]:
    """Write calibration/ and evaluation/ as 8x8 PNGs and return the training and the evaluation split."""
    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(SEED).permutation(len(pixels))
    parts = np.split(order, [CALIBRATION_COUNT, CALIBRATION_COUNT + EVALUATION_COUNT])
    for name, part in zip(("calibration", "evaluation"), parts, strict=False):
        write_folder(FOLDER / name, pixels, digits.target, part)
    return load_split(pixels, digits.target, parts[2]), load_split(pixels, digits.target, parts[1])


def write_folder(
    folder: Path, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], part: npt.NDArray[np.int64]
) -> None:
    """Write folder/<digit>/<number in the data set>.png, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for i in part:
        path = folder / str(labels[i]) / f"{i:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[i]).save(path, optimize=True)


def load_split(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], part: npt.NDArray[np.int64]) -> Split:
    """Preprocess as the study declares it."""
    images = np.stack([preprocess_image(Image.fromarray(pixels[i]), PREPROCESS) for i in part])
    return Split(images, labels[part].astype(np.int64))


def fit(network: Network, train: Split) -> None:
    """Train with Adam, one cycle of the learning rate, on the images as they are."""
    images, labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
    steps = EPOCHS * (len(labels) // BATCH)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    network.train()
    for index in batches(len(labels)):
        loss = nn.functional.cross_entropy(network(images[index]), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()


def batches(n: int) -> Iterator[torch.Tensor]:
    """Yield the shuffled positions of every full batch of every epoch."""
    for _ in range(EPOCHS):
        yield from torch.randperm(n)[: n // BATCH * BATCH].split(BATCH)


def accuracy(network: Network, split: Split) -> float:
    """Return the share of right answers."""
    with torch.no_grad():
        answers = torch.cat([network(part).argmax(1) for part in torch.from_numpy(split.images).split(128)])
    return float((answers.numpy() == split.labels).mean())


@dataclass
class Writer:
    """Collects ONNX nodes and weights."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[TensorProto] = field(default_factory=list)

    def weight(self, name: str, value: torch.Tensor) -> str:
        """Add an initializer and return its name."""
        self.weights.append(numpy_helper.from_array(value.detach().numpy().astype(np.float32), name))
        return name

    def node(self, op_type: str, name: str, inputs: list[str], **attributes: object) -> str:
        """Add a node with one output of the same name and return it."""
        self.nodes.append(helper.make_node(op_type, inputs, [name], name, **attributes))
        return name


def onnx_from_network(network: Network) -> onnx.ModelProto:
    """Write the network node by node, BatchNormalization kept apart, so that the file depends on no exporter."""
    writer = Writer()
    writer.weight("zero", torch.tensor(0.0))
    writer.weight("six", torch.tensor(6.0))
    y = write_layer(writer, "stem", network.stem, "image")
    for i, block in enumerate(network.blocks):
        y = write_block(writer, f"block{i}", block, y)
    y = writer.node("GlobalAveragePool", "pool", [y])
    y = writer.node("Flatten", "flat", [y], axis=1)
    head = [writer.weight("head.weight", network.head.weight), writer.weight("head.bias", network.head.bias)]
    y = writer.node("Gemm", "logits", [y, *head], transB=1)
    writer.node("Softmax", "probabilities", [y], axis=-1)
    return checked_model(writer)


def write_block(writer: Writer, name: str, block: Block, x: str) -> str:
    """Write one block and return its output's name."""
    y = x
    for part, layer in block.layers.items():
        y = write_layer(writer, f"{name}.{part}", layer, y)
    return writer.node("Add", f"{name}.add", [x, y]) if block.residual else y


def write_layer(writer: Writer, name: str, layer: Layer, x: str) -> str:
    """Write Conv, BatchNormalization and Clip, and return the output's name."""
    conv, norm = layer.conv, layer.norm
    kernel, pad = conv.kernel_size[0], conv.padding[0]
    y = writer.node(
        "Conv", f"{name}.conv", [x, writer.weight(f"{name}.weight", conv.weight)],
        kernel_shape=[kernel] * 2, strides=list(conv.stride), pads=[pad] * 4, group=conv.groups,
    )  # fmt: skip
    parts = {"scale": norm.weight, "bias": norm.bias, "mean": norm.running_mean, "var": norm.running_var}
    names = [writer.weight(f"{name}.norm.{part}", value) for part, value in parts.items()]
    y = writer.node("BatchNormalization", f"{name}.norm", [y, *names], epsilon=norm.eps)
    return writer.node("Clip", f"{name}.relu6", [y, "zero", "six"]) if layer.act else y


def checked_model(writer: Writer) -> onnx.ModelProto:
    """Return the model with a symbolic batch, checked."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(writer.nodes, "digits", [image], [output], writer.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    main()
