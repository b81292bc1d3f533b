"""Other converters from ONNX to Core ML, peers to check ours against, and what the reference evaluator makes of each.

Both peers have frontends of their own and share nothing with ours but coremltools' builder, passes (they run all of
them, we leave some out) and writer. Where
they agree with ours, the frontend is right or all three are wrong alike; ONNX Runtime, which shares nothing, stands
beside them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import onnx
from helpers.coreml import quiet_coremltools
from helpers.plans import run_graph
from helpers.rule_nets import example_feeds
from helpers.topologies import sqnr_db
from onnx import numpy_helper
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.frontend.convert import convert
from workbench_plugins.coreml.frontend.shapes import with_batch
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.pipeline import write_package

from workbench.model.opset import raise_opset

Arrays = Mapping[str, npt.NDArray[Any]]
INSTALL = "pip install onnx2coreml==1.1.0 onnxsim==0.8.1"


@dataclass(frozen=True)
class Agreement:
    """What became of a model in a peer.

    Attributes:
        refused: why the peer does not convert it, "" where it does.
        to_ours_db: SQNR of the peer's answers against those of our package, the least of the outputs.
        to_onnxruntime_db: the same against ONNX Runtime.
        ops: number of operations in the package, constants aside.
    """

    refused: str
    to_ours_db: float = float("nan")
    to_onnxruntime_db: float = float("nan")
    ops: int = 0


def static(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy at opset 13 or newer for one sample, with the shape of every tensor: what all converters take."""
    constants = {tensor.name for tensor in model.graph.initializer}
    copy = with_batch(raise_opset(model), 1)
    inputs = [value for value in copy.graph.input if value.name not in constants]  # older files list both
    del copy.graph.input[:]
    copy.graph.input.extend(inputs)
    found = run_graph(copy, example_feeds(copy, 1, seed=0))
    for value in copy.graph.output:
        sizes = [onnx.TensorShapeProto.Dimension(dim_value=size) for size in found[value.name].shape]
        value.type.tensor_type.shape.dim.extend(sizes)
    inferred = onnx.shape_inference.infer_shapes(copy, strict_mode=True, data_prop=True)
    _write_out_zeros(inferred)
    return inferred


def _write_out_zeros(model: onnx.ModelProto) -> None:
    """Put numbers in place of the zeros by which a Reshape keeps a dimension: onnxsim takes them as sizes."""
    shapes = {item.name: item.type.tensor_type.shape for item in (*model.graph.value_info, *model.graph.output)}
    constants = {item.name for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[1] in constants:
            sizes = np.array([item.dim_value for item in shapes[node.output[0]].dim], np.int64)
            model.graph.initializer.append(numpy_helper.from_array(sizes, f"{node.output[0]}__sizes"))
            node.input[1] = f"{node.output[0]}__sizes"


def cross_check(
    model: onnx.ModelProto, feeds: Arrays, folder: Path, peers: Mapping[str, Callable[[onnx.ModelProto], Any]]
) -> tuple[Agreement, dict[str, Agreement]]:
    """Convert a static model by ours and by each peer, and run every package in the evaluator.

    Args:
        feeds: one sample by the model's names.

    Returns:
        Ours, whose `to_ours_db` is infinite, and the peers by name.
    """
    quiet_coremltools()
    reference = list(run_graph(model, feeds).values())
    ours, n_ops = evaluated(save_ours(model, folder / "ours.mlpackage"), feeds)
    found = {
        name: _agreement(peer, model, feeds, folder / f"{name}.mlpackage", ours, reference)
        for name, peer in peers.items()
    }
    return Agreement("", float("inf"), least_db(reference, ours), n_ops), found


def save_ours(model: onnx.ModelProto, path: Path) -> Path:
    """Save the float32 package that the plugin makes."""
    with quiet():
        write_package(convert(model, "iOS17").program, path, "iOS17", "float32")
    return path


def evaluated(package: Path, feeds: Arrays) -> tuple[list[npt.NDArray[Any]], int]:
    """Return the outputs of a package in order, and the number of its operations; inputs are fed in order."""
    evaluator = Evaluator(read_package(package))
    given = {item.name: value for item, value in zip(evaluator.inputs, feeds.values(), strict=True)}
    answers = evaluator.run(given)
    return [answers[name] for name in evaluator.outputs], len(evaluator._steps)


def least_db(reference: list[npt.NDArray[Any]], found: list[npt.NDArray[Any]]) -> float:
    """Return the SQNR of the worst output. Raises ValueError where number or sizes differ."""
    pairs = zip(reference, found, strict=True)
    return min(sqnr_db(np.ravel(want), np.ravel(have).reshape(want.size)) for want, have in pairs)


def _agreement(
    peer: Callable[[onnx.ModelProto], Any],
    model: onnx.ModelProto,
    feeds: Arrays,
    path: Path,
    ours: list[npt.NDArray[Any]],
    reference: list[npt.NDArray[Any]],
) -> Agreement:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    with quiet():
        try:
            peer(copy).save(str(path))
        except Exception as error:  # noqa: BLE001  (whatever a foreign converter raises is its refusal)
            return Agreement(" ".join(f"{type(error).__name__}: {error}".split()))
    answers, n_ops = evaluated(path, feeds)
    return Agreement("", least_db(ours, answers), least_db(reference, answers), n_ops)


def _by_onnx2coreml(model: onnx.ModelProto) -> Any:
    import onnx2coreml

    return onnx2coreml.convert(model, minimum_deployment_target="iOS17", compute_precision="fp32")


def _by_onnxsim(model: onnx.ModelProto) -> Any:
    """Export without its simplifier, which makes an Attention of an encoder: its exporter does not know that."""
    import onnxsim

    precision = quiet_coremltools().precision.FLOAT32
    return onnxsim.export_coreml(model, minimum_deployment_target="iOS17", compute_precision=precision)


def installed_peers() -> dict[str, Callable[[onnx.ModelProto], Any]]:
    """Return the peers that can be imported here."""
    known = {"onnx2coreml": _by_onnx2coreml, "onnxsim": _by_onnxsim}
    return {name: peer for name, peer in known.items() if importlib.util.find_spec(name)}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars and warnings of foreign code away, and the garbage collections that take most of its time."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(StringIO()), contextlib.redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            with mock.patch("gc.collect"):
                yield
    finally:
        logging.disable(logging.NOTSET)
