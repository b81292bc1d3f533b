"""Scheme parity: parameters read back from a produced artifact against the plan, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.quant.plan import TensorParameters, WeightParameters


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
