"""Core ML packages for tests: written field by field, or with the MIL Builder."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from helpers.coreml import quiet_coremltools

FLOAT32, INT8, INT32, STRING = 11, 21, 23, 2


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str) -> bytes:
    """Return a varint or a length-delimited field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def entry(number: int, key: str, value: bytes) -> bytes:
    """Return one entry of a map field."""
    return field(number, field(1, key) + field(2, value))


def value_type(dtype: int, shape: Sequence[int] = ()) -> bytes:
    dimensions = b"".join(field(3, field(1, field(1, size))) for size in shape)
    return field(1, field(1, dtype) + field(2, len(shape)) + dimensions)


def variable(name: str, dtype: int = FLOAT32, shape: Sequence[int] = (2,)) -> bytes:
    return field(1, name) + field(2, value_type(dtype, shape))


def immediate(dtype: int, shape: Sequence[int], tensor: bytes) -> bytes:
    return field(2, value_type(dtype, shape)) + field(3, field(1, tensor))


def text_value(text: str) -> bytes:
    return immediate(STRING, (), field(4, field(1, text)))


def floats(*values: float) -> bytes:
    return immediate(FLOAT32, (len(values),), field(1, field(1, struct.pack(f"<{len(values)}f", *values))))


def blob_value(file_name: str, offset: int, dtype: int = FLOAT32, shape: Sequence[int] = (2,)) -> bytes:
    return field(2, value_type(dtype, shape)) + field(5, field(1, file_name) + field(2, offset))


def operation(
    op_type: str,
    inputs: Mapping[str, str],
    outputs: Sequence[bytes],
    attributes: Mapping[str, bytes] | None = None,
    blocks: Sequence[bytes] = (),
) -> bytes:
    arguments = (entry(2, key, field(1, field(1, name))) for key, name in inputs.items())
    named = (entry(5, key, value) for key, value in (attributes or {}).items())
    return b"".join(
        [field(1, op_type), *arguments, *(field(3, item) for item in outputs), *(field(4, b) for b in blocks), *named]
    )


def const(name: str, value: bytes, dtype: int = FLOAT32, shape: Sequence[int] = (2,)) -> bytes:
    return operation("const", {}, [variable(name, dtype, shape)], {"val": value, "name": text_value(name)})


def block(operations: Sequence[bytes], outputs: Sequence[str]) -> bytes:
    return b"".join([*(field(2, name) for name in outputs), *(field(3, item) for item in operations)])


def model(operations: Sequence[bytes], outputs: Sequence[str], inputs: Sequence[bytes] = ()) -> bytes:
    """Return a specification whose one function "main" holds the operations; its input is x [2] by default."""
    function = b"".join(field(1, item) for item in inputs or [variable("x")])
    function += field(2, "CoreML7") + entry(3, "CoreML7", block(operations, outputs))
    return field(1, 8) + field(502, field(1, 1) + entry(2, "main", function))


def write_package(path: Path, specification: bytes, weights: bytes | None = None, item: str | None = None) -> Path:
    """Write a package; `item` is the model's path in the manifest."""
    data = path / "Data" / "com.apple.CoreML"
    (data / "weights").mkdir(parents=True)
    (data / "model.mlmodel").write_bytes(specification)
    if weights is not None:
        (data / "weights" / "weight.bin").write_bytes(weights)
    entries = {"a": {"path": item or "com.apple.CoreML/model.mlmodel"}}
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries, "rootModelIdentifier": "a"}
    (path / "Manifest.json").write_text(json.dumps(manifest))
    return path


def weight_file(data: bytes, stored: int = 2, size: int | None = None, start: int = 128) -> bytes:
    """Return a weight file with one blob whose metadata is at byte 64."""
    metadata = struct.pack("<IIQQQ", 0xDEADBEEF, stored, len(data) if size is None else size, start, 0)
    return struct.pack("<II", 1, 2).ljust(64, b"\0") + metadata.ljust(64, b"\0") + data


def save(
    path: Path,
    build: Callable[..., Any],
    inputs: Mapping[str, Sequence[int]],
    target: str = "iOS17",
    precision: str = "FLOAT32",
    without: Sequence[str] | None = None,
) -> Path:
    """Save what `build(mb, **inputs)` makes of float32 inputs with the MIL Builder mb.

    `without` names passes to take out of the default pipeline; None takes all of them.
    """
    ct = quiet_coremltools()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from coremltools.converters.mil import Builder as mb  # noqa: N813  (the name that everybody gives it)

        pipeline = ct.PassPipeline.EMPTY if without is None else ct.PassPipeline.DEFAULT
        pipeline.remove_passes(set(without or ()))
        specs = [mb.TensorSpec(shape=tuple(shape)) for shape in inputs.values()]
        arguments = ", ".join(inputs)
        named = eval(f"lambda {arguments}: build(mb, {arguments})", {"build": build, "mb": mb})
        program = mb.program(input_specs=specs, opset_version=ct.target[target])(named)
        converted = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target[target],
            compute_precision=ct.precision[precision],
            pass_pipeline=pipeline,
            skip_model_load=True,
        )
        converted.save(str(path))
    return path


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
