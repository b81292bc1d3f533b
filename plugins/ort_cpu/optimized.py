"""The graph ONNX Runtime really built: its saved optimized model and one short profile, as plain kernels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench_plugins.ort_cpu.elsewhere import INTEGER_OPS

KERNEL_SUFFIX = "_kernel_time"
SAME_TYPE = frozenset(
    {
        "Clip", "Concat", "DepthToSpace", "Flatten", "Gather", "Identity", "MaxPool", "NhwcMaxPool", "Pad", "Reshape",
        "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Upsample",
    }
)  # fmt: skip
QGEMM_INPUTS_WITH_OUTPUT_SCALE = 8
_TOKEN = re.compile(r"_token_\d+$")


@dataclass(frozen=True)
class Kernel:
    """One node of the optimized graph.

    Attributes:
        inputs: tensors that are not constants.
        is_integer: it computes on 8-bit codes (a Q or DQ node itself does not).
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    is_integer: bool

    @property
    def base_name(self) -> str:
        """The name without what ONNX Runtime appends to keep names unique and to tell a fused MatMul."""
        return _TOKEN.sub("", self.name).removesuffix("_nchwc").removesuffix("/MatMulAddFusion")


def read_kernels(path: Path) -> tuple[Kernel, ...]:
    """Read the kernels of a saved optimized model, in topological order."""
    import onnx  # noqa: PLC0415  (probe and realise must not load it)

    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {item.name for item in graph.initializer}
    codes: set[str] = set()
    kernels = []
    for node in graph.node:
        inputs = tuple(name for name in node.input if name and name not in constants)
        on_codes = bool(inputs) and inputs[0] in codes
        if _gives_codes(node.op_type, len(node.input), on_codes):
            codes.update(node.output)
        outputs = tuple(name for name in node.output if name)
        kernels.append(Kernel(node.name, node.op_type, inputs, outputs, _is_integer(node.op_type, on_codes)))
    return tuple(kernels)


def time_shares(profile: Path, kernels: Iterable[Kernel], skipped_runs: int) -> dict[str, float]:
    """Return kernel name -> share 0..1 of the time all kernels took, from a profile written by ONNX Runtime.

    Args:
        skipped_runs: runs at the beginning that count as warm-up.
    """
    names = {kernel.name for kernel in kernels}
    spent: dict[str, float] = {}
    runs = 0
    for event in json.loads(profile.read_text(encoding="utf-8")):
        if event.get("name") == "model_run":
            runs += 1
        name = str(event.get("name", "")).removesuffix(KERNEL_SUFFIX)
        if event.get("cat") == "Node" and runs >= skipped_runs and name in names:
            spent[name] = spent.get(name, 0.0) + float(event["dur"])
    total = sum(spent.values())
    return {name: value / total for name, value in spent.items()} if total else {}


def producers(kernels: Iterable[Kernel]) -> Mapping[str, Kernel]:
    """Return tensor name -> the kernel that writes it."""
    return {name: kernel for kernel in kernels for name in kernel.outputs}


def _gives_codes(op_type: str, inputs: int, on_codes: bool) -> bool:
    if op_type == "QGemm":
        return inputs >= QGEMM_INPUTS_WITH_OUTPUT_SCALE
    return op_type == "QuantizeLinear" or op_type.startswith("QLinear") or (op_type in SAME_TYPE and on_codes)


def _is_integer(op_type: str, on_codes: bool) -> bool:
    return op_type.startswith("QLinear") or op_type in INTEGER_OPS or (op_type in SAME_TYPE and on_codes)


def profile_feeds(inputs: Iterable[Any], batch: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return seeded inputs for the profiled run: the shapes of the session's own runs where they are known.

    Args:
        inputs: ONNX Runtime's input descriptions (name, type, shape).
        batch: samples per run, used for a symbolic first axis; other symbolic axes become 1.
    """
    import numpy as np  # noqa: PLC0415  (probe and realise do without it)

    rng = np.random.default_rng(0)
    feeds = {}
    for item in inputs:
        declared = [
            size if isinstance(size, int) else (batch if axis == 0 else 1) for axis, size in enumerate(item.shape)
        ]
        shape = shapes.get(item.name, tuple(declared))
        dtype = _numpy_dtype(item.type)
        random = rng.standard_normal(shape).astype(dtype) if np.issubdtype(dtype, np.floating) else None
        feeds[item.name] = np.zeros(shape, dtype) if random is None else random
    return feeds


def _numpy_dtype(ort_type: str) -> Any:
    import numpy as np  # noqa: PLC0415  (as above)

    names = {"float": "float32", "double": "float64", "bool": "bool"}
    word = ort_type.removeprefix("tensor(").removesuffix(")")
    return np.dtype(names.get(word, word))
