"""Products of matrices: Gemm, MatMul, Einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import FLOATS
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step


def gemm(step: Step) -> Value:
    """Return alpha * A' B' + beta * C: MIL's linear for constants B' [N, K] and C [N], else matmul, add."""
    alpha, beta = step.attribute("alpha", 1.0), step.attribute("beta", 1.0)
    left, right = bool(step.attribute("transA", 0)), bool(step.attribute("transB", 0))
    bias = step.value(2)
    is_known = step.value(1) is not None or step.is_weight(1)
    is_vector = not step.has(2) or (bias is not None and bias.shape == step.out_shape()[1:])
    if is_known and is_vector and right and not left and alpha == 1 and beta == 1 and step.dtype() in FLOATS:
        given = {"bias": step.var(2)} if step.has(2) else {}
        return step.op("linear", x=step.var(0), weight=step.var(1), **given)
    (x, dtype), (y, _) = step.number(0), step.number(1)
    product = step.op("matmul", x=x, y=y, transpose_x=left, transpose_y=right)
    product = product if alpha == 1 else step.op("mul", x=product, y=step.scalar(alpha, dtype))
    if step.has(2):
        added = step.number(2)[0]
        added = added if beta == 1 else step.op("mul", x=added, y=step.scalar(beta, dtype))
        product = step.op("add", x=product, y=added)
    return step.back(product, dtype)


def matmul(step: Step) -> Value:
    """NumPy's matmul; a vector is a matrix of one row or column on the way."""
    (x, dtype), (y, _) = step.number(0), step.number(1)
    x = step.op("expand_dims", x=x, axes=[0]) if step.rank(0) == 1 else x
    y = step.op("expand_dims", x=y, axes=[1]) if step.rank(1) == 1 else y
    product = step.op("matmul", x=x, y=y)
    gone = [axis for axis, place in ((-2, 0), (-1, 1)) if step.rank(place) == 1]
    return step.back(step.op("squeeze", x=product, axes=gone) if gone else product, dtype)


@dataclass(frozen=True)
class _Term:
    """A factor of an einsum: one letter per axis."""

    value: Value
    letters: str


def einsum(step: Step) -> Value:
    """Pairs of factors become one matmul each, with letters sorted into batch, kept and summed.

    Letters repeated within one factor (diagonals) have no equivalent.
    """
    left, _, right = step.attribute("equation").replace(" ", "").partition("->")
    texts = _without_dots(step, left.split(","))
    if "->" in step.attribute("equation"):
        rest = "".join(letter for letter in texts[0] if letter.isupper())
        output = right.replace("...", _dots(texts) or rest)
    else:
        joined = "".join(texts)
        output = _dots(texts) + "".join(sorted(c for c in set(joined) - set(_dots(texts)) if joined.count(c) == 1))
    if any(len(set(text)) != len(text) for text in (*texts, output)):
        raise step.refuse("a letter stands twice in one term of the equation", "take the diagonal before the Einsum")
    sizes = {c: max(n, 1) for place, text in enumerate(texts) for c, n in zip(text, step.shape(place), strict=True)}
    sizes |= {c: n for place, text in enumerate(texts) for c, n in zip(text, step.shape(place), strict=True) if n > 1}
    terms = [_Term(step.number(place)[0], text) for place, text in enumerate(texts)]
    result = terms[0]
    for place, term in enumerate(terms[1:], 1):
        later = set(output).union(*(text for text in texts[place + 1 :]))
        result = _product(step, result, term, later, sizes)
    result = _summed(step, result, set(output))
    return step.back(step.transpose(result.value, [result.letters.index(c) for c in output]), step.number(0)[1])


def _dots(texts: Sequence[str]) -> str:
    found = [text for text in texts if any(c in _DOT_LETTERS for c in text)]
    longest = max(found, key=lambda text: sum(c in _DOT_LETTERS for c in text), default="")
    return "".join(c for c in longest if c in _DOT_LETTERS)


_DOT_LETTERS = "\u0391\u0392\u0393\u0394\u0395"
"""Letters that stand for the axes of an ellipsis, counted from the last one."""


def _without_dots(step: Step, texts: Sequence[str]) -> list[str]:
    plain = []
    for place, text in enumerate(texts):
        count = step.rank(place) - len(text.replace("...", ""))
        plain.append(text.replace("...", _DOT_LETTERS[len(_DOT_LETTERS) - count :] if count else ""))
    return plain


def _summed(step: Step, term: _Term, wanted: set[str]) -> _Term:
    axes = [axis for axis, letter in enumerate(term.letters) if letter not in wanted]
    if not axes:
        return term
    value = step.op("reduce_sum", x=term.value, axes=axes, keep_dims=False)
    return _Term(value, "".join(c for c in term.letters if c in wanted))


def _product(step: Step, left: _Term, right: _Term, later: set[str], sizes: dict[str, int]) -> _Term:
    """Return the product of two factors with the letters that are still needed."""
    left = _summed(step, left, later | set(right.letters))
    right = _summed(step, right, later | set(left.letters))
    shared = [c for c in left.letters if c in right.letters]
    batch, inner = [c for c in shared if c in later], [c for c in shared if c not in later]
    rows = [c for c in left.letters if c not in shared]
    columns = [c for c in right.letters if c not in shared]
    x = _arranged(step, left, (batch, rows, inner), sizes)
    y = _arranged(step, right, (batch, inner, columns), sizes)
    letters = "".join([*batch, *rows, *columns])
    return _Term(step.reshape(step.op("matmul", x=x, y=y), [sizes[c] for c in letters] or [1]), letters)


def _arranged(step: Step, term: _Term, groups: tuple[list[str], list[str], list[str]], sizes: dict[str, int]) -> Value:
    """Return a factor with each group of letters as one axis."""
    order = [term.letters.index(c) for group in groups for c in group]
    shape = [int(np.prod([sizes[c] for c in group], dtype=np.int64)) for group in groups]
    return step.reshape(step.transpose(term.value, order), shape)


OPS: dict[str, Callable[[Step], Value]] = {"Gemm": gemm, "MatMul": matmul, "Einsum": einsum}
