"""Products of matrices against ONNX's reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types
from workbench_plugins.coreml.frontend.convert import unsupported


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("bias", [None, (), (3,), (2, 1), (2, 3)], ids=str)
def test_gemm(left: int, right: int, bias: tuple[int, ...] | None, tmp_path: Path) -> None:
    a, b = normal(*((4, 2) if left else (2, 4))), normal(*((3, 4) if right else (4, 3)), seed=1)
    arrays = [a, b] if bias is None else [a, b, np.asarray(normal(*bias, seed=2))]
    constants = tuple(range(1, len(arrays)))
    for options in ({}, {"alpha": 0.5, "beta": 2.0}):
        case = one_node("Gemm", arrays, constants=constants, transA=left, transB=right, **options)
        assert_agrees(case, tmp_path, atol=1e-5)


def test_a_gemm_as_exporters_write_it_is_one_linear() -> None:
    arrays = [normal(2, 4), normal(3, 4), normal(3)]
    assert op_types(one_node("Gemm", arrays, constants=(1, 2), transB=1)[0]) == ["linear"]
    assert op_types(one_node("Gemm", arrays, transB=1)[0]) == ["matmul", "add"]


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 1, 2, 3), (5, 3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,))],
    ids=str,
)
def test_matmul(left: tuple[int, ...], right: tuple[int, ...], tmp_path: Path) -> None:
    assert_agrees(one_node("MatMul", [normal(*left), normal(*right, seed=1)]), tmp_path, atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
        ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 4)]),
        ("ij->ji", [(2, 3)]),
        ("ij->i", [(2, 3)]),
        ("i,j", [(2,), (3,)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
        ("bn,anm,bm->ba", [(2, 3), (4, 3, 5), (2, 5)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
    ],
    ids=str,
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]], tmp_path: Path) -> None:
    arrays = [normal(*shape, seed=place) for place, shape in enumerate(shapes)]
    assert_agrees(one_node("Einsum", arrays, equation=equation), tmp_path, atol=1e-5)


def test_a_diagonal_is_refused() -> None:
    (refused,) = unsupported(one_node("Einsum", [normal(3, 3)], equation="ii->i")[0])
    assert "twice" in refused.why
