"""Scheme parity: parameters read back from a produced artifact against the plan, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from workbench.quant.plan import QuantPlan, TensorParameters, WeightParameters

UINT8_SHIFT = 128
Difference = tuple[str, str, str]
"""(field, planned, found)"""
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class RealisedParameters:
    """What an artifact really holds, under the plan's names, in the artifact's own dtype.

    Attributes:
        tensors: as found: a uint8 tensor with zero point 128 stays uint8 with zero point 128.
        weights: codes, scales and axis as found.
        biases: float32 [C] real values as found.
    """

    tensors: Mapping[str, TensorParameters] = field(default_factory=dict)
    weights: Mapping[str, WeightParameters] = field(default_factory=dict)
    biases: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Mismatch:
    """One difference between plan and artifact.

    Attributes:
        kind: tensor | weight | bias; name: the plan's name; field: scale, zero_point, codes, missing, extra, ...
        planned, found: short texts for a person, with the number of differing elements where there are many.
    """

    kind: str
    name: str
    field: str
    planned: str
    found: str


def compare_with_plan(plan: QuantPlan, realised: RealisedParameters) -> tuple[int, list[Mismatch]]:
    """Compare what an artifact holds with the plan, real value by real value.

    Spellings of the same reals are equal: uint8 codes with zero point z + 128 stand for int8 codes with zero point z,
    and an int32 bias is compared as float32. Nothing else is tolerated, not one bit.

    Returns:
        Number of planned tensors, weights and biases, and every difference, in the plan's order, extra ones last.
    """
    mismatches = [
        *_compare_kind("tensor", plan.tensors, realised.tensors, _tensor_differences),
        *_compare_kind("weight", plan.weights, realised.weights, _weight_differences),
        *_compare_kind("bias", plan.biases, _comparable_biases(plan, realised), _bias_differences),
    ]
    return len(plan.tensors) + len(plan.weights) + len(plan.biases), mismatches


def _compare_kind(
    kind: str, planned: Mapping[str, _T], found: Mapping[str, _T], differences: Callable[[_T, _T], list[Difference]]
) -> list[Mismatch]:
    mismatches = []
    for name, value in planned.items():
        if name not in found:
            mismatches.append(Mismatch(kind, name, "missing", "present", "absent"))
        else:
            mismatches.extend(Mismatch(kind, name, *item) for item in differences(value, found[name]))
    mismatches.extend(Mismatch(kind, name, "extra", "absent", "present") for name in found if name not in planned)
    return mismatches


def _tensor_differences(planned: TensorParameters, found: TensorParameters) -> list[Difference]:
    found = _in_dtype(found, planned.dtype)
    fields = ("scale", "zero_point", "dtype", "axis", "clamp")
    pairs = [(name, getattr(planned, name), getattr(found, name)) for name in fields]
    return [(name, str(a), str(b)) for name, a, b in pairs if not _same(a, b)]


def _in_dtype(tensor: TensorParameters, dtype: str) -> TensorParameters:
    """Return the same reals in the other 8-bit dtype, where such a spelling exists."""
    shift = {("uint8", "int8"): -UINT8_SHIFT, ("int8", "uint8"): UINT8_SHIFT}.get((tensor.dtype, dtype), 0)
    low, high = tensor.clamp
    moved = tensor.dtype if shift == 0 else dtype
    return replace(tensor, dtype=moved, zero_point=tensor.zero_point + shift, clamp=(low + shift, high + shift))


def _same(planned: Any, found: Any) -> bool:
    if isinstance(planned, float):
        return bool(np.float32(planned) == np.float32(found))
    return bool(planned == found)


def _weight_differences(planned: WeightParameters, found: WeightParameters) -> list[Difference]:
    axis = found.axis % max(1, found.codes.ndim)
    differences = [] if axis == planned.axis else [("axis", str(planned.axis), str(found.axis))]
    shift = UINT8_SHIFT if (found.dtype, planned.dtype) == ("uint8", "int8") else 0
    for name in ("scale", "zero_point", "codes"):
        offset = 0 if name == "scale" else shift
        differences += _array_differences(name, getattr(planned, name), getattr(found, name), offset)
    return differences


def _bias_differences(planned: npt.NDArray[np.float32], found: npt.NDArray[np.float32]) -> list[Difference]:
    return _array_differences("values", planned, found, 0)


def _array_differences(name: str, planned: npt.NDArray[Any], found: npt.NDArray[Any], shift: int) -> list[Difference]:
    """Compare two arrays value by value; `shift` is what the artifact's integers are higher by."""
    if planned.shape != found.shape:
        return [(name, f"shape {planned.shape}", f"shape {found.shape}")]
    values = found.astype(np.int64) - shift if shift else found
    differing = np.argwhere(planned != values)
    if not len(differing):
        return []
    first = tuple(int(index) for index in differing[0])
    where = f"{name}[{', '.join(map(str, first))}]"
    count = f"{len(differing)} of {planned.size} elements differ"
    return [(name, f"{where} = {planned[first]}", f"{where} = {values[first]}; {count}")]


def _comparable_biases(plan: QuantPlan, realised: RealisedParameters) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return the artifact's biases; under a weight-only scheme a bias that the plan leaves alone is not extra."""
    if plan.scheme.quantizes_activations:
        return realised.biases
    return {name: value for name, value in realised.biases.items() if name in plan.biases}
