"""What sets of nodes left in float give, measured on a few held calibration samples: real plans, simulated.

Each set is measured once; a file keeps the errors, so that an interrupted search goes on where it was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx

from workbench.files import read_versioned_json, write_json_atomic
from workbench.model.feedback import Feedback
from workbench.quant.build import build_plan
from workbench.quant.ranges import KeptRanges
from workbench.quant.refine import shares_of_error
from workbench.quant.scheme import Scheme
from workbench.quant.sensitivity import Nodes
from workbench.quant.shared_start import SharedStart
from workbench.quant.staged import Graph, answers, float_graph, simulated_graph

Feeds = Mapping[str, npt.NDArray[Any]]
MEASURED_VERSION = 1


@dataclass(frozen=True, eq=False)
class HeldSamples:
    """Samples in memory, as calibration wants them (`calibrate.SampleSource`).

    Attributes:
        runs: feeds, `step` samples along axis 0 of each. Those of a recurrent model hold its state.
    """

    runs: Sequence[Feeds]
    step: int = 1
    sha256: str = ""
    feedback: Feedback | None = None

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.runs) * self.step

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Yield the feeds run by run, whatever batch is asked for."""
        return (dict(feeds) for feeds in self.runs[start // self.step :])


@dataclass(eq=False)
class FloatSets:
    """Errors of the plans of one scheme on one model with sets of nodes left in float.

    Attributes:
        outputs: names of the compared float outputs.
        kept: file that keeps what was measured; it must belong to this model, scheme and these samples.
        before: called with the number of sets measured so far before each further one; may raise to stop.
    """

    canonical: onnx.ModelProto
    model_sha256: str
    scheme: Scheme
    samples: HeldSamples
    outputs: Sequence[str]
    kept: Path
    before: Callable[[int], None]
    check_cancelled: Callable[[], None]
    _errors: dict[str, float] = field(init=False)
    _expected: Sequence[Sequence[npt.NDArray[Any]]] = field(init=False, default=())
    _find: KeptRanges = field(init=False)
    _start: SharedStart | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._errors, self._find = _read(self.kept), KeptRanges(self.canonical)

    def plain(self, nodes: Nodes) -> float:
        """Return the NMSE without bias correction and with weights rounded to nearest: for ranking, in less time."""
        return self._error(self._plain_scheme(nodes))

    def known_plain(self, nodes: Nodes) -> float | None:
        """Return what `plain` measured already, None where it has not."""
        return self._errors.get(_key(self._plain_scheme(nodes)))

    def as_asked(self, nodes: Nodes) -> float:
        """Return the NMSE with everything that the scheme asks for."""
        return self._error(_without(self.scheme, nodes))

    def _plain_scheme(self, nodes: Nodes) -> Scheme:
        return _without(replace(self.scheme, bias_correction=False, weight_rounding="nearest"), nodes)

    def _error(self, scheme: Scheme) -> float:
        key = _key(scheme)
        if key not in self._errors:
            self.before(len(self._errors))
            self._errors[key] = self._measured(scheme)
            write_json_atomic(self.kept, {"schema_version": MEASURED_VERSION, "errors": self._errors})
        return self._errors[key]

    def _measured(self, scheme: Scheme) -> float:
        """Return the mean over outputs of sum (f - q)^2 / sum f^2 over all runs."""
        plan = build_plan(
            self.model_sha256,
            self.canonical,
            (),
            scheme,
            self.samples,
            lambda *_: None,
            self.check_cancelled,
            self._find,
        )
        if not self._expected:
            whole = answers(float_graph(self.canonical), self.samples.runs, self.outputs, optimized=True)
            self._expected = list(zip(*whole, strict=True))
        found = self._simulated(simulated_graph(self.canonical, plan))
        return math.fsum(shares_of_error(self._expected, found))

    def _simulated(self, graph: Graph) -> list[list[npt.NDArray[Any]]]:
        if self._start is None:
            self._start = SharedStart(graph, self.samples.runs)
        return self._start.answers(graph, self.outputs)


def _read(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    return dict(read_versioned_json(path, "measurements", MEASURED_VERSION)["errors"])


def _without(scheme: Scheme, nodes: Nodes) -> Scheme:
    return replace(scheme, exclude_nodes=(*scheme.exclude_nodes, *nodes))


def _key(scheme: Scheme) -> str:
    return json.dumps(scheme.to_json(), sort_keys=True)
