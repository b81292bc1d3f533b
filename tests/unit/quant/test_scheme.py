"""Schemes: what is accepted, what is refused, and the JSON round trip."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SchemeError
from workbench.quant.scheme import METHODS, SCALE_ROUNDINGS, SCHEME_TITLES, WEIGHT_ROUNDINGS, Scheme, scheme_from_json

schemes = st.builds(
    Scheme,
    name=st.sampled_from(sorted(SCHEME_TITLES)),
    method=st.sampled_from(METHODS),
    percentile=st.floats(50.1, 100),
    exclude_nodes=st.lists(st.text(min_size=1), max_size=3).map(tuple),
    exclude_op_types=st.lists(st.text(min_size=1), max_size=3).map(tuple),
    quantize_logits=st.booleans(),
    bias_correction=st.booleans(),
    equalize_activations=st.booleans(),
    weight_rounding=st.sampled_from(WEIGHT_ROUNDINGS),
    scale_rounding=st.sampled_from(SCALE_ROUNDINGS),
)


@given(schemes)
def test_json_round_trip(scheme: Scheme) -> None:
    document = scheme.to_json()
    assert all(not isinstance(value, tuple) for value in document.values())
    assert scheme_from_json(document) == scheme


@pytest.mark.parametrize(
    ("name", "is_quantized", "has_activations"),
    [("S1", True, True), ("S2", True, True), ("S3", True, False), ("fp32", False, False), ("fp16", False, False)],
)
def test_what_a_scheme_needs(name: Any, is_quantized: bool, has_activations: bool) -> None:
    scheme = Scheme(name=name)
    assert (scheme.is_quantized, scheme.quantizes_activations) == (is_quantized, has_activations)
    assert scheme.title.startswith(name)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"name": "S9"}, "S1, S2, S3"),
        ({"method": "median"}, "mse, minmax"),
        ({"weight_rounding": "up"}, "nearest, gptq"),
        ({"scale_rounding": "bfloat16"}, "float16, power_of_two"),
        ({"smoothing": -0.1}, "0 .off. to 1"),
        ({"smoothing": float("nan")}, "0 .off. to 1"),
        ({"percentile": 50.0}, "more than 50"),
        ({"percentile": 100.1}, "at most 100"),
        ({"percentile": float("nan")}, "at most 100"),
    ],
)
def test_wrong_values_are_refused_with_what_is_possible(options: dict[str, Any], word: str) -> None:
    with pytest.raises(SchemeError, match=word):
        Scheme(**options)


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(SchemeError, match=r"'metod'.*method"):
        scheme_from_json({"name": "S1", "metod": "mse"})


def test_only_parameters_with_an_effect_are_recorded() -> None:
    assert Scheme(method="mse").parameters() == {}
    assert Scheme(method="percentile", percentile=99.9).parameters() == {"percentile": 99.9}
    assert Scheme().percentile == 99.999


def test_a_title_names_the_knobs_that_have_an_effect() -> None:
    assert Scheme().title == "S1 W8A8 symmetric"
    knobs: dict[str, Any] = {"bias_correction": False, "equalize_activations": True, "weight_rounding": "gptq"}
    words = "no bias correction, activations equalized, GPTQ rounding"
    assert Scheme(**knobs).title == f"S1 W8A8 symmetric, {words}"
    assert Scheme(name="S3", **knobs).title == "S3 W8 weight-only"
    assert Scheme(scale_rounding="power_of_two").knobs == ("power-of-two scales",)
