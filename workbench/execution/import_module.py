"""A torch.nn.Module that a factory gave, seen as a function from a flat list of tensors to named tensors.

torch is handed in: only `importers` loads it. NOT here: TorchScript and saved programs, comparing (importers).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.execution.import_words import NO_TENSOR

MAX_BATCH = 1 << 16
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""By place, and by name."""
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, eq=False)
class Source:
    """One model in torch.

    Attributes:
        names: input names in call order.
        examples: one tensor per input, as the model's author used them; empty when not known.
        call: flat input tensors -> flat output tensors.
        export: (flat input tensors, file, whether the first axis shall be symbolic) -> writes ONNX.
        opset: of the file that `export` writes.
        batch_is_decided: the program fixed its symbolic axes when it was saved.
        notes: what was done to the model before, one sentence each.
    """

    names: tuple[str, ...]
    examples: tuple[Any, ...]
    call: Callable[[Sequence[Any]], list[Any]]
    export: Callable[[Sequence[Any], Path, bool], None]
    opset: int
    batch_is_decided: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Call:
    """How a module is called: arguments by place and by name, in which tensors are the model's inputs.

    Attributes:
        leaves, structure: the arguments as torch's pytree flattens them; what is no tensor is a constant.
        names: of the tensors among the leaves, in their order.
    """

    leaves: tuple[Any, ...]
    structure: Any
    names: tuple[str, ...]

    def arguments(self, torch: Any, tensors: Sequence[Any]) -> Arguments:
        """Return (by place, by name) with `tensors` in the place of the examples."""
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        by_place, by_name = torch.utils._pytree.tree_unflatten(leaves, self.structure)
        return tuple(by_place), dict(by_name)


Write = Callable[[Any, Path, int, Sequence[str]], None]
"""(program, file, bytes of its weights, names of its outputs) -> writes ONNX."""


def source_of_module(
    torch: Any, module: Any, examples: tuple[Any, ...], given: Collection[str], opset: int, write: Write
) -> Source:
    """Return a module with its inputs and outputs made flat, in eval mode, on the CPU and in float32.

    Args:
        examples: what the factory returned behind the module: nothing; a tensor, positional arguments or a dict of
            keyword arguments; or positional and keyword arguments.
        given: names of the arrays of the user's data; they tell the inputs of a module without examples.

    Raises:
        TypeError: examples without a tensor. `call` and `export` raise it for an output that is not made of tensors.
    """
    module, notes = in_float32(torch, module.eval().cpu())
    call = call_of(torch, module, examples, given)
    found = _named_outputs_forward(torch, module)

    def run(tensors: Sequence[Any]) -> list[Any]:
        by_place, by_name = call.arguments(torch, tensors)
        with torch.no_grad():
            return list(module(*by_place, **by_name))

    def export(tensors: Sequence[Any], path: Path, dynamic: bool) -> None:
        by_place, by_name = call.arguments(torch, tensors)
        shapes = _batch_shapes(torch, module, by_place, by_name) if dynamic else None
        with torch.no_grad():
            program = torch.export.export(module, by_place, by_name, dynamic_shapes=shapes)
        size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
        write(program, path, size, _free_names(found, call.names))

    tensors = tuple(leaf for leaf in call.leaves if isinstance(leaf, torch.Tensor))
    floats = tuple(leaf.float() if notes and leaf.is_floating_point() else leaf for leaf in tensors)
    return Source(call.names, floats if examples else (), run, export, opset, notes=notes)


def call_of(torch: Any, module: Any, examples: tuple[Any, ...], given: Collection[str]) -> Call:
    """Return how a module is called with `examples`; without them, with every parameter it needs or `given` names."""
    parameters = inspect.signature(module.forward).parameters.values()
    if not examples:
        asked = [item for item in parameters if item.kind in _BY_PLACE or item.kind is item.KEYWORD_ONLY]
        needed = [item.name for item in asked if item.default is item.empty or item.name in given]
        examples = (dict.fromkeys(needed, torch.zeros(1)),)
    leaves, structure = torch.utils._pytree.tree_flatten_with_path(_arguments(torch, *examples))
    star = next((item.name for item in parameters if item.kind is item.VAR_POSITIONAL), "input")
    names = _names_of([item.name for item in parameters if item.kind in _BY_PLACE], star)
    found = [(names(path), leaf) for path, leaf in leaves]
    tensor_names = tuple(name for name, leaf in found if isinstance(leaf, torch.Tensor))
    if examples and not tensor_names:
        raise TypeError("its example inputs hold no tensor")
    return Call(tuple(leaf for _, leaf in leaves), structure, tensor_names)


