from contextlib import closing
from typing import Any

import pytest
from helpers.coreml_standin import put_in_place
from workbench_plugins.coreml.mac import MacModel
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.self_test import first_departure, handed_out


def departure(residual: Any, monkeypatch: pytest.MonkeyPatch, moved: dict[str, float]) -> Any:
    stand_in = put_in_place(monkeypatch)
    stand_in.moved.update(moved)
    feeds = {"input": residual.feeds["input"][:1]}
    with closing(MacModel(residual.prepared.artifact, "all")) as model:
        return first_departure(residual.prepared.artifact, model, feeds, "float32")


def test_nothing_departs_where_values_agree(residual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert departure(residual, monkeypatch, {}) is None


def test_the_first_operation_that_departs_is_named(residual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = departure(residual, monkeypatch, {"block0_add": 0.5, "block1_conv1": 5.0})
    assert (found.operation, found.op_type) == ("block0_add", "add")
    assert found.compared > 1
    assert "add 'block0_add' departs first" in str(found)


def test_codes_are_not_asked_for_since_core_ml_does_not_hand_them_out(residual: Any) -> None:
    kinds = handed_out(read_package(residual.prepared.artifact)).values()
    assert "dequantize" in kinds
    assert not {"quantize", "const", "constexpr_affine_dequantize"} & set(kinds)
