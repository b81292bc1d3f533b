"""Names are fit for Core ML, unique, and near to what was wished for."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.frontend.names import Names, fitting


def test_unfit_characters_become_underscores() -> None:
    assert fitting("conv/W:0") == "conv_W_0"
    assert fitting("3x3") == "_3x3"


def test_a_taken_name_gets_a_number() -> None:
    names = Names()
    assert [names.new("a/b"), names.new("a_b"), names.new("a_b_1")] == ["a_b", "a_b_1", "a_b_1_1"]


@given(st.lists(st.text(), max_size=20))
def test_every_name_is_unique_and_fit(wishes: list[str]) -> None:
    names = Names()
    made = [names.new(wish) for wish in wishes]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in made)
