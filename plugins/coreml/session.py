"""A package on Core ML itself; needs macOS."""

from __future__ import annotations

from types import TracebackType

from workbench_plugins.coreml.batches import Array, run_samples
from workbench_plugins.coreml.mac import MacModel, Preference
from workbench_plugins.coreml.options import Options
from workbench_plugins.coreml.placement import LABEL, place
from workbench_plugins.coreml.sidecar import Sidecar, load_sidecar

from workbench.errors import ContractError
from workbench.spi import Arrays, Placement, Prepared


class CoreMlSession:
    """See `workbench.spi.Session`."""

    def __init__(self, prepared: Prepared, options: Options) -> None:
        self._artifact, self._options = prepared.artifact, options
        self._sidecar: Sidecar | None = None
        self._model: MacModel | None = None
        self._preferences: list[Preference] | None = None

    def __enter__(self) -> CoreMlSession:
        self._sidecar = load_sidecar(self._artifact)
        self._model = MacModel(self._artifact, self._options.compute_units)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._model is not None:
            self._model.close()
        self._model = None

    def run(self, feeds: Arrays) -> dict[str, Array]:
        """See `workbench.spi.Session.run`. Raises ValueError when feeds are not the model's."""
        return run_samples(self._opened().predict, self._names(), feeds)

    def placement(self) -> list[Placement]:
        """Return Core ML's plan for these processors; it tells what it prefers, not what ran."""
        return place(self._names(), self._plan())

    def facts(self) -> dict[str, str]:
        """Return the choice of processors, where the plan puts operations, and when it was compiled."""
        model = self._opened()
        devices = [item.device for item in self._plan() if not item.op_type.startswith("const")]
        counts = {name: devices.count(name) for name in dict.fromkeys(devices)}
        return {
            "compute_units": self._options.compute_units,
            "placement_source": f"MLComputePlan: {LABEL}",
            "operations_by_device": ", ".join(f"{name}: {count}" for name, count in counts.items()),
            "compiled": "while preparing" if model.was_compiled else "while loading",
            "package_batch": str(self._names().batch),
        }

    def _plan(self) -> list[Preference]:
        if self._preferences is None:
            self._preferences = self._opened().preferences()
        return self._preferences

    def _names(self) -> Sidecar:
        if self._sidecar is None:
            raise ContractError("the Core ML session is used before it was entered")
        return self._sidecar

    def _opened(self) -> MacModel:
        if self._model is None:
            raise ContractError("the Core ML session is used before it was entered or after it was left")
        return self._model
