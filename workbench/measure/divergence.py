"""Distances between two runs' outputs: streaming over rows, float64 sums, nothing replaced; numpy only.

`reference` is f and `quantized` is q in the formulas. Both may be memory maps of any size: a few MB are read at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ContractError

AnyArray = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

IDENTICAL = "identical outputs, infinite"
CHUNK_VALUES = 1 << 19
# A reference column that moves by less than this share of the largest value counts as constant too.
CONSTANT_SHARE = 1e-6


@dataclass(frozen=True)
class Divergence:
    """Distance of one output from its reference over all samples.

    Attributes:
        sqnr_db: 10 log10(sum f^2 / sum (f - q)^2); None with reason IDENTICAL when every value is equal.
        nmse: sum (f - q)^2 / sum f^2; 0 when identical.
        cosine_similarity: sum f q / sqrt(sum f^2 sum q^2), -1..1.
        max_abs_error, mean_abs_error: in the output's unit.
        nonfinite: values of q that are NaN or infinite; one is enough to make every distance None.
        nonfinite_reference: the same for f.
        constant_slices: per axis after the first, the indices whose slice is constant in q but not in f: an error
            finding. Every axis counts, because a detection head has its boxes and scores on either.
        n_values: values compared.
        reasons: metric -> why it is None.
    """

    sqnr_db: float | None
    nmse: float | None
    cosine_similarity: float | None
    max_abs_error: float | None
    mean_abs_error: float | None
    nonfinite: int
    nonfinite_reference: int
    constant_slices: tuple[tuple[int, ...], ...]
    n_values: int
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def constant_columns(self) -> tuple[int, ...]:
        """The constant slices of the last axis."""
        return self.constant_slices[-1]


@dataclass(frozen=True)
class KlSummary:
    """KL(reference || quantized) in nats over samples; NaN and infinity rank as worst.

    Attributes:
        mean, median, p99, max: None where the figure itself is not finite. p99 by nearest rank.
        nonfinite: samples whose KL is NaN or infinite.
        reason: why a figure is None, or "".
    """

    mean: float | None
    median: float | None
    p99: float | None
    max: float | None
    nonfinite: int
    reason: str = ""


def divergence(reference: AnyArray, quantized: AnyArray) -> Divergence:
    """Compare two outputs of equal shape [N, ...], any real dtype.

    An all-zero reference leaves sqnr_db and nmse without a value, an all-zero side cosine_similarity.

    Raises:
        ContractError: the shapes differ, or there are no values.
    """
    _check_shapes(reference, quantized)
    sums = _Sums(reference.shape[1:] or (1,))
    for f, q in _chunks(reference, quantized):
        sums.add(f, q)
    return sums.result(reference.size)


def nmse_per_sample(reference: AnyArray, quantized: AnyArray) -> Floats:
    """[N] of sum (f - q)^2 / sum f^2 within each sample; 0 where equal, infinite where only f is zero, NaN kept.

    Raises:
        ContractError: the shapes differ, or there are no values.
    """
    power, error = sums_per_sample(reference, quantized)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(error == 0, 0.0, error / power)


def sums_per_sample(reference: AnyArray, quantized: AnyArray) -> tuple[Floats, Floats]:
    """Sums of f^2 and of (f - q)^2 within each sample, [N] each; NaN and infinity kept.

    Raises:
        ContractError: the shapes differ, or there are no values.
    """
    _check_shapes(reference, quantized)
    power, error = np.empty(len(reference)), np.empty(len(reference))
    start = 0
    with np.errstate(invalid="ignore", over="ignore"):
        for f, q in _chunks(reference, quantized):
            rows = slice(start, start + len(f))
            power[rows], error[rows] = (f * f).sum(axis=(1, 2)), ((f - q) ** 2).sum(axis=(1, 2))
            start += len(f)
    return power, error


def kl_per_sample(p_logits: AnyArray, r_logits: AnyArray, probabilities: bool = False) -> Floats:
    """[N] of KL(p || r) = sum p (ln p - ln r) in nats, p from the reference, never negative.

    Logits go through a log-softmax that subtracts the maximum; a class with p = 0 adds 0, a class with r = 0 < p makes
    the sample infinite; a NaN stays NaN, and so does a sample whose "probabilities" hold a negative value.

    Args:
        p_logits, r_logits: [N, ...], flattened per sample to classes.
        probabilities: the arrays are probabilities already; each row is divided by its sum.

    Raises:
        ContractError: the shapes differ, or there are no values.
    """
    _check_shapes(p_logits, r_logits)
    parts = []
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for p_rows, r_rows in _chunks(p_logits, r_logits):
            log_p = _log_probabilities(p_rows.reshape(len(p_rows), -1), probabilities)
            log_r = _log_probabilities(r_rows.reshape(len(r_rows), -1), probabilities)
            p = np.exp(log_p)
            terms = np.where(p == 0, 0.0, p * (log_p - log_r))
            parts.append(np.maximum(terms.sum(axis=1), 0.0))
    return np.concatenate(parts)


def summarise_kl(kl: Floats) -> KlSummary:
    """Mean, median, 99th percentile and maximum of `kl_per_sample`. Raises ContractError when empty."""
    if not kl.size:
        raise ContractError("KL of no samples")
    ranked = np.sort(np.where(np.isfinite(kl), kl, np.inf))
    nonfinite = int(np.isinf(ranked).sum())
    middle = float(ranked[(kl.size - 1) // 2] + ranked[kl.size // 2]) / 2
    return KlSummary(
        mean=_finite(float(ranked.mean())),
        median=_finite(middle),
        p99=_finite(float(ranked[math.ceil(0.99 * kl.size) - 1])),
        max=_finite(float(ranked[-1])),
        nonfinite=nonfinite,
        reason=f"{nonfinite} of {kl.size} samples have an infinite or undefined KL" if nonfinite else "",
    )


def looks_like_probabilities(values: AnyArray) -> bool:
    """Whether each row of [N, ...] is a distribution: within 0..1, summing to 1 within 0.1 %."""
    rows = np.asarray(values, np.float64).reshape(len(values), -1)
    in_range = bool(np.all((rows >= 0) & (rows <= 1 + 1e-6)))
    return in_range and bool(np.all(np.abs(rows.sum(axis=1) - 1) <= 1e-3))


class _Sums:
    """Running sums over chunks; exact addition of chunk sums, so that the order of rows hardly matters."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.squares: dict[str, list[float]] = {name: [] for name in ("ff", "qq", "fq", "dd", "abs")}
        self.max_abs = 0.0
        self.max_reference = 0.0
        self.nonfinite = self.nonfinite_reference = 0
        self.ranges = {side: _AxisRanges(shape) for side in "fq"}

    def add(self, f: Floats, q: Floats) -> None:
        """Take in one chunk [rows, inner, columns]."""
        bad_f, bad_q = int(np.sum(~np.isfinite(f))), int(np.sum(~np.isfinite(q)))
        self.nonfinite_reference += bad_f
        self.nonfinite += bad_q
        for side, values in (("f", f), ("q", q)):
            self.ranges[side].add(values)
        if bad_f or bad_q:
            return
        self.max_reference = max(self.max_reference, float(np.abs(f).max()))
        with np.errstate(over="ignore"):
            distance = np.abs(f - q)
            self.max_abs = max(self.max_abs, float(distance.max()))
            products = {"ff": f * f, "qq": q * q, "fq": f * q, "dd": distance * distance, "abs": distance}
            for name, product in products.items():
                self.squares[name].append(float(product.sum()))

    def result(self, n_values: int) -> Divergence:
        """The metrics over everything taken in."""
        counts = {
            "nonfinite": self.nonfinite,
            "nonfinite_reference": self.nonfinite_reference,
            "constant_slices": self.constant_slices(),
            "n_values": n_values,
        }
        if self.nonfinite or self.nonfinite_reference:
            reason = f"not finite: {self.nonfinite} values, and {self.nonfinite_reference} of the reference"
            return _nothing(reason, counts)
        total = {name: _exact_sum(parts) for name, parts in self.squares.items()}
        if not all(map(math.isfinite, total.values())):
            return _nothing("the sum of squares is beyond float64", counts)
        return _metrics(total, self.max_abs, counts)

    def constant_slices(self) -> tuple[tuple[int, ...], ...]:
        """Slices constant in q but not in f, per axis; a slice with NaN is not constant."""
        threshold = CONSTANT_SHARE * self.max_reference
        found = []
        with np.errstate(invalid="ignore", over="ignore"):
            for spread_f, spread_q in zip(self.ranges["f"].spreads(), self.ranges["q"].spreads(), strict=True):
                found.append(tuple(int(index) for index in np.flatnonzero((spread_f > threshold) & (spread_q == 0))))
        return tuple(found)


