"""What differs between two plans of one model: scales of tensors, codes of weights, what stays in float."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.quant.plan import QuantPlan

WORST = 10


@dataclass(frozen=True)
class ScaleChange:
    """One tensor whose scale is another; `before` and `now` are real values of one step, > 0."""

    name: str
    before: float
    now: float

    @property
    def factor(self) -> float:
        """Now over before: above 1 the steps are coarser."""
        return self.now / self.before


@dataclass(frozen=True)
class PlanChanges:
    """Two plans side by side.

    Attributes:
        tensors: quantized in both; tensors_changed: whose scale, zero point, dtype or clamp differs.
        weights: quantized in both; weights_changed: whose scales or codes differ.
        scales: the tensors whose scale changed by the largest factor, in either direction, first; at most WORST.
        now_float, now_quantized: nodes that lost or gained INT8, in the plans' order.
    """

    tensors: int
    tensors_changed: int
    weights: int
    weights_changed: int
    scales: tuple[ScaleChange, ...]
    now_float: tuple[str, ...]
    now_quantized: tuple[str, ...]


def plan_changes(before: QuantPlan, now: QuantPlan) -> PlanChanges:
    """Compare two plans of one model, by name."""
    tensors = [name for name in now.tensors if name in before.tensors]
    weights = [name for name in now.weights if name in before.weights]
    scales = [
        ScaleChange(name, before.tensors[name].scale, now.tensors[name].scale)
        for name in tensors
        if before.tensors[name].scale != now.tensors[name].scale
    ]
    scales.sort(key=lambda change: -abs(math.log(change.factor)))
    was_integer, is_integer = set(before.quantized_nodes), set(now.quantized_nodes)
    return PlanChanges(
        tensors=len(tensors),
        tensors_changed=sum(before.tensors[name] != now.tensors[name] for name in tensors),
        weights=len(weights),
        weights_changed=sum(not _same_weight(before, now, name) for name in weights),
        scales=tuple(scales[:WORST]),
        now_float=tuple(name for name in before.quantized_nodes if name not in is_integer),
        now_quantized=tuple(name for name in now.quantized_nodes if name not in was_integer),
    )


def _same_weight(before: QuantPlan, now: QuantPlan, name: str) -> bool:
    a, b = before.weights[name], now.weights[name]
    return a.axis == b.axis and np.array_equal(a.scale, b.scale) and np.array_equal(a.codes, b.codes)
