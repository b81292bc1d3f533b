"""Loading an ONNX model: read, check, raise to opset 13, name every node, fingerprint."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnx.inliner
import onnx.version_converter
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto, ValueInfoProto

from workbench.errors import ModelError, OutputError
from workbench.files import write_bytes_atomic
from workbench.model.external import fingerprint, read_external_data
from workbench.model.foreign import refuse_foreign
from workbench.model.graph import TensorSpec
from workbench.model.opset import MINIMUM_OPSET, raise_opset
from workbench.model.protos import (
    DEFAULT_DOMAINS,
    all_graphs,
    all_nodes,
    copy_without,
    fresh_name,
    opset_of,
    read_names,
    refresh_shapes,
    shape_of,
    weight_bytes,
)

KNOWN_DOMAINS = (*DEFAULT_DOMAINS, "ai.onnx.ml")
MAX_INLINE_BYTES = 1_900_000_000
_LARGE_TENSOR_BYTES = 1024
_ALIGNMENT_BYTES = 64
_LONGEST_AXIS = 60
_NO_NAMES = ("?", "-1", "None")
_OWN_OPS = "it is an op of ONNX Runtime alone, written by its quantizer or its optimizer"
_PROTO_ERRORS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    onnx.version_converter.ConvertError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
)


@dataclass(frozen=True, eq=False)
class Model:
    """A model as the user gave it, in a form the other rooms can rely on.

    Attributes:
        sha256: over the file's bytes and the content of its external data; 64 hex digits.
        format: "ONNX".
        proto: weights inside; opset 13 or higher; initializers not listed as inputs; unique, non-empty node
            names; types and shapes inferred.
        notes: facts worth a line on screen (opset raised, already quantized, ...).
    """

    path: Path
    name: str
    sha256: str
    format: str
    proto: ModelProto
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def fixed_batch(self) -> int | None:
        """First axis of the first input, or None where it is symbolic or there is no axis."""
        shape = self.inputs[0].shape
        return shape[0] if shape and isinstance(shape[0], int) else None


def load_model(path: Path) -> Model:
    """Read and check a model.

    Raises:
        ModelError: missing, not ONNX, damaged, external data outside the folder, ops outside the ONNX standard,
            an opset that cannot be raised, inputs that are not tensors.
    """
    data = _read(path)
    proto = _parse(data, path)
    locations = read_external_data(proto, path.parent)
    found_opset = opset_of(proto)
    proto, inlined = _inline_functions(proto, path.name)
    _clean(proto, path.name)
    proto = raise_opset(proto)
    _clean(proto, path.name)
    _check(proto, path.name)
    notes = _notes(proto, found_opset, inlined)
    return Model(
        path=path,
        name=path.stem,
        sha256=fingerprint(data, path.parent, locations),
        format="ONNX",
        proto=proto,
        inputs=tuple(tensor_spec(value) for value in proto.graph.input),
        outputs=tuple(tensor_spec(value) for value in proto.graph.output),
        notes=notes,
    )


def save_proto(proto: ModelProto, path: Path) -> None:
    """Write a model atomically; equal protos give equal bytes.

    Above 1.9 GB of weights, which one protobuf cannot hold, they go to `<name>.data` beside it, written first.

    Raises:
        OutputError: the folder is missing, read-only or full.
    """
    if weight_bytes(proto) > MAX_INLINE_BYTES:
        proto = _with_external_weights(proto, path)
    write_bytes_atomic(path, proto.SerializeToString(deterministic=True))


def tensor_spec(value: ValueInfoProto) -> TensorSpec:
    """Return name, numpy dtype name and shape of a graph input or output. Raises ModelError if it has none."""
    kind = value.type.tensor_type
    shape = shape_of(value)
    if value.type.HasField("sequence_type") or value.type.HasField("map_type"):
        raise ModelError(
            f"Input or output {value.name!r} is a sequence or a map, not a tensor",
            how="Export the model with tensors only; skl2onnx does with options={id(model): {'zipmap': False}}.",
        )
    if not value.type.HasField("tensor_type") or not kind.elem_type or shape is None:
        raise ModelError(
            f"Input or output {value.name!r} is not a tensor of known rank", how="Export the model with shapes."
        )
    return TensorSpec(value.name, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name, shape)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        refuse_foreign(path)  # a folder
        how = "Choose the file where it lies now."
        raise ModelError(f"{path.name} cannot be read", why=error.strerror or str(error), how=how) from error


def _parse(data: bytes, path: Path) -> ModelProto:
    proto, name = ModelProto(), path.name
    try:
        proto.ParseFromString(data)
    except (DecodeError, RuntimeError) as error:
        raise _not_onnx(path, "it is damaged, cut off, or another kind of file") from error
    if not proto.graph.node or not proto.graph.output:
        raise _not_onnx(path, "it holds no graph with nodes and outputs")
    if proto.opset_import and all(node.domain not in DEFAULT_DOMAINS for node in all_nodes(proto.graph)):
        proto.opset_import.append(onnx.helper.make_opsetid("", MINIMUM_OPSET))  # none of its ops needs one
    if not opset_of(proto):
        raise _not_onnx(path, "it does not say its opset; it may be cut off")
    if proto.ir_version > onnx.IR_VERSION or opset_of(proto) > onnx.defs.onnx_opset_version():
        raise ModelError(
            f"{name} is newer than this program reads",
            why=f"IR {proto.ir_version} and opset {opset_of(proto)}; IR {onnx.IR_VERSION} and opset "
            f"{onnx.defs.onnx_opset_version()} are the newest known",
            how="Export it with an older opset.",
        )
    return proto


def _not_onnx(path: Path, why: str) -> ModelError:
    """Return the error; where the file is a known one of another kind, that is raised at once."""
    refuse_foreign(path)
    return ModelError(f"{path.name} is not an ONNX model", why=why, how="Export or copy it again.")


def _inline_functions(proto: ModelProto, name: str) -> tuple[ModelProto, int]:
    if not proto.functions:
        return proto, 0
    try:
        return onnx.inliner.inline_local_functions(proto), len(proto.functions)
    except _PROTO_ERRORS as error:
        raise ModelError(f"The functions in {name} cannot be inlined", why=_first_line(error)) from error


def _clean(proto: ModelProto, name: str) -> None:
    """Bring the proto to the form the other rooms rely on, in place."""
    _drop_old_domains(proto, name)
    _drop_weight_inputs(proto)
    _drop_unused_initializers(proto, name)
    _name_nodes(proto)
    _mark_symbolic_axes(proto)
    proto.ir_version = max(proto.ir_version, 8, onnx.helper.find_min_ir_version_for(list(proto.opset_import)))
    del proto.graph.value_info[:]


def _drop_old_domains(proto: ModelProto, name: str) -> None:
    for node in all_nodes(proto.graph):
        if node.domain not in KNOWN_DOMAINS:
            is_own = node.domain.startswith("com.microsoft")
            raise ModelError(
                f"{name} uses op {node.op_type} of domain {node.domain!r}",
                why=_OWN_OPS if is_own else "it is not an ONNX standard op",
                how="Give the model as it was before that." if is_own else "Export the model with standard ops only.",
            )
        if node.domain == "ai.onnx":
            node.domain = ""
    used = {node.domain for node in all_nodes(proto.graph)}
    versions = {"": opset_of(proto)}
    versions.update({entry.domain: entry.version for entry in proto.opset_import if entry.domain in used - {""}})
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in versions.items())


def _drop_unused_initializers(proto: ModelProto, name: str) -> None:
    """Keep the first of equal initializers of one name, and only those that something reads."""
    read = {tensor for node in proto.graph.node for tensor in read_names(node)}
    read |= {value.name for value in proto.graph.output}
    kept: dict[str, TensorProto] = {}
    for tensor in proto.graph.initializer:
        first = kept.setdefault(tensor.name, tensor)
        if first is not tensor and first != tensor:
            raise ModelError(f"{name} has two different initializers named {tensor.name!r}")
    unused = [tensor for tensor in kept.values() if tensor.name not in read]
    if unused or len(kept) < len(proto.graph.initializer):
        remaining = [tensor for tensor in kept.values() if tensor.name in read]
        del proto.graph.initializer[:]
        proto.graph.initializer.extend(remaining)


def _drop_weight_inputs(proto: ModelProto) -> None:
    """Take initializers off the list of graph inputs, where IR versions below 4 had to list them."""
    initializers = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in initializers]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)


def _name_nodes(proto: ModelProto) -> None:
    """Give empty and repeated node names a name from op type and position; names in use stay."""
    for graph in all_graphs(proto.graph):
        taken = {node.name for node in all_nodes(proto.graph) if node.name}
        seen: set[str] = set()
        for index, node in enumerate(graph.node):
            if not node.name:
                node.name = fresh_name(f"{node.op_type}_{index}", taken)
            elif node.name in seen:
                node.name = fresh_name(node.name, taken)
            seen.add(node.name)


def _mark_symbolic_axes(proto: ModelProto) -> None:
    """Name axes of any size: 0 or -1 of old exporters, a "?" that stands for several sizes, and whole formulas."""
    short: dict[str, str] = {}
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            own = f"{value.name}_axis{axis}"
            if (dim.HasField("dim_value") and dim.dim_value <= 0) or dim.dim_param in _NO_NAMES:
                dim.dim_param = own
            elif len(dim.dim_param) > _LONGEST_AXIS:
                dim.dim_param = short.setdefault(dim.dim_param, own)


def _check(proto: ModelProto, name: str) -> None:
    try:
        refresh_shapes(proto)
        if weight_bytes(proto) <= MAX_INLINE_BYTES:
            onnx.checker.check_model(proto, full_check=True)
    except _PROTO_ERRORS as error:
        raise ModelError(f"{name} is not a valid ONNX model", why=_first_line(error)) from error
    if not proto.graph.input:
        raise ModelError(f"{name} has no inputs", how="Give a model that computes something from its inputs.")


def _notes(proto: ModelProto, found_opset: int, inlined: int) -> tuple[str, ...]:
    notes = []
    if found_opset < MINIMUM_OPSET:
        notes.append(f"Opset {found_opset} was raised to {opset_of(proto)}.")
    if inlined:
        notes.append(f"{inlined} local functions were inlined.")
    ops = Counter(node.op_type for node in all_nodes(proto.graph))
    if any("QuantizeLinear" in op or op.startswith("QLinear") or op.endswith("Integer") for op in ops):
        notes.append("The model is already quantized; its own quantization stays as it is.")
    if any(tensor.data_type == TensorProto.FLOAT16 for tensor in proto.graph.initializer):
        notes.append("The model holds float16 weights; float32 figures start from those.")
    if any(op in ops for op in ("If", "Loop", "Scan")):
        notes.append("The model has control flow; what is inside it stays in float, but for an If on a constant.")
    scalars = [value.name for value in proto.graph.input if shape_of(value) == ()]
    if scalars:
        notes.append(f"Inputs without axes take one value for all samples of a study: {', '.join(scalars)}.")
    return tuple(notes)


def _with_external_weights(proto: ModelProto, path: Path) -> ModelProto:
    """Write large initializers to `<name>.data` and return a copy that points there."""
    large = [tensor for tensor in proto.graph.initializer if len(tensor.raw_data) >= _LARGE_TENSOR_BYTES]
    copy = copy_without(proto, (tensor.name for tensor in large))
    location = f"{path.name}.data"
    offsets = _write_weights(large, path.with_name(location))
    for tensor, offset in zip(large, offsets, strict=True):
        reference = copy.graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        reference.data_location = TensorProto.EXTERNAL
        entries = {"location": location, "offset": str(offset), "length": str(len(tensor.raw_data))}
        for key, value in entries.items():
            reference.external_data.add(key=key, value=value)
    return copy


def _write_weights(tensors: list[TensorProto], path: Path) -> list[int]:
    """Write the tensors' bytes one after another, aligned, atomically; return each one's offset in bytes."""
    offsets = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            for tensor in tensors:
                stream.write(b"\0" * (-stream.tell() % _ALIGNMENT_BYTES))
                offsets.append(stream.tell())
                stream.write(tensor.raw_data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(stream.name).replace(path)
    except OSError as error:
        raise OutputError(
            f"{path.name} cannot be written", why=error.strerror or str(error), how="Choose a writable folder."
        ) from error
    return offsets


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