def _arguments(torch: Any, examples: Any, by_name: Mapping[str, Any] | None = None) -> Arguments:
    if isinstance(examples, torch.Tensor):
        return (examples,), dict(by_name or {})
    if isinstance(examples, Mapping):
        return (), dict(examples)
    return tuple(examples), dict(by_name or {})


def _names_of(places: Sequence[str], star: str) -> Callable[[Any], str]:
    """Return what names a leaf by its path: its parameter, and its place inside where the argument is no tensor."""

    def name(path: Any) -> str:
        keys = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path]
        first = keys[1]
        if keys[0] == "0":
            place = int(first)
            first = places[place] if place < len(places) else f"{star}_{place - len(places)}"
        return "_".join([first, *keys[2:]])

    return name


def _batch_shapes(torch: Any, module: Any, by_place: tuple[Any, ...], by_name: dict[str, Any]) -> dict[str, Any]:
    """Return torch.export's dynamic shapes: the first axis of every tensor is one symbolic batch."""
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)

    def shape(leaf: Any) -> Any:
        return {0: batch} if isinstance(leaf, torch.Tensor) and leaf.ndim else None

    parameters = list(inspect.signature(module.forward).parameters.values())
    of_leaves = functools.partial(torch.utils._pytree.tree_map, shape)
    named = [item.name for item in parameters if item.kind in _BY_PLACE][: len(by_place)]
    shapes = {name: of_leaves(value) for name, value in zip(named, by_place, strict=False)}
    rest = by_place[len(named) :]
    star = next((item.name for item in parameters if item.kind is item.VAR_POSITIONAL), "")
    return {
        **shapes,
        **({star: tuple(map(of_leaves, rest))} if rest else {}),
        **{k: of_leaves(v) for k, v in by_name.items()},
    }


def in_float32(torch: Any, module: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the module in float32, whose values hold every float16 and bfloat16 weight exactly."""
    halves = {torch.float16, torch.bfloat16}
    tensors = (*module.parameters(), *module.buffers())
    found = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors if tensor.dtype in halves})
    if not found:
        return module, ()
    return module.float(), (f"Its {' and '.join(found)} weights are taken as they are, and computed with in float32.",)


def half_program_notes(torch: Any, weights: Iterable[Any]) -> tuple[str, ...]:
    """Return what a person should know of a saved program in float16, whose number formats cannot be changed any more.

    Raises:
        ModelError: it computes in bfloat16.
    """
    found = {tensor.dtype for tensor in weights}
    again = "export it in float32: torch.export.export(model.float(), example_inputs)"
    if torch.bfloat16 in found:
        why = "ONNX Runtime has no such kernels for CPUs"
        raise ModelError("The program computes in bfloat16", why=why, how=f"E{again[1:]}.")
    return (f"The program computes in float16, of which nothing becomes INT8; {again}.",) * (torch.float16 in found)


def _named_outputs_forward(torch: Any, module: Any) -> list[str]:
    """Make `module` return a flat tuple of tensors; the returned list holds their names after it ran."""
    original, names = module.forward, list[str]()

    @functools.wraps(original)
    def forward(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        found = flat_outputs(torch, original(*args, **kwargs))
        names[:] = [name for name, _ in found]
        return tuple(tensor for _, tensor in found)

    module.forward = forward
    return names


def flat_outputs(torch: Any, value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return (name, tensor) of every tensor in what a module returned; names are the keys, "" where there are none.

    Raises:
        TypeError: something else than tensors in dicts, dataclasses, tuples and lists; None is left out.
    """
    if value is None:
        return []
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    if isinstance(value, Mapping):
        parts = [(str(key), item) for key, item in value.items()]
    elif dataclasses.is_dataclass(value):
        parts = [(item.name, getattr(value, item.name)) for item in dataclasses.fields(value)]
    elif isinstance(value, tuple | list):
        fields = getattr(value, "_fields", None)
        parts = [(fields[i] if fields else (str(i) if name else ""), item) for i, item in enumerate(value)]
    else:
        raise TypeError(f"it returns {type(value).__name__} {name}".rstrip() + f", {NO_TENSOR}")
    return [pair for key, item in parts for pair in flat_outputs(torch, item, "_".join(filter(None, (name, key))))]


def _free_names(names: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Return output names where every output has its own, which no input has; else none."""
    free = tuple(f"{name}_out" if name in taken else name for name in names)
    return free if all(free) and len(set(free)) == len(free) else ()
