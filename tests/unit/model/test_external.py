"""Tests of workbench/model/external.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net
from onnx import TensorProto

from workbench.errors import ModelError
from workbench.model.external import copy_with_data
from workbench.model.load import load_model


def external_model(folder: Path, location: str = "weights.bin", **entries: str) -> tuple[Path, onnx.ModelProto]:
    """Write a model whose first weight lies in `location`; the data file itself goes to folder/weights.bin."""
    proto = conv_relu_net()
    tensor = proto.graph.initializer[0]
    folder.mkdir(exist_ok=True)
    (folder / "weights.bin").write_bytes(tensor.raw_data)
    values = {"location": location, "offset": "0", "length": str(len(tensor.raw_data)), **entries}
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in values.items():
        if value:
            tensor.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path, conv_relu_net()


@pytest.mark.parametrize("length", ["full", ""])
def test_weights_come_in_and_the_reference_goes(tmp_path: Path, length: str) -> None:
    path, original = external_model(tmp_path, **({} if length else {"length": ""}))
    tensor = load_model(path).proto.graph.initializer[0]
    assert tensor.raw_data == original.graph.initializer[0].raw_data
    assert tensor.data_location == TensorProto.DEFAULT
    assert not tensor.external_data


@pytest.mark.parametrize(
    "location",
    ["../secret.bin", "sub/../../secret.bin", "/etc/hostname", "C:\\secret.bin", "..\\secret.bin", "\\\\host\\x"],
)
def test_a_location_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(b"x" * 10_000)
    path, _ = external_model(tmp_path / "model", location)
    with pytest.raises(ModelError, match="is refused: it lies outside the model's folder"):
        load_model(path)


def test_a_symbolic_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    path, _ = external_model(tmp_path / "model")
    outside = tmp_path / "outside.bin"
    (tmp_path / "model" / "weights.bin").rename(outside)
    (tmp_path / "model" / "weights.bin").symlink_to(outside)
    with pytest.raises(ModelError, match="outside the model's folder"):
        load_model(path)


def test_a_linked_folder_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "w.bin").write_bytes(b"0" * 10_000)
    path, _ = external_model(tmp_path / "model", "link/w.bin")
    (tmp_path / "model" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="outside the model's folder"):
        load_model(path)


def test_a_symbolic_link_inside_the_folder_is_fine(tmp_path: Path) -> None:
    path, original = external_model(tmp_path)
    (tmp_path / "weights.bin").rename(tmp_path / "real.bin")
    (tmp_path / "weights.bin").symlink_to("real.bin")
    assert load_model(path).proto.graph.initializer[0].raw_data == original.graph.initializer[0].raw_data


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path, _ = external_model(tmp_path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"'weights\.bin' is missing"):
        load_model(path)


def test_a_short_file_says_how_many_bytes_are_needed(tmp_path: Path) -> None:
    path, _ = external_model(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"x" * 99)
    with pytest.raises(ModelError, match="864 bytes are needed, 99 are there"):
        load_model(path)


@pytest.mark.parametrize("entries", [{"offset": "-1"}, {"offset": "x"}, {"length": "4"}, {"location": ""}])
def test_damaged_references_are_refused(tmp_path: Path, entries: dict[str, str]) -> None:
    path, _ = external_model(tmp_path, **({"location": "weights.bin"} | entries))
    with pytest.raises(ModelError):
        load_model(path)


def test_an_offset_is_followed(tmp_path: Path) -> None:
    path, original = external_model(tmp_path, offset="64")
    data = original.graph.initializer[0].raw_data
    (tmp_path / "weights.bin").write_bytes(b"\1" * 64 + data)
    loaded = load_model(path).proto.graph.initializer[0]
    np.testing.assert_array_equal(np.frombuffer(loaded.raw_data, np.float32), np.frombuffer(data, np.float32))


def test_an_enormous_tensor_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path, _ = external_model(tmp_path, length="")
    proto = onnx.load_model(path, load_external_data=False)
    proto.graph.initializer[0].dims[0] = 1 << 55
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="864 are there"):
        load_model(path)


def test_a_copy_brings_its_data_files_and_loads(tmp_path: Path) -> None:
    path, _ = external_model(tmp_path / "model")
    copy = copy_with_data(path, tmp_path / "copy")
    assert copy == tmp_path / "copy" / "model.onnx"
    assert copy.read_bytes() == path.read_bytes()
    assert (copy.parent / "weights.bin").read_bytes() == (path.parent / "weights.bin").read_bytes()
    assert load_model(copy).sha256 == load_model(path).sha256


def test_a_copy_reads_nothing_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"x" * 10_000)
    path, _ = external_model(tmp_path / "model", "../secret.bin")
    with pytest.raises(ModelError, match="outside the model's folder"):
        copy_with_data(path, tmp_path / "copy")
    assert not list((tmp_path / "copy").iterdir())
