"""The options of a row, and what they mean for its artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMPUTE_UNITS = ("all", "cpu_only", "cpu_and_gpu", "cpu_and_ne")
"""Which processors Core ML may choose from; each choice is a row of its own."""
ARTIFACT_CHOICES: Mapping[str, tuple[str, ...]] = {
    "deployment_target": ("iOS17", "iOS18"),
    "compute": ("float32", "float16"),
}
"""Option -> choices, the default first. iOS17 stands for macOS 14 too, iOS18 for macOS 15."""
CHOICES: Mapping[str, tuple[str, ...]] = {"compute_units": COMPUTE_UNITS, **ARTIFACT_CHOICES}


@dataclass(frozen=True)
class Options:
    """Options of a row.

    Attributes:
        compute_units: see COMPUTE_UNITS.
        deployment_target: iOS17 | iOS18: which form weights have, and the oldest system that loads the package.
        compute: float32 | float16: what an INT8 row computes in between codes; a float row's precision says it.
    """

    compute_units: str = "all"
    deployment_target: str = "iOS17"
    compute: str = "float32"

    def compute_of(self, precision: str) -> str:
        """Return the arithmetic of an artifact of a precision (fp32 | fp16 | int8)."""
        return {"fp32": "float32", "fp16": "float16"}.get(precision, self.compute)


def options_of(plugin_id: str, settings: Mapping[str, Any], choices: Mapping[str, tuple[str, ...]]) -> Options:
    """Return checked options, defaults filled in. Raises ValueError on unknown names and values."""
    for name, value in settings.items():
        if name not in choices:
            raise ValueError(f"{plugin_id} has no option {name!r}; it knows {', '.join(choices)}")
        if value not in choices[name]:
            raise ValueError(f"{plugin_id}: {name} is one of {', '.join(choices[name])}, not {value!r}")
    return Options(**settings)
