"""Compares what torch and ONNX Runtime computed for one imported model; loads neither."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ModelError
from workbench.execution.import_source import Kind

SQNR_FLOOR_DB = 60.0
"""Below this the ONNX file does not compute what the PyTorch model computes; float32 rounding alone gives > 100 dB."""
Outputs = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class ImportReport:
    """How a PyTorch model became ONNX.

    Attributes:
        kind: "torch.export" | "TorchScript" | "factory".
        sqnr_db: smallest over the outputs, torch against ONNX Runtime; None when all are equal bit for bit.
        agreement: share of equal argmax over the last axis of the first output; None where it has no such axis.
        samples: rows along the first axis that were compared.
        opset: version of the default ONNX domain.
        dynamic_batch: the first axis of the first input is symbolic.
        torch_version: version that exported it.
        notes: what a person should know, one sentence each.
    """

    kind: Kind
    sqnr_db: float | None
    agreement: float | None
    samples: int
    opset: int
    dynamic_batch: bool
    torch_version: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        return {**asdict(self), "notes": list(self.notes)}


def report_line(report: Mapping[str, Any]) -> str:
    """Return what `ImportReport.to_json` says, in one line for a person: from what, with what, how near to torch."""
    sqnr_db, agreement = report["sqnr_db"], report["agreement"]
    near = "equal to torch bit for bit" if sqnr_db is None else f"SQNR {sqnr_db:.1f} dB against torch"
    answers = "" if agreement is None else f", {100 * agreement:.1f} % equal answers"
    source = f"imported from {report['kind']} with torch {report['torch_version']}"
    return f"{source}: {near}{answers} on {report['samples']} samples"


@dataclass(frozen=True)
class Comparison:
    """Figures of one comparison; see `ImportReport` for their meaning."""

    sqnr_db: float | None
    agreement: float | None


def compare(pairs: Sequence[tuple[Outputs, Outputs]], name: str) -> Comparison:
    """Compare torch's outputs (first of each pair, one pair per case) with ONNX Runtime's.

    Raises:
        ModelError: other shapes, values that are not finite, or an SQNR below `SQNR_FLOOR_DB`, with the figures.
    """
    for expected, found in pairs:
        if [value.shape for value in expected] != [value.shape for value in found]:
            raise ModelError(f"The ONNX file of {name} has other outputs than torch", why=_shapes(expected, found))
        if not all(np.isfinite(value).all() for value in expected):
            raise ModelError(f"{name} gives values that are not finite", how="Give data that it was made for.")
    columns = [[(expected[i], found[i]) for expected, found in pairs] for i in range(len(pairs[0][0]))]
    sqnr_db = min((_sqnr_db(column) for column in columns), default=math.inf)
    agreement = _agreement(columns[0]) if columns else None
    if not sqnr_db >= SQNR_FLOOR_DB:
        raise _departs(name, sqnr_db, agreement)
    return Comparison(sqnr_db if math.isfinite(sqnr_db) else None, agreement)


def in_call_order(feed: Mapping[str, npt.NDArray[Any]], names: Sequence[str], name: str) -> Outputs:
    """Return arrays in the order of the model's inputs: by name, or the only array for the only input.

    Raises ModelError when they do not fit.
    """
    if set(names) <= set(feed):
        return [feed[key] for key in names]
    if len(names) == 1 and len(feed) == 1:
        return list(feed.values())
    raise ModelError(
        f"The data do not fit the inputs of {name}",
        why=f"it takes {', '.join(names)}; given are {', '.join(feed)}",
        how="Name the arrays after the inputs.",
    )


def under_names_of(
    arrays: dict[str, npt.NDArray[Any]], wanted: Sequence[str], name: str
) -> dict[str, npt.NDArray[Any]]:
    """Return inputs under the names the ONNX file has; the exporter drops unused inputs and keeps the order.

    Raises ModelError when they cannot be matched.
    """
    if set(wanted) <= set(arrays):
        return {key: arrays[key] for key in wanted}
    if len(wanted) == len(arrays):
        return dict(zip(wanted, arrays.values(), strict=True))
    raise ModelError(f"The inputs of {name} are called otherwise in its ONNX file", why=", ".join(wanted))


def _shapes(expected: Outputs, found: Outputs) -> str:
    return f"{[value.shape for value in expected]} in torch, {[value.shape for value in found]} in ONNX"


def _sqnr_db(column: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> float:
    """10 log10(sum f^2 / sum (f - q)^2) over all cases of one output; infinite when equal bit for bit."""
    noise = sum(float(np.square(f.astype(np.float64) - q).sum()) for f, q in column)
    signal = sum(float(np.square(f.astype(np.float64)).sum()) for f, _ in column)
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(signal / noise) if signal > 0.0 else -math.inf


def _agreement(column: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> float | None:
    """Share of equal argmax over the last axis; None for a scalar or a last axis of one."""
    if column[0][0].ndim == 0 or column[0][0].shape[-1] < 2:
        return None
    return float(np.concatenate([(f.argmax(-1) == q.argmax(-1)).ravel() for f, q in column]).mean())


def _departs(name: str, sqnr_db: float, agreement: float | None) -> ModelError:
    answers = "" if agreement is None else f"; {100 * agreement:.1f} % equal answers"
    return ModelError(
        f"The ONNX file of {name} does not compute what torch computes",
        why=f"SQNR {sqnr_db:.1f} dB, at least {SQNR_FLOOR_DB:.0f} dB is asked{answers}",
        how="Export the model to ONNX with its own tool and give that file.",
    )
