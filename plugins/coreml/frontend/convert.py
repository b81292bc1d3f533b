"""The frontend's face: an ONNX model as a MIL program, or the whole list of what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx
from workbench_plugins.coreml.frontend.dtypes import FLOATS, NARROWED, mil_type, narrowed
from workbench_plugins.coreml.frontend.moves import RESHAPES, Moved, moved
from workbench_plugins.coreml.frontend.names import Names
from workbench_plugins.coreml.frontend.net import DryNet, MilNet, Net, Value, as_constant, placeholder
from workbench_plugins.coreml.frontend.records import NOT_STATIC, Converted, RefusedError, Unsupported
from workbench_plugins.coreml.frontend.registry import FOLDED_ONLY, LOWERINGS
from workbench_plugins.coreml.frontend.source import ONNX_DOMAINS, Source, read_source
from workbench_plugins.coreml.frontend.step import LARGEST_RANK, Step

from workbench.errors import ModelError

TARGETS = ("iOS17", "iOS18")
FIX_SHAPE = (
    "give it a fixed shape, such as: python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name {name} "
    "--input_shape 1,3,224,224 MODEL.onnx FIXED.onnx"
)


def unsupported(model: onnx.ModelProto, target: str = "iOS17") -> list[Unsupported]:
    """Return every node that cannot be converted, in order; [] where `convert` will do it.

    Loads no coremltools: the conversions are walked through, and what they would build is dropped.
    """
    return _refused(read_source(model, LOWERINGS), target)


def convert(model: onnx.ModelProto, target: str) -> Converted:
    """Convert an ONNX model (with its weights inside, with static shapes) to a fresh MIL program.

    Args:
        model: not changed. Free dimensions are fixed by `shapes.with_batch` before.
        target: iOS17 | iOS18.

    Raises:
        ModelError: something has no equivalent; the message names the first, `unsupported` lists all.
    """
    if target not in TARGETS:
        raise ModelError(f"There is no target {target!r}.", how=f"use one of {', '.join(TARGETS)}")
    source = read_source(model, LOWERINGS)
    refused = _refused(source, target)
    if refused:
        raise _error(refused)
    return _build(source, target)


def _error(refused: Sequence[Unsupported]) -> ModelError:
    first = refused[0]
    what = f"{len(refused)} of the model's nodes cannot be converted to Core ML"
    return ModelError(f"{what}, the first is {first.node!r} ({first.op_type}).", why=first.why, how=first.remedy)


def _refused(source: Source, target: str) -> list[Unsupported]:
    """Return all refusals; where an input has no static shape, without the nodes that only lack one because of it."""
    inputs, nodes = _inputs_refused(source), _Writer(source, DryNet(target)).write_all()
    if any(item.why.endswith(NOT_STATIC) for item in inputs):
        nodes = [item for item in nodes if not item.why.endswith(NOT_STATIC)]
    return [*inputs, *nodes]


def _inputs_refused(source: Source) -> list[Unsupported]:
    refused = []
    for name in source.inputs:
        try:
            mil_type(source.element_type(name))
            _check_shape(source, name)
        except RefusedError as error:
            refused.append(Unsupported(name, "input", error.why, error.remedy))
    return refused


def _check_shape(source: Source, name: str) -> None:
    shape = source.shape(name)
    if shape is None:
        raise RefusedError(f"the shape of {name!r} {NOT_STATIC}", FIX_SHAPE.format(name=name))
    if len(shape) > LARGEST_RANK:
        raise RefusedError(f"{name!r} has {len(shape)} axes, and Core ML has 5 at most", "merge axes in the model")
    if 0 in shape:
        raise RefusedError(f"{name!r} is empty (shape {list(shape)}), and Core ML has no empty tensors")


@dataclass
class _Writer:
    """Converts node by node, and keeps which MIL names came of what."""

    source: Source
    net: Net
    values: dict[str, Value] = field(default_factory=dict)
    tensor_names: dict[str, str] = field(default_factory=dict)
    node_ops: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    named: dict[int, str] = field(default_factory=dict)
    wide: dict[str, Moved] = field(default_factory=dict)
    """Tensors of more than five axes."""

    def write_all(self) -> list[Unsupported]:
        """Convert every node; return those refused. What they feed is converted all the same."""
        refused = []
        for node in self.source.nodes:
            try:
                self._write(node)
            except RefusedError as error:
                domain = "" if node.domain in ONNX_DOMAINS else f"{node.domain}."
                refused.append(Unsupported(node.name, f"{domain}{node.op_type}", error.why, error.remedy))
        return refused

    def variable(self, name: str) -> Value:
        """Return a tensor's variable; a constant is added when it is first asked for."""
        if name not in self.values and name in self.source.constants:
            array = self.source.constants[name]
            if not array.size:
                raise RefusedError(f"{name!r} is empty (shape {list(array.shape)}), and Core ML has no empty tensors")
            value = as_constant(narrowed(array))
            self.take(name, self.net.emit("const", name, 1, {"val": value})[0])
        return self.values.get(name)

    def _write(self, node: onnx.NodeProto) -> None:
        lower = LOWERINGS.get(node.op_type) if node.domain in ONNX_DOMAINS else None
        if lower is None:
            raise _no_conversion(node)
        step = Step(node, self.source, self.net, self.variable, lambda words: self.notes.update({words: None}))
        if self._is_wide(node):
            self._bind_wide(node, moved(step, self.wide.get(node.input[0]), lower))
        else:
            self._check(node)
            made = lower(step)
            self._bind(node, list(made) if isinstance(made, (list, tuple)) else [made])
        self.node_ops[node.name] = _op_names(step.made)

    def _check(self, node: onnx.NodeProto) -> None:
        for name in (*node.input, *node.output):
            if not name:
                continue
            mil_type(self.source.element_type(name)) if name in self.source.types else None
            if name not in self.source.constants:
                _check_shape(self.source, name)

    def _is_wide(self, node: onnx.NodeProto) -> bool:
        """Whether a node reads a tensor of more than five axes that is never made, or may be the first to do so."""
        if node.input and node.input[0] in self.wide:
            return True
        shape = self.source.shape(node.output[0]) if node.op_type in RESHAPES else None
        return shape is not None and len(shape) > LARGEST_RANK and node.input[0] not in self.source.constants

    def _bind_wide(self, node: onnx.NodeProto, made: Value | Moved) -> None:
        if isinstance(made, Moved):
            if node.output[0] in self.source.outputs:
                _check_shape(self.source, node.output[0])
            self.wide[node.output[0]] = made
        self._bind(node, [made.base if isinstance(made, Moved) else made])

    def _bind(self, node: onnx.NodeProto, made: list[Value]) -> None:
        for name, value in zip(node.output, made, strict=False):
            if not name or value is None:
                continue
            if id(value) not in self.named:
                self.net.rename(value, name)
            self.take(name, value)

    def take(self, name: str, value: Value) -> None:
        """Keep a tensor's variable; it has its name."""
        self.values[name] = value
        self.named.setdefault(id(value), name)
        self.tensor_names[name] = getattr(value, "name", name)


