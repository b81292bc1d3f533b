"""External data of ONNX models: weights in files beside the model, read only from inside its folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import ModelProto, NodeProto, TensorProto

from workbench.errors import ModelError
from workbench.model.protos import all_graphs, elements_of


@dataclass(frozen=True)
class _Part:
    """One tensor's piece of an external file; `length` in bytes, None to the end of the file."""

    location: str
    offset: int
    length: int | None


def read_external_data(proto: ModelProto, folder: Path) -> tuple[str, ...]:
    """Move all external data into the proto, in place.

    Args:
        folder: the model's folder; no file outside it is opened, not even through a symbolic link.

    Returns:
        The distinct locations, sorted.

    Raises:
        ModelError: a file is outside the folder, missing, or too short.
    """
    locations = set()
    for tensor in _tensors(proto):
        if tensor.data_location == TensorProto.EXTERNAL:
            part = _part(tensor)
            locations.add(part.location)
            tensor.raw_data = _read(part, _path_inside(folder, part.location), tensor)
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
    return tuple(sorted(locations))


def copy_with_data(model: Path, folder: Path) -> Path:
    """Copy an ONNX file as `model.onnx`, and beside it the external data files it names; return the copy's path.

    Raises:
        ModelError: an external file is missing or lies outside the model's folder.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    proto = onnx.load(str(model), load_external_data=False)
    parts = (_part(tensor) for tensor in _tensors(proto) if tensor.data_location == TensorProto.EXTERNAL)
    for location in sorted({part.location for part in parts}):
        target = folder / location
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_path_inside(model.parent, location), target)
    return Path(shutil.copyfile(model, folder / "model.onnx"))


def fingerprint(data: bytes, folder: Path, locations: tuple[str, ...]) -> str:
    """Return the SHA-256 over the model file's bytes and each external file's content, in the order given."""
    digest = hashlib.sha256(data)
    for location in locations:
        with _path_inside(folder, location).open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def _tensors(proto: ModelProto) -> Iterator[TensorProto]:
    for graph in all_graphs(proto.graph):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            yield from _attribute_tensors(node)
    for function in proto.functions:
        for node in function.node:
            yield from _attribute_tensors(node)


def _attribute_tensors(node: NodeProto) -> Iterator[TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors


def _part(tensor: TensorProto) -> _Part:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries["length"]) if entries.get("length") else None
    except ValueError as error:
        raise ModelError(f"External data of {tensor.name!r} is damaged", why=f"{error}") from error
    if offset < 0 or (length is not None and length < 0) or not entries.get("location"):
        raise ModelError(f"External data of {tensor.name!r} is damaged", why="no location, or a negative size")
    return _Part(entries["location"], offset, length)


def _path_inside(folder: Path, location: str) -> Path:
    windows, posix = PureWindowsPath(location), PurePosixPath(location)
    outside = windows.anchor or posix.is_absolute() or ".." in windows.parts
    path = folder / location
    try:
        outside = outside or not path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        outside = True
    if outside:
        raise ModelError(
            f"External data {location!r} is refused",
            why="it lies outside the model's folder",
            how="Put the model and its data file in one folder and save the model again.",
        )
    if not path.is_file():
        raise ModelError(
            f"External data {location!r} is missing", how="Copy the data file beside the model, under this name."
        )
    return path


def _read(part: _Part, path: Path, tensor: TensorProto) -> bytes:
    wanted = _declared_bytes(tensor)
    length = wanted if part.length is None else part.length
    try:
        with path.open("rb") as stream:
            there = min(length, max(0, path.stat().st_size - part.offset))
            if there < length or length != wanted:
                raise ModelError(
                    f"External data {part.location!r} does not fit {tensor.name!r}",
                    why=f"{wanted} bytes are needed, {there} are there",
                    how="Copy the model and its data file again, both from the same export.",
                )
            stream.seek(part.offset)
            return stream.read(length)
    except OSError as error:
        raise ModelError(f"External data {part.location!r} cannot be read", why=error.strerror or "") from error


def _declared_bytes(tensor: TensorProto) -> int:
    """Bytes of the tensor's elements; 4-bit types pack two to a byte."""
    count = elements_of(tensor)
    if any(dim < 0 for dim in tensor.dims):
        raise ModelError(f"{tensor.name!r} is damaged", why="it has a negative dimension")
    if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1):
        return (count + 1) // 2
    try:
        return count * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{tensor.name!r} is damaged", why=f"unknown data type {tensor.data_type}") from error
