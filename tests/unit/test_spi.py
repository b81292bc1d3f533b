"""The plugin surface: small, complete, frozen values, nothing heavy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from workbench import spi


def test_every_public_name_exists_once() -> None:
    assert [name for name in spi.__all__ if not hasattr(spi, name)] == []
    assert len(set(spi.__all__)) == len(spi.__all__) <= 20


@pytest.mark.parametrize("name", ["Availability", "Deviation", "Placement", "Prepared", "OpenOptions", "Dialect"])
def test_values_are_frozen(name: str) -> None:
    kind = getattr(spi, name)
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen


def test_a_deviation_refuses_nothing_by_default() -> None:
    deviation = spi.Deviation(None, "int8", "float", "no kernel")
    assert (deviation.codes_change, deviation.refuses) == (None, False)


def test_read_back_of_something_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    from workbench.errors import ModelError

    (tmp_path / "artifact.onnx").write_bytes(b"\x00\x01")
    with pytest.raises(ModelError, match=r"artifact\.onnx"):
        spi.read_back_qdq(tmp_path / "artifact.onnx")


def test_every_method_of_the_protocols_is_documented() -> None:
    for protocol in (spi.Runtime, spi.Session, spi.Context, spi.Quantizer):
        methods = [value for key, value in vars(protocol).items() if not key.startswith("_") and callable(value)]
        assert methods
        assert all(method.__doc__ for method in methods)
