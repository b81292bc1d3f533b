"""Plans made the ordinary way for tests of the executable specification, and the codes of the simulated Q/DQ graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from helpers.onnx_models import Builder, random_feeds

from workbench.model.canonical import canonical_graph, with_extra_outputs
from workbench.quant.build import build_plan
from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.reference import ReferenceSession

QUANTIZED = "__quantized"
"""What the writer appends to the name of a tensor of codes."""


class Samples:
    """Arrays in memory as calibration samples."""

    sha256 = "5" * 64
    feedback = None

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arrays = arrays
        self.n = len(next(iter(arrays.values())))

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the arrays in pieces of `batch`."""
        for at in range(start, self.n, batch):
            yield {name: array[at : at + batch] for name, array in self.arrays.items()}


def planned(
    model: onnx.ModelProto, samples: Mapping[str, Any] | None = None, **scheme: Any
) -> tuple[onnx.ModelProto, QuantPlan]:
    """Return the canonical graph and a plan; power-of-two scales and no bias correction unless asked for."""
    scheme = {"method": "minmax", "bias_correction": False, "scale_rounding": "power_of_two", **scheme}
    canonical, transforms = canonical_graph(model)
    source = Samples(samples or random_feeds(model, 4, seed=1))
    return canonical, build_plan(
        "a" * 64, canonical, transforms, Scheme(**scheme), source, lambda *_: None, lambda: None
    )


def simulated(canonical: onnx.ModelProto, plan: QuantPlan, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of the simulated Q/DQ graph, every node run as written."""
    with ReferenceSession(write_qdq(canonical, plan, SIMULATED).SerializeToString(), optimized=False) as session:
        return session.run(feeds)


def simulated_codes(canonical: onnx.ModelProto, plan: QuantPlan, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the codes of every planned tensor in the simulated graph, by the plan's names, as int64."""
    model = write_qdq(canonical, plan, SIMULATED)
    made = {name for node in model.graph.node for name in node.output}
    names = [name + QUANTIZED for name in plan.tensors if name + QUANTIZED in made]
    with ReferenceSession(with_extra_outputs(model, names).SerializeToString(), optimized=False) as session:
        found = session.run(feeds, names)
    return {name.removesuffix(QUANTIZED): codes.astype(np.int64) for name, codes in found.items()}


def chain(kinds: Iterable[str], seed: int) -> onnx.ModelProto:
    """Return a net of 8-channel 8 x 8 planes made of the named steps, then a Gemm: input [N,8,8,8], output "logits"."""
    b = Builder(seed)
    x = "input"
    for place, kind in enumerate(kinds):
        x = STEPS[kind](b, x, f"{kind}{place}")
    x = b.node("Flatten", [b.node("MaxPool", [x], "last_pool", kernel_shape=[4, 4], strides=[4, 4])], "flat")
    b.linear("logits", x, 32, 6)
    return b.model({"input": ["N", 8, 8, 8]}, {"logits": ["N", 6]})


def _clipped(b: Builder, x: str, name: str) -> str:
    bounds = [b.constant(f"{name}_low", 0.0), b.constant(f"{name}_high", 1.5)]
    return b.node("Clip", [b.conv(f"{name}_conv", x, 8, 8), *bounds], name)


def _joined(b: Builder, x: str, name: str) -> str:
    parts = [b.conv(f"{name}_{side}", x, 8, 4, kernel=kernel) for side, kernel in (("left", 1), ("right", 3))]
    return b.node("Concat", parts, name, axis=1)


def _up_and_down(b: Builder, x: str, name: str) -> str:
    weight = b.weight(f"{name}_wide_w", 8, 4, 2, 2)
    bias = b.constant(f"{name}_wide_b", b.rng.standard_normal(8) * 0.1)
    wide = b.node("ConvTranspose", [x, weight, bias], f"{name}_wide", strides=[2, 2], group=2)
    return b.conv(name, wide, 8, 8, strides=[2, 2])


STEPS: dict[str, Any] = {
    "conv": lambda b, x, name: b.conv(name, x, 8, 8),
    "no_bias": lambda b, x, name: b.conv_no_bias(name, x, 8, 8, kernel=1),
    "depthwise": lambda b, x, name: b.conv(name, x, 8, 8, group=8),
    "grouped": lambda b, x, name: b.conv(name, x, 8, 8, group=4),
    "dilated": lambda b, x, name: b.conv(name, x, 8, 8, pads=[2] * 4, dilations=[2, 2]),
    "relu": lambda b, x, name: b.node("Relu", [b.conv(f"{name}_conv", x, 8, 8)], name),
    "clip": _clipped,
    "residual": lambda b, x, name: b.node(
        "Add", [b.conv(f"{name}_a", x, 8, 8), b.conv(f"{name}_b", x, 8, 8, kernel=1)], name
    ),
    "concat": _joined,
    "transposed": _up_and_down,
}
"""Steps that keep the shape; in "transposed" a ConvTranspose doubles the plane and a Conv halves it again."""
