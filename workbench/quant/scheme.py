"""The logical INT8 scheme: what is asked of every runtime, before any number is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workbench.errors import SchemeError

SchemeName = Literal["S1", "S2", "S3", "fp32", "fp16"]
Method = Literal["mse", "minmax", "percentile", "entropy"]

SCHEME_TITLES: dict[str, str] = {
    "S1": "W8A8 symmetric",
    "S2": "W8A8 affine",
    "S3": "W8 weight-only",
    "fp32": "float32",
    "fp16": "float16",
}
METHODS: tuple[str, ...] = ("mse", "minmax", "percentile", "entropy")
DEFAULT_PERCENTILE = 99.999


@dataclass(frozen=True)
class Scheme:
    """One logical scheme, the same for every runtime of a study.

    Attributes:
        name: S1 (s8 weights and activations, zero point 0), S2 (u8 affine activations), S3 (s8 weights only),
            fp32 or fp16 (no quantization).
        method: how activation ranges are found from the calibration histograms.
        percentile: share of |x| kept by method "percentile", in percent.
        exclude_nodes: nodes of the canonical graph that stay in float.
        exclude_op_types: op types that stay in float.
        quantize_logits: whether the output of the last Conv/Gemm/MatMul is quantized too (ORT's Conv needs it).
    """

    name: SchemeName = "S1"
    method: Method = "mse"
    percentile: float = DEFAULT_PERCENTILE
    exclude_nodes: tuple[str, ...] = field(default=())
    exclude_op_types: tuple[str, ...] = field(default=())
    quantize_logits: bool = True

    def __post_init__(self) -> None:
        if self.name not in SCHEME_TITLES:
            raise SchemeError(f"There is no scheme {self.name!r}", how=f"Choose one of {', '.join(SCHEME_TITLES)}.")
        if self.method not in METHODS:
            raise SchemeError(f"There is no method {self.method!r}", how=f"Choose one of {', '.join(METHODS)}.")
        if not 50.0 < self.percentile <= 100.0:
            raise SchemeError(f"percentile = {self.percentile} is out of range", how="Give more than 50, at most 100.")

    @property
    def is_quantized(self) -> bool:
        """Whether the scheme needs a plan at all."""
        return self.name in ("S1", "S2", "S3")

    @property
    def quantizes_activations(self) -> bool:
        """Whether activations are quantized, so that calibration data are needed."""
        return self.name in ("S1", "S2")

    @property
    def title(self) -> str:
        """Words for a person, such as "S1 W8A8 symmetric"."""
        return f"{self.name} {SCHEME_TITLES[self.name]}"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the calibration method that have an effect."""
        return {"percentile": self.percentile} if self.method == "percentile" else {}

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict; tuples become lists."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def scheme_from_json(document: dict[str, Any]) -> Scheme:
    """Build a scheme from `Scheme.to_json()`'s dict. Raises SchemeError on unknown keys or values."""
    known = set(Scheme.__dataclass_fields__)
    unknown = sorted(set(document) - known)
    if unknown:
        raise SchemeError(f"Unknown scheme key {unknown[0]!r}", how=f"Known keys: {', '.join(sorted(known))}.")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    return Scheme(**values)
