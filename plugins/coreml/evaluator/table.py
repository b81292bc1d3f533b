"""The filled table of operations: importing this module registers all of them."""

from __future__ import annotations

from workbench_plugins.coreml.evaluator import (  # noqa: F401  (each registers its operations)
    activation,
    conv,
    elementwise,
    gather,
    linear,
    norm,
    pool,
    quantize,
    recurrent,
    reduce,
    resize,
    shape,
    sort,
)
from workbench_plugins.coreml.evaluator.registry import OPERATIONS

__all__ = ["OPERATIONS"]