class _AxisRanges:
    """Smallest and largest value of every slice along every axis of one sample, over all samples."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.low = [np.full(size, np.inf) for size in shape]
        self.high = [np.full(size, -np.inf) for size in shape]

    def add(self, values: Floats) -> None:
        """Take in one chunk [rows, ...]."""
        rows = values.reshape(-1, *self.shape)
        low, high = rows.min(axis=0), rows.max(axis=0)
        for axis in range(len(self.shape)):
            others = tuple(other for other in range(len(self.shape)) if other != axis)
            self.low[axis] = np.minimum(self.low[axis], low.min(axis=others))
            self.high[axis] = np.maximum(self.high[axis], high.max(axis=others))

    def spreads(self) -> list[Floats]:
        """Return largest minus smallest per axis and slice; NaN where a value is."""
        return [high - low for low, high in zip(self.low, self.high, strict=True)]


def _metrics(total: Mapping[str, float], max_abs: float, counts: Mapping[str, Any]) -> Divergence:
    reasons: dict[str, str] = {}
    sqnr_db = nmse = cosine = None
    if max_abs == 0:
        nmse = 0.0
        reasons["sqnr_db"] = IDENTICAL
    elif total["ff"] == 0:
        reasons["sqnr_db"] = reasons["nmse"] = "the reference is all zeros"
    elif total["dd"] == 0:
        nmse = 0.0
        reasons["sqnr_db"] = "the difference is too small to square"
    else:
        nmse = total["dd"] / total["ff"]
        sqnr_db = 10 * (math.log10(total["ff"]) - math.log10(total["dd"]))
    norms = math.sqrt(total["ff"]) * math.sqrt(total["qq"])
    if norms > 0:
        cosine = 1.0 if max_abs == 0 else min(1.0, max(-1.0, total["fq"] / norms))
    else:
        reasons["cosine_similarity"] = "one side is all zeros"
    return Divergence(sqnr_db, nmse, cosine, max_abs, total["abs"] / counts["n_values"], **counts, reasons=reasons)


def _nothing(reason: str, counts: Mapping[str, Any]) -> Divergence:
    names = ("sqnr_db", "nmse", "cosine_similarity", "max_abs_error", "mean_abs_error")
    return Divergence(None, None, None, None, None, **counts, reasons=dict.fromkeys(names, reason))


def _chunks(f: AnyArray, q: AnyArray) -> Iterator[tuple[Floats, Floats]]:
    """Pairs of float64 chunks [rows, inner, last axis]; the cut depends on the shape alone."""
    per_row = math.prod(f.shape[1:])
    rows = max(1, CHUNK_VALUES // per_row)
    columns = f.shape[-1] if f.ndim > 1 else 1
    for start in range(0, f.shape[0], rows):
        yield _as_float64(f[start : start + rows], columns), _as_float64(q[start : start + rows], columns)


def _as_float64(part: AnyArray, columns: int) -> Floats:
    return np.asarray(part, np.float64).reshape(len(part), -1, columns)


def _log_probabilities(rows: Floats, probabilities: bool) -> Floats:
    if probabilities:
        is_negative = (rows < 0).any(axis=1, keepdims=True)
        shares = np.where(is_negative, np.nan, rows / rows.sum(axis=1, keepdims=True))
        return np.asarray(np.log(shares), np.float64)
    shifted = rows - rows.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float64)


def _check_shapes(reference: AnyArray, quantized: AnyArray) -> None:
    if reference.shape != quantized.shape:
        raise ContractError(f"outputs of different shapes: {reference.shape} and {quantized.shape}")
    if not reference.size or not reference.ndim:
        raise ContractError("outputs without values cannot be compared")


def _exact_sum(parts: list[float]) -> float:
    try:
        return math.fsum(parts)
    except OverflowError:
        return math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
