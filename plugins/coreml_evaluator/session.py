"""A loaded-back package, executed op by op in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from workbench_plugins.coreml.batches import Array, run_samples
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.package.read import read_package
from workbench_plugins.coreml.placement import evaluated
from workbench_plugins.coreml.sidecar import Sidecar, load_sidecar

from workbench.errors import ContractError
from workbench.spi import Arrays, Placement, Prepared

EVIDENCE = "reference evaluator"


class EvaluatorSession:
    """See `workbench.spi.Session`."""

    def __init__(self, prepared: Prepared) -> None:
        self._artifact = prepared.artifact
        self._sidecar: Sidecar | None = None
        self._evaluator: Evaluator | None = None

    def __enter__(self) -> EvaluatorSession:
        self._sidecar = load_sidecar(self._artifact)
        self._evaluator = Evaluator(read_package(self._artifact))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._evaluator = None

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """See `workbench.spi.Session.run`. Raises ValueError when feeds are not the model's."""
        return run_samples(self._predict, self._names(), feeds)

    def placement(self) -> list[Placement]:
        """Return that numpy evaluated everything in float between codes."""
        self._opened()
        return evaluated(self._names())

    def facts(self) -> dict[str, str]:
        """Return the word that goes with every figure, and what was rounded on the way."""
        self._opened()
        return {
            "evidence": EVIDENCE,
            "arithmetic": f"numpy float32, results of {self._names().compute} operations rounded to that",
            "package_batch": str(self._names().batch),
        }

    def _predict(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return self._opened().run(feeds)

    def _names(self) -> Sidecar:
        if self._sidecar is None:
            raise ContractError("the evaluator's session is used before it was entered")
        return self._sidecar

    def _opened(self) -> Evaluator:
        if self._evaluator is None:
            raise ContractError("the evaluator's session is used before it was entered or after it was left")
        return self._evaluator
