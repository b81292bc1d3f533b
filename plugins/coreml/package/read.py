"""Reading a saved .mlpackage into a plain program, on every operating system."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from workbench_plugins.coreml.package.blobs import BlobFiles
from workbench_plugins.coreml.package.program import Argument, Block, Function, Literal, Operation, Program, Variable
from workbench_plugins.coreml.package.values import MAX_NESTING, ValueProblem, read_constant, read_type
from workbench_plugins.coreml.package.wire import Message

from workbench.errors import ModelError

MAX_MANIFEST_BYTES = 1 << 20
MAX_MODEL_BYTES = 16 << 20
"""Far beyond any program whose weights lie in their own file; a message's fields take many times its bytes to read."""
_LONGEST_REASON = 300
_ML_PROGRAM = 502
_INTERNAL = frozenset({"name"})


def read_package(path: Path) -> Program:
    """Read manifest, model and weights of an mlprogram package.

    Args:
        path: the .mlpackage folder.

    Raises:
        ModelError: no package, no mlprogram, or one that breaks its format; one line that says what and why.
    """
    try:
        model_path = _model_path(path)
        message = Message(model_path.read_bytes())
        return _Reader(BlobFiles(model_path.parent)).program(message)
    except (ValueError, OSError, RecursionError) as error:
        why = shortened(getattr(error, "strerror", None) or str(error))
        raise ModelError(f"{path.name} is no readable Core ML package", why=why, how="Build it again.") from error


def shortened(text: str) -> str:
    """Return a text whose middle is left out where names in it are endless."""
    half = _LONGEST_REASON // 2
    return text if len(text) <= _LONGEST_REASON else f"{text[:half]} ... {text[-half:]}"


def _model_path(package: Path) -> Path:
    """Return the model file that the manifest names, which must lie within the package."""
    manifest = package / "Manifest.json"
    if not manifest.is_file():
        raise ValueProblem("it has no Manifest.json")
    if manifest.stat().st_size > MAX_MANIFEST_BYTES:
        raise ValueProblem(f"Manifest.json is larger than {MAX_MANIFEST_BYTES} bytes")
    relative = _root_item(manifest)
    data = package / "Data"
    path = (data / PurePosixPath(relative)).resolve()
    if not path.is_relative_to(data.resolve()) or not data.resolve().is_relative_to(package.resolve()):
        raise ValueProblem(f"its model file is outside the package: {relative!r}")
    if not path.is_file():
        raise ValueProblem(f"its model file {relative!r} is missing")
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise ValueProblem(f"its model file is larger than {MAX_MODEL_BYTES} bytes")
    return path


def _root_item(manifest: Path) -> str:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        relative = content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueProblem("Manifest.json names no model file") from error
    if not isinstance(relative, str) or "\0" in relative:
        raise ValueProblem("Manifest.json names no model file")
    return relative


class _Reader:
    """Builds the records; knows where weights lie."""

    def __init__(self, blobs: BlobFiles) -> None:
        self._blobs = blobs

    def program(self, model: Message) -> Program:
        if _ML_PROGRAM not in model:
            raise ValueProblem("it holds another kind of model than an mlprogram")
        functions = model.message(_ML_PROGRAM).map(2)
        if not functions:
            raise ValueProblem("its program has no function")
        return Program(model.integer(1), {name: self._function(function) for name, function in functions.items()})

    def _function(self, message: Message) -> Function:
        inputs, opset = _variables(message.messages(1)), message.text(2)
        blocks = message.map(3)
        if opset not in blocks:
            raise ValueProblem(f"a function has no block for its opset {opset!r}")
        block = self._block(blocks[opset], {variable.name for variable in inputs})
        return Function(inputs, opset, block)

    def _block(self, message: Message, defined: set[str], depth: int = 0) -> Block:
        """Read a block whose operations may use the names in `defined` and what stands before them.

        Its own names are in the set while it is read: a copy per block would take forever where there are many.
        """
        if depth > MAX_NESTING:
            raise ValueProblem("blocks are nested too deeply")
        inputs = _variables(message.messages(1))
        _define(defined, inputs)
        operations: list[Operation] = []
        for item in message.messages(3):
            operation = self._operation(item, defined, depth)
            _define(defined, operation.outputs)
            operations.append(operation)
        outputs = tuple(message.texts(2))
        _require(outputs, defined, "a block")
        defined.difference_update(item.name for made in (inputs, *(op.outputs for op in operations)) for item in made)
        return Block(inputs, outputs, tuple(operations))

    def _operation(self, message: Message, defined: set[str], depth: int) -> Operation:
        op_type, outputs = message.text(1), _variables(message.messages(3))
        attributes = {key: read_constant(value, self._blobs.read) for key, value in message.map(5).items()}
        name = str(attributes.get("name") or (outputs[0].name if outputs else op_type))
        inputs = {key: self._arguments(value) for key, value in message.map(2).items()}
        names = [item for arguments in inputs.values() for item in arguments if isinstance(item, str)]
        _require(names, defined, f"{op_type} {name!r}")
        if op_type == "const" and ("val" not in attributes or len(outputs) != 1):
            raise ValueProblem(f"const {name!r} has no value")
        blocks = tuple(self._block(block, defined, depth + 1) for block in message.messages(4))
        kept = {key: value for key, value in attributes.items() if key not in _INTERNAL}
        return Operation(op_type, name, inputs, outputs, kept, blocks)

    def _arguments(self, message: Message) -> tuple[Argument, ...]:
        return tuple(self._argument(item) for item in message.messages(1))

    def _argument(self, binding: Message) -> Argument:
        if 2 in binding:
            return Literal(read_constant(binding.message(2), self._blobs.read))
        return binding.text(1)


def _variables(messages: Iterable[Any]) -> tuple[Variable, ...]:
    return tuple(Variable(message.text(1), read_type(message.message(2))) for message in messages)


def _define(defined: set[str], variables: Iterable[Variable]) -> None:
    for variable in variables:
        if not variable.name or variable.name in defined:
            raise ValueProblem(f"the name {variable.name!r} is given twice or empty")
        defined.add(variable.name)


def _require(names: Iterable[str], defined: set[str], reader: str) -> None:
    for name in names:
        if name not in defined:
            raise ValueProblem(f"{reader} reads {name!r}, which nothing before it defines")