def _op_names(values: Sequence[Value]) -> tuple[str, ...]:
    ops = [value.op for value in values if hasattr(value, "op")]
    return tuple(str(op.name) for op in ops if op.op_type != "const")


def _no_conversion(node: onnx.NodeProto) -> RefusedError:
    if node.domain not in ONNX_DOMAINS:
        return RefusedError(f"ops of the domain {node.domain!r} have no conversion", "export with ONNX's own ops")
    if node.op_type in FOLDED_ONLY:
        return RefusedError(f"its value depends on a shape that {NOT_STATIC}", "give every input a fixed shape")
    return RefusedError("this op has no conversion", "leave it out of the model, or compute it outside")


def _build(source: Source, target: str) -> Converted:
    import coremltools  # noqa: PLC0415  (takes seconds)
    from coremltools.converters.mil.mil import Function, Program  # noqa: PLC0415

    names = Names()
    features = {name: names.new(name) for name in source.inputs}
    specs = {features[name]: placeholder(*_feature(source, name)) for name in source.inputs}
    writer = _Writer(source, MilNet(target, names))
    program = Program()
    with Function(specs, opset_version=getattr(coremltools.target, target)) as function:
        for name in source.inputs:
            _take_input(writer, name, function.inputs[features[name]])
        writer.write_all()
        outputs = {name: _give_output(writer, name) for name in source.outputs}
        function.set_outputs(list(outputs.values()))
    program.add_function("main", function)
    return Converted(
        program,
        writer.tensor_names,
        writer.node_ops | dict.fromkeys(source.folded, ()),
        features,
        {name: str(value.name) for name, value in outputs.items()},
        (*_words(source), *writer.notes),
    )


def _feature(source: Source, name: str) -> tuple[tuple[int, ...], str]:
    """Return shape and type of an input as Core ML has it: at least one axis; float32, float16 or int32."""
    dtype = mil_type(source.element_type(name))
    return source.shape(name) or (1,), dtype if dtype in FLOATS else "int32"


def _take_input(writer: _Writer, name: str, value: Value) -> None:
    feature, dtype = value.name, mil_type(writer.source.element_type(name))
    if writer.source.shape(name) == ():
        value = writer.net.emit("squeeze", f"{name}_scalar", 1, {"x": value, "axes": [0]})[0]
        writer.notes[f"{name} (input): a number without axes comes in as one of shape [1]"] = None
    if dtype not in FLOATS and dtype != "int32":
        value = writer.net.emit("cast", f"{name}_{dtype}", 1, {"x": value, "dtype": dtype})[0]
        writer.notes[f"{name} (input): {dtype} comes in as int32"] = None
    writer.take(name, value)
    writer.tensor_names[name] = feature


def _give_output(writer: _Writer, name: str) -> Value:
    """Return the variable of a model's output: with an axis, of a type and a name that Core ML takes."""
    value = writer.variable(name)
    dtype = mil_type(writer.source.element_type(name))
    made = value
    if writer.source.shape(name) == ():
        made = writer.net.emit("expand_dims", f"{name}_axis", 1, {"x": made, "axes": [0]})[0]
        writer.notes[f"{name} (output): a number without axes goes out as one of shape [1]"] = None
    if dtype not in FLOATS and dtype != "int32":
        made = writer.net.emit("cast", f"{name}_int32", 1, {"x": made, "dtype": "int32"})[0]
        writer.notes[f"{name} (output): {dtype} goes out as int32"] = None
    if made is value and _is_taken(writer, name, value):
        made = writer.net.emit("identity", name, 1, {"x": value})[0]
    return made


def _is_taken(writer: _Writer, name: str, value: Value) -> bool:
    """Whether a variable is a constant, or has the name of another tensor."""
    return writer.named[id(value)] != name or (value.op is not None and value.op.op_type == "const")


def _words(source: Source) -> list[str]:
    kinds = {source.element_type(name) for name in (*source.inputs, *source.outputs, *source.types)}
    expanded = [f"{op}: written as the ops that define it" for op in sorted(source.expanded)]
    return [words for kind, words in NARROWED.items() if kind in kinds] + expanded
