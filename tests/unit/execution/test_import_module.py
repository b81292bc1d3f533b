"""A module's inputs and outputs as flat lists: by place, by name, nested, without examples; its numbers in float32."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

from workbench.errors import ModelError
from workbench.execution.import_module import (
    call_of,
    flat_outputs,
    half_program_notes,
    in_float32,
    source_of_module,
)

torch = pytest.importorskip("torch", reason="torch is not installed; it comes with the extra [torch]")


class Net(torch.nn.Module):
    def __init__(self, make: Any = lambda x: x) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        self.make = make

    def forward(self, x: Any, mask: Any = None, *, gate: Any = 1.0) -> Any:
        found = self.layer(x) * gate
        return self.make(found if mask is None else found * mask)


class Star(torch.nn.Module):
    def forward(self, *xs: Any) -> Any:
        return xs[0] + xs[1]


class Lists(torch.nn.Module):
    def forward(self, features: Any, scale: float) -> Any:
        return (features[0] + features[1]["deep"]) * scale


X = torch.ones(1, 4)


@pytest.mark.parametrize(
    ("module", "examples", "names"),
    [
        (Net(), (X,), ("x",)),
        (Net(), ((X, X[:, :2]),), ("x", "mask")),
        (Net(), ({"x": X, "gate": X[:, :2]},), ("x", "gate")),
        (Net(), ((X,), {"gate": X[:, :2]}), ("x", "gate")),
        (Star(), ((X, X),), ("xs_0", "xs_1")),
        (Lists(), (([X, {"deep": X}], 2.0),), ("features_0", "features_1_deep")),
    ],
)
def test_inputs_are_named_after_parameters_and_called_as_given(
    module: Any, examples: Any, names: tuple[str, ...]
) -> None:
    source = source_of_module(torch, module, examples, (), 18, lambda *_: None)
    assert source.names == names
    assert len(source.examples) == len(names)
    (found,) = source.call(source.examples)
    by_place, by_name = call_of(torch, module, examples, ()).arguments(torch, source.examples)
    assert torch.equal(found, module(*by_place, **by_name)[0])


def test_without_examples_the_needed_parameters_and_those_of_the_data_are_the_inputs() -> None:
    assert call_of(torch, Net(), (), ()).names == ("x",)
    assert call_of(torch, Net(), (), ("mask", "gate", "other")).names == ("x", "mask", "gate")
    assert source_of_module(torch, Net(), (), (), 18, lambda *_: None).examples == ()
    with pytest.raises(TypeError, match="hold no tensor"):
        call_of(torch, Net(), ((1.0,),), ())


@dataclass
class Result:
    logits: Any
    hidden: Any = None


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (lambda x: x, [""]),
        (lambda x: (x, x), ["", ""]),
        (lambda x: {"a": x, "b": [x, x]}, ["a", "b_0", "b_1"]),
        (Result, ["logits"]),
        (lambda x: OrderedDict(out=Result(x, x)), ["out_logits", "out_hidden"]),
        (lambda x: Pair(x, None), ["left"]),
    ],
)
def test_outputs_are_flat_and_named_by_their_keys(made: Any, names: list[str]) -> None:
    found = flat_outputs(torch, made(X))
    assert [name for name, _ in found] == names
    assert all(tensor is X for _, tensor in found)
    assert len(source_of_module(torch, Net(made), (X,), (), 18, lambda *_: None).call((X,))) == len(names)


def test_what_is_no_tensor_is_refused_by_its_place() -> None:
    with pytest.raises(TypeError, match="returns set b, which is no tensor"):
        flat_outputs(torch, {"a": X, "b": {1}})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_weights_are_computed_with_in_float32_and_said(dtype: str) -> None:
    module = Net().to(getattr(torch, dtype))
    weights = module.layer.weight.detach().clone()
    source = source_of_module(torch, module, (X.to(getattr(torch, dtype)),), (), 18, lambda *_: None)
    assert dtype in source.notes[0]
    assert source.examples[0].dtype == torch.float32
    assert source.call(source.examples)[0].dtype == torch.float32
    assert torch.equal(module.layer.weight, weights.float())
    assert in_float32(torch, Net())[1] == ()


def test_a_saved_program_in_half_precision_is_said_or_refused() -> None:
    assert half_program_notes(torch, [X]) == ()
    assert "nothing becomes INT8" in half_program_notes(torch, [X, X.half()])[0]
    with pytest.raises(ModelError, match=r"bfloat16.*Export it in float32: torch\.export"):
        half_program_notes(torch, [X, X.bfloat16()])


def test_output_names_reach_the_writer_and_never_repeat_an_input() -> None:
    told: list[Any] = []

    def write(_program: Any, _path: Any, size: int, outputs: Any) -> None:
        told.extend((size, outputs))

    module = Net(lambda found: {"logits": found, "x": found * 2})
    source = source_of_module(torch, module, (X,), (), 18, write)
    source.export([torch.ones(2, 4)], None, True)  # type: ignore[arg-type]  # the writer above needs no path
    assert told == [40, ("logits", "x_out")]
