import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.coreml import pipeline
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.frontend.convert import convert
from workbench_plugins.coreml.package.read import read_package

from workbench.errors import ModelError


def reshaped_codes() -> onnx.ModelProto:
    """Codes on one grid, reshaped, and quantized again on a grid half as fine."""
    grids = {"fine": 0.125, "coarse": 0.25}
    constants = [numpy_helper.from_array(np.float32(value), name) for name, value in grids.items()]
    constants.append(numpy_helper.from_array(np.int8(0), "zero"))
    constants.append(numpy_helper.from_array(np.array([2, 3], np.int64), "shape"))
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "fine", "zero"], ["q1"], "q1"),
        helper.make_node("DequantizeLinear", ["q1", "fine", "zero"], ["d1"], "d1"),
        helper.make_node("Reshape", ["d1", "shape"], ["moved"], "reshape"),
        helper.make_node("QuantizeLinear", ["moved", "coarse", "zero"], ["q2"], "q2"),
        helper.make_node("DequantizeLinear", ["q2", "coarse", "zero"], ["y"], "d2"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    graph = helper.make_graph(nodes, "reshaped", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(folder: Path, removed: tuple[str, ...]) -> Any:
    pipeline.load_library()
    path = folder / f"{len(removed)}.mlpackage"
    pipeline.write_package(convert(reshaped_codes(), "iOS17").program, path, "iOS17", "float32", removed)
    feeds = {"x": np.array([[-1.0, -0.5, 0.0, 0.5, 1.0, 1.5]], np.float32)}
    return feeds["x"].reshape(2, 3), Evaluator(read_package(path)).run(feeds)["y"]


def test_the_installed_library_has_the_passes_by_these_names() -> None:
    assert pipeline.missing_parts() == []


def test_what_it_does_not_need_is_not_loaded_with_it_and_is_found_afterwards() -> None:
    code = """if True:
        import sys
        from importlib.util import find_spec
        from workbench_plugins.coreml.pipeline import NOT_NEEDED, load_library
        installed = [name for name in NOT_NEEDED if find_spec(name)]
        load_library()
        assert not [name for name in NOT_NEEDED if name in sys.modules]
        assert "torch" in installed
        assert installed == [name for name in NOT_NEEDED if find_spec(name)]
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_private_loader_of_programs_exists() -> None:
    pipeline.load_library()
    from coremltools.converters.mil.frontend.milproto import load

    assert callable(load.load)


def test_another_version_and_an_unknown_pass_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipeline, "COREMLTOOLS", "8.3")
    monkeypatch.setattr(pipeline, "RELIED_ON", ("common::not_there",))
    problems = pipeline.missing_parts()
    assert "9.0 is installed, passes are known for 8.3" in problems[0]
    assert "common::not_there" in problems[1]
    with pytest.raises(ModelError, match=r'pip install "coremltools==8\.3"'):
        pipeline.write_package(None, tmp_path / "model.mlpackage", "iOS17", "float32")


def test_the_miscompiled_reshape_is_seen_by_the_evaluator(tmp_path: Path) -> None:
    expected, ours = answer(tmp_path, tuple(pipeline.REMOVED))
    np.testing.assert_array_equal(ours, expected)
    _, default = answer(tmp_path, ())
    assert np.max(np.abs(default - expected)) > 0.4, "the default pipeline is right again: keep its passes"


def scaled_and_shifted() -> onnx.ModelProto:
    """Make x [1,2,1,2] times 1024, plus 0 or 1 per channel."""
    given = {"scale": [1024.0, 1024.0], "shift": [0.0, 1.0]}
    constants = [numpy_helper.from_array(np.float32(value).reshape(2, 1, 1), name) for name, value in given.items()]
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["scaled"], "mul"),
        helper.make_node("Add", ["scaled", "shift"], ["y"], "add"),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 1, 2]) for name in "xy"]
    graph = helper.make_graph(nodes, "affine", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_mul_and_an_add_keep_their_numbers(tmp_path: Path) -> None:
    pipeline.load_library()
    x = np.array([1, 2, 3, 4], np.float32).reshape(1, 2, 1, 2)
    found = {}
    for removed in (tuple(pipeline.REMOVED), ()):
        path = tmp_path / f"{len(removed)}.mlpackage"
        program = convert(scaled_and_shifted(), "iOS17").program
        pipeline.write_package(program, path, "iOS17", "float32", removed)
        found[bool(removed)] = Evaluator(read_package(path)).run({"x": x})["y"].ravel().tolist()
    assert found[True] == [1024, 2048, 3073, 4097]
    assert found[False][0] < 1023.996, "the default pipeline is right again: keep its passes"


def test_the_same_program_gives_the_same_bytes(tmp_path: Path) -> None:
    pipeline.load_library()
    found = []
    for name in ("first", "second"):
        path = tmp_path / f"{name}.mlpackage"
        pipeline.write_package(convert(reshaped_codes(), "iOS18").program, path, "iOS18", "float32")
        found.append({item.relative_to(path): item.read_bytes() for item in path.rglob("*") if item.is_file()})
    assert found[0] == found[1]
    assert b"conversion_date" not in b"".join(found[0].values())
