"""One node's facts: shapes, types, constants, and refusals in words."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.coreml import normal, one_node
from workbench_plugins.coreml.frontend.net import DryNet
from workbench_plugins.coreml.frontend.records import RefusedError
from workbench_plugins.coreml.frontend.source import read_source
from workbench_plugins.coreml.frontend.step import Step


class Recorder(DryNet):
    """Keeps what was emitted."""

    def __init__(self) -> None:
        super().__init__("iOS17")
        self.kinds: list[str] = []

    def emit(self, kind, wish, count, inputs):
        self.kinds.append(kind)
        return super().emit(kind, wish, count, inputs)


def step_of(op_type: str, arrays, **options) -> tuple[Step, Recorder, list[str]]:
    model, _ = one_node(op_type, arrays, **options)
    source, net, notes = read_source(model, {op_type}), Recorder(), []
    return Step(source.nodes[0], source, net, lambda name: name, notes.append), net, notes


def test_facts_of_inputs_and_outputs() -> None:
    step, _, _ = step_of("Concat", [normal(2, 3), normal(2, 4)], axis=-1)
    assert (step.shape(1), step.out_shape(), step.axis(0), step.input_count) == ((2, 4), (2, 7), 1, 2)
    assert (step.dtype(), step.out_dtype(), step.opset, step.target) == ("fp32", "fp32", 17, "iOS17")
    assert step.var(1) == "x1"


def test_a_missing_constant_is_refused_with_its_name() -> None:
    step, _, _ = step_of("Tile", [normal(2), np.array([2])])
    with pytest.raises(RefusedError, match="the repeats must be constant") as caught:
        step.constant(1, "the repeats")
    assert "'x1'" in caught.value.remedy


def test_small_integers_are_computed_in_int32() -> None:
    step, net, _ = step_of("Add", [np.zeros(2, np.uint8), np.zeros(2, np.uint8)])
    assert step.number(0)[1] == "int32"
    assert net.kinds == ["cast"]
    step.back(object(), "int32")
    assert net.kinds == ["cast", "cast"]


def test_a_broadcast_that_changes_nothing_adds_nothing() -> None:
    step, net, _ = step_of("Relu", [normal(2, 3)])
    step.broadcast(object(), (2, 3), (2, 3))
    assert net.kinds == []
    step.broadcast(object(), (3,), (2, 3))
    assert net.kinds == ["reshape", "tile"]


def test_a_sixth_axis_on_the_way_is_refused() -> None:
    step, _, _ = step_of("Relu", [normal(2)])
    with pytest.raises(RefusedError, match="rank 6"):
        step.reshape(object(), (1,) * 6)


def test_notes_name_the_node() -> None:
    step, _, notes = step_of("Relu", [normal(2)])
    step.note("done otherwise")
    assert notes == ["node (Relu): done otherwise"]
