"""Packages: what the library wrote is read alike without it; broken and hostile ones get one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import mlpackages as ml
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.coreml.package.program import constants, parameter
from workbench_plugins.coreml.package.read import MAX_MANIFEST_BYTES, MAX_MODEL_BYTES, read_package

from workbench.errors import ModelError

RELU = ml.operation("relu", {"x": "x"}, [ml.variable("y")], {"name": ml.text_value("activation")})
GOOD = ml.model([ml.const("w", ml.blob_value("@model_path/weights/weight.bin", 64)), RELU], ["y"])
WEIGHTS = ml.weight_file(np.array([1, 2], "<f4").tobytes())


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_package(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(path.name)
    return message


def test_a_package_is_read(tmp_path: Path) -> None:
    program = read_package(ml.write_package(tmp_path / "a.mlpackage", GOOD, WEIGHTS))
    assert program.specification_version == 8
    assert (program.main.opset, [item.name for item in program.main.inputs]) == ("CoreML7", ["x"])
    weight, relu = program.main.block.operations
    assert constants(program.main.block)["w"].tolist() == [1, 2]  # type: ignore[union-attr]
    assert (relu.type, relu.name, relu.inputs, relu.attributes) == ("relu", "activation", {"x": ("x",)}, {})
    assert program.main.block.outputs == ("y",)
    assert weight.outputs[0].type.shape == (2,)


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
def test_what_the_library_wrote_is_read_to_the_last_code(tmp_path: Path, target: str) -> None:
    """Every dtype that it stores: blobs of 16 and more elements, immediates, scalars, texts, 4 bits."""
    pytest.importorskip("coremltools")
    codes = np.random.default_rng(0).integers(-127, 128, (5, 4, 3, 3)).astype(np.int8)
    scales = np.linspace(0.1, 0.5, 5).astype(np.float32)
    table = np.arange(100, dtype=np.int32).reshape(50, 2)
    bias = np.linspace(-1, 1, 5).astype(np.float32)

    def build(mb: Any, x: Any) -> Any:
        if target == "iOS17":
            zeros = np.zeros(5, np.int8)
            weight = mb.constexpr_affine_dequantize(quantized_data=codes, scale=scales, zero_point=zeros, axis=0)
        else:
            weight = mb.constexpr_blockwise_shift_scale(data=codes, scale=scales.reshape(5, 1, 1, 1))
        y = mb.conv(x=x, weight=weight, bias=bias, pad_type="same", name="y")
        picked = mb.gather(x=table, indices=mb.reduce_argmax(x=y, axis=1), axis=0, name="picked")
        return mb.add(x=mb.cast(x=picked, dtype="fp32"), y=mb.expand_dims(x=mb.reduce_max(x=y), axes=[0]), name="out")

    program = read_package(ml.save(tmp_path / "a.mlpackage", build, {"x": (1, 4, 6, 6)}, target))
    known = constants(program.main.block)
    by_type = {op.type: op for op in program.main.block.operations}
    weight = by_type["constexpr_affine_dequantize" if target == "iOS17" else "constexpr_blockwise_shift_scale"]
    read_codes = parameter(weight, "quantized_data" if target == "iOS17" else "data", known)
    assert isinstance(read_codes, np.ndarray)
    assert read_codes.dtype == np.int8
    assert np.array_equal(read_codes, codes)
    assert np.array_equal(np.ravel(parameter(weight, "scale", known)), scales)  # type: ignore[arg-type]
    assert np.array_equal(parameter(by_type["conv"], "bias", known), bias)  # type: ignore[arg-type]
    assert parameter(by_type["conv"], "pad_type", known) == "same"
    assert np.array_equal(parameter(by_type["gather"], "x", known), table)  # type: ignore[arg-type]
    assert program.main.opset == ("CoreML7" if target == "iOS17" else "CoreML8")


def test_the_same_program_as_the_librarys_own_messages_say(tmp_path: Path) -> None:
    """Operations, names, types and shapes agree with the generated protobuf code of the library."""
    pytest.importorskip("coremltools")

    def build(mb: Any, x: Any) -> Any:
        first, second = mb.split(x=x, num_splits=2, axis=1)
        return mb.concat(values=[second, mb.softmax(x=first, axis=-1)], axis=1, name="out")

    path = ml.save(tmp_path / "a.mlpackage", build, {"x": (1, 4, 6)})
    from coremltools.proto import Model_pb2

    specification = Model_pb2.Model()
    specification.ParseFromString((path / "Data" / "com.apple.CoreML" / "model.mlmodel").read_bytes())
    theirs = specification.mlProgram.functions["main"].block_specializations["CoreML7"]
    ours = read_package(path).main.block
    assert list(ours.outputs) == list(theirs.outputs)
    assert len(ours.operations) == len(theirs.operations)
    for op, message in zip(ours.operations, theirs.operations, strict=True):
        assert op.type == message.type
        assert [item.name for item in op.outputs] == [item.name for item in message.outputs]
        shapes = [[d.constant.size for d in item.type.tensorType.dimensions] for item in message.outputs]
        assert [list(item.type.shape) for item in op.outputs] == shapes
        named = {key: tuple(b.name for b in value.arguments) for key, value in message.inputs.items()}
        assert op.inputs == named


@pytest.mark.parametrize(
    ("specification", "said"),
    [
        (b"\xff", "end within an integer"),
        (ml.field(1, 4), "another kind of model"),
        (ml.field(1, 8) + ml.field(502, b""), "no function"),
        (ml.field(502, ml.entry(2, "main", ml.field(2, "CoreML7"))), "no block for its opset 'CoreML7'"),
        (ml.model([ml.operation("relu", {"x": "later"}, [ml.variable("y")]), RELU], ["y"]), "reads 'later'"),
        (ml.model([ml.operation("relu", {"x": "y"}, [ml.variable("y")])], ["y"]), "reads 'y', which nothing before"),
        (ml.model([RELU, RELU], ["y"]), "'y' is given twice"),
        (ml.model([RELU], ["z"]), "a block reads 'z'"),
        (ml.model([ml.operation("const", {}, [ml.variable("w")])], ["w"]), "const 'w' has no value"),
        (ml.model([ml.const("w", ml.blob_value("@model_path/../../w.bin", 64))], ["w"]), "outside the package"),
        (ml.model([ml.const("w", ml.blob_value("@model_path/a\0b", 64))], ["w"]), "null"),
        (ml.model([ml.const("w", ml.blob_value("@model_path/other.bin", 64))], ["w"]), r"other.bin is missing"),
    ],
)
def test_broken_models_get_one_line(tmp_path: Path, specification: bytes, said: str) -> None:
    assert said in refused(ml.write_package(tmp_path / "a.mlpackage", specification, WEIGHTS))


def test_blocks_without_end_are_refused(tmp_path: Path) -> None:
    nested = ml.block([RELU], ["y"])
    for level in range(40):
        nested = ml.block([ml.operation("cond", {}, [ml.variable(f"c{level}")], blocks=[nested])], [f"c{level}"])
    specification = ml.model([ml.operation("cond", {}, [ml.variable("out")], blocks=[nested])], ["out"])
    assert "nested too deeply" in refused(ml.write_package(tmp_path / "a.mlpackage", specification))


def test_a_name_without_end_is_cut(tmp_path: Path) -> None:
    specification = ml.model([ml.operation("relu" * 100_000, {"x": "later"}, [ml.variable("y")])], ["y"])
    message = refused(ml.write_package(tmp_path / "a.mlpackage", specification))
    assert len(message) < 500
    assert "reads 'later'" in message


def test_the_names_of_a_block_end_with_it(tmp_path: Path) -> None:
    blocks = [ml.block([ml.operation("relu", {"x": "x"}, [ml.variable("inner")])], ["inner"])] * 2
    cond = ml.operation("cond", {}, [ml.variable("y")], blocks=blocks)
    program = read_package(ml.write_package(tmp_path / "a.mlpackage", ml.model([cond], ["y"])))
    assert [block.outputs for block in program.main.block.operations[0].blocks] == [("inner",)] * 2
    later = ml.operation("relu", {"x": "inner"}, [ml.variable("z")])
    assert "reads 'inner'" in refused(ml.write_package(tmp_path / "b.mlpackage", ml.model([cond, later], ["z"])))


@pytest.mark.parametrize("item", ["../../secret", "/etc/hostname", "com.apple.CoreML/../../../secret", "a\0b"])
def test_a_manifest_that_points_outside_is_refused(tmp_path: Path, item: str) -> None:
    (tmp_path / "secret").write_bytes(GOOD)
    message = refused(ml.write_package(tmp_path / "a.mlpackage", GOOD, item=item))
    assert "outside the package" in message or "names no model file" in message


@pytest.mark.parametrize("manifest", ["", "[]", "{}", "[" * 100_000, '{"rootModelIdentifier": 5}', "\0"])
def test_broken_manifests_get_one_line(tmp_path: Path, manifest: str) -> None:
    path = ml.write_package(tmp_path / "a.mlpackage", GOOD)
    (path / "Manifest.json").write_text(manifest)
    assert "Manifest.json names no model file" in refused(path)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    assert "has no Manifest.json" in refused(tmp_path / "nothing.mlpackage")
    path = ml.write_package(tmp_path / "a.mlpackage", GOOD)
    assert "weight.bin is missing" in refused(path)
    (path / "Data" / "com.apple.CoreML" / "model.mlmodel").unlink()
    assert "model.mlmodel' is missing" in refused(path)
    with (path / "Data" / "com.apple.CoreML" / "model.mlmodel").open("wb") as stream:
        stream.truncate(MAX_MODEL_BYTES + 1)
    assert "model file is larger than" in refused(path)
    (path / "Manifest.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    assert "larger than" in refused(path)


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Nothing but a program or a ModelError comes out, whichever bytes change."""
    specification = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        specification[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(GOOD)))
    content = bytes(specification[: cut or None])
    path = ml.write_package(tmp_path_factory.mktemp("p") / "a.mlpackage", content, WEIGHTS)
    try:
        read_package(path)
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017  (both outcomes are right)
