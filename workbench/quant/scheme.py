"""The logical INT8 scheme: what is asked of every runtime, before any number is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workbench.errors import SchemeError

SchemeName = Literal["S1", "S2", "S3", "fp32", "fp16"]
Method = Literal["mse", "minmax", "percentile", "entropy"]
WeightRounding = Literal["nearest", "gptq"]
ScaleRounding = Literal["float16", "power_of_two"]

SCHEME_TITLES: dict[str, str] = {
    "S1": "W8A8 symmetric",
    "S2": "W8A8 affine",
    "S3": "W8 weight-only",
    "fp32": "float32",
    "fp16": "float16",
}
METHODS: tuple[str, ...] = ("mse", "minmax", "percentile", "entropy")
WEIGHT_ROUNDINGS: tuple[str, ...] = ("nearest", "gptq")
SCALE_ROUNDINGS: tuple[str, ...] = ("float16", "power_of_two")
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
        bias_correction: whether the mean shift of each layer's output on the calibration set is folded into its bias
            (S1 and S2; kept only where it helps).
        equalize_activations: whether channels between two layers are rescaled to use the tensor's range evenly, every
            Clip kept (S1 and S2).
        weight_rounding: how weight codes are chosen: "nearest", or "gptq", which rounds so that each layer's output
            error on the calibration set is small.
        smoothing: SmoothQuant's alpha, 0..1: the share of the activations' range that moves into the weights; 0 = off.
        scale_rounding: "float16" rounds scales up to the next float16, "power_of_two" up to the next power of two
            (the self-test S1-P2, nothing to ship).
    """

    name: SchemeName = "S1"
    method: Method = "mse"
    percentile: float = DEFAULT_PERCENTILE
    exclude_nodes: tuple[str, ...] = field(default=())
    exclude_op_types: tuple[str, ...] = field(default=())
    quantize_logits: bool = True
    bias_correction: bool = True
    equalize_activations: bool = False
    weight_rounding: WeightRounding = "nearest"
    smoothing: float = 0.0
    scale_rounding: ScaleRounding = "float16"

    def __post_init__(self) -> None:
        _one_of("scheme", self.name, tuple(SCHEME_TITLES))
        _one_of("method", self.method, METHODS)
        _one_of("weight_rounding", self.weight_rounding, WEIGHT_ROUNDINGS)
        _one_of("scale_rounding", self.scale_rounding, SCALE_ROUNDINGS)
        if not 50.0 < self.percentile <= 100.0:
            raise SchemeError(f"percentile = {self.percentile} is out of range", how="Give more than 50, at most 100.")
        if not 0.0 <= self.smoothing <= 1.0:
            raise SchemeError(f"smoothing = {self.smoothing} is out of range", how="Give 0 (off) to 1.")

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
        """Words for a person, such as "S1 W8A8 symmetric", with the knobs that are not at their default."""
        return ", ".join([f"{self.name} {SCHEME_TITLES[self.name]}", *self.knobs])

    @property
    def knobs(self) -> tuple[str, ...]:
        """Words for every knob that has an effect under this scheme and is not at its default."""
        words = (
            (self.quantizes_activations and not self.bias_correction, "no bias correction"),
            (self.quantizes_activations and self.equalize_activations, "activations equalized"),
            (self.quantizes_activations and self.weight_rounding == "gptq", "GPTQ rounding"),
            (self.quantizes_activations and self.smoothing > 0.0, f"smoothing {self.smoothing:g}"),
            (self.is_quantized and self.scale_rounding == "power_of_two", "power-of-two scales"),
        )
        return tuple(text for is_set, text in words if is_set)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the calibration method that have an effect."""
        return {"percentile": self.percentile} if self.method == "percentile" else {}

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict; tuples become lists."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def _one_of(kind: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SchemeError(f"There is no {kind} {value!r}", how=f"Choose one of {', '.join(allowed)}.")


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
