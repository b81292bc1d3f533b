"""From an ONNX model through a saved .mlpackage to the reference evaluator: what the Core ML tests share.

Importing this module loads nothing heavy; `run_saved` loads coremltools.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Arrays = Mapping[str, np.ndarray]


def save(program: Any, target: str, path: Path) -> Path:
    """Save a MIL program as it is, without coremltools' optimizing passes; float32 compute.

    coremltools collects garbage after each conversion, nine tenths of the time of a small one: left out here.
    """
    coremltools = quiet_coremltools()
    with redirect_stderr(StringIO()), warnings.catch_warnings(), mock.patch("gc.collect"):
        warnings.simplefilter("ignore", ResourceWarning)  # its temporary folders end with its objects
        model = coremltools.convert(
            program,
            source="milinternal",
            convert_to="mlprogram",
            minimum_deployment_target=getattr(coremltools.target, target),
            compute_precision=coremltools.precision.FLOAT32,
            pass_pipeline=coremltools.PassPipeline.EMPTY,
            skip_model_load=True,
        )
        model.save(str(path))
        del model
    return path


def quiet_coremltools() -> Any:
    """Return coremltools as the plugin loads it."""
    from workbench_plugins.coreml.pipeline import load_library

    return load_library()


def run_saved(model: onnx.ModelProto, feeds: Arrays, folder: Path, target: str = "iOS17") -> list[np.ndarray]:
    """Return a model's outputs in order, in their ONNX types and shapes: converted, saved, read back, evaluated."""
    from workbench_plugins.coreml.evaluator.run import Evaluator
    from workbench_plugins.coreml.frontend.convert import convert
    from workbench_plugins.coreml.package.read import read_package

    quiet_coremltools()
    converted = convert(model, target)
    evaluator = Evaluator(read_package(save(converted.program, target, folder / "model.mlpackage")))
    given = {converted.inputs[name]: np.atleast_1d(array) for name, array in feeds.items() if name in converted.inputs}
    outputs = evaluator.run(given)
    return [_as_declared(outputs[converted.outputs[value.name]], value) for value in model.graph.output]


def _as_declared(array: np.ndarray, value: onnx.ValueInfoProto) -> np.ndarray:
    kind = value.type.tensor_type
    shape = () if kind.HasField("shape") and not kind.shape.dim else array.shape
    return array.astype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).reshape(shape)


def reference(model: onnx.ModelProto, feeds: Arrays, by: str = "onnx") -> list[np.ndarray]:
    """Return a model's outputs by ONNX's reference implementation, or by ONNX Runtime where that one is wrong."""
    if by == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return [np.asarray(value) for value in session.run(None, dict(feeds))]
    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, dict(feeds))]


def one_node(
    op_type: str,
    arrays: Sequence[np.ndarray | None],
    outputs: int = 1,
    opset: int = 17,
    constants: Sequence[int] = (),
    **attributes: Any,
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Return a model of one node and its feeds; inputs x0, x1, ..., outputs y0, y1, ...

    Args:
        arrays: one per input; None for one left out.
        constants: places of the inputs that become initializers.
    """
    names = ["" if array is None else f"x{place}" for place, array in enumerate(arrays)]
    given = {name: array for name, array in zip(names, arrays, strict=True) if array is not None}
    node = helper.make_node(op_type, names, [f"y{place}" for place in range(outputs)], name="node", **attributes)
    fixed = {f"x{place}" for place in constants}
    inputs = [_info(name, array) for name, array in given.items() if name not in fixed]
    initial = [numpy_helper.from_array(array, name) for name, array in given.items() if name in fixed]
    values = [helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = helper.make_graph([node], "one", inputs, values, initial)
    imports = [helper.make_opsetid("", opset)]
    model = onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=imports, ir_version=10))
    return model, {name: array for name, array in given.items() if name not in fixed}


def _info(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def frozen(model: onnx.ModelProto, feeds: Arrays, names: Sequence[str]) -> onnx.ModelProto:
    """Return a copy with some inputs as initializers that hold their feeds."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    kept = [value for value in copy.graph.input if value.name not in names]
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    copy.graph.initializer.extend(numpy_helper.from_array(np.asarray(feeds[name]), name) for name in names)
    return copy


def assert_agrees(case: tuple[onnx.ModelProto, Arrays], folder: Path, atol: float = 2e-6, by: str = "onnx") -> None:
    """Fail unless the saved program gives what another implementation gives; types and shapes too."""
    model, feeds = case
    have, want = run_saved(model, feeds, folder), reference(model, feeds, by)
    assert len(have) == len(want)
    for one, other in zip(have, want, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=2e-5 if other.dtype != np.float16 else 2e-3, atol=atol)


def op_types(model: onnx.ModelProto, target: str = "iOS17") -> list[str]:
    """Return the types of the MIL ops that a model becomes, without constants."""
    from workbench_plugins.coreml.frontend.convert import convert

    quiet_coremltools()
    function = convert(model, target).program.functions["main"]
    return [op.op_type for op in function.operations if op.op_type != "const"]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 noise."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
