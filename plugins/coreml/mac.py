"""Core ML itself, behind one face: everything that needs macOS is here, and nothing else is.

Written against the documentation of coremltools 9.0 (CompiledMLModel, compute_plan, debugging_utils). It has never
run: `tests/mac/` does it on a Mac.
"""

from __future__ import annotations

import asyncio
import platform
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
DEVICES = {
    "MLCPUComputeDevice": "CPU",
    "MLGPUComputeDevice": "GPU",
    "MLNeuralEngineComputeDevice": "Neural Engine",
}
NOT_TOLD = "unknown"
ENGINES = "engines"
"""Folder beside an artifact for what was compiled for one machine; it stays out of bundles."""


@dataclass(frozen=True)
class Preference:
    """Where Core ML would rather run one operation; told before anything runs.

    Attributes:
        outputs: names of the operation's results; op_type: MIL's.
        device: CPU | GPU | Neural Engine, or "unknown" where Core ML does not tell.
        supported: devices that could run it.
        cost: share of the whole estimated cost, 0..1, or None.
    """

    outputs: tuple[str, ...]
    op_type: str
    device: str
    supported: tuple[str, ...]
    cost: float | None


def compiled_place(package: Path) -> Path:
    """Return where a package's compiled form lies: beside it, for this macOS and processor alone."""
    system = f"macOS-{platform.mac_ver()[0]}-{platform.machine()}"
    return package.parent / ENGINES / system / f"{package.stem}.mlmodelc"


def compile_package(package: Path, place: Path) -> None:
    """Compile a package for this machine; `place` is the folder to write."""
    import coremltools  # noqa: PLC0415  (takes seconds)

    place.parent.mkdir(parents=True, exist_ok=True)
    coremltools.models.utils.compile_model(str(package), str(place))


class MacModel:
    """A package loaded for a choice of processors; compiled before, where its compiled form does not lie beside it.

    Args:
        package: the .mlpackage.
        compute_units: all | cpu_only | cpu_and_gpu | cpu_and_ne.

    Attributes:
        was_compiled: its compiled form was there.
    """

    def __init__(self, package: Path, compute_units: str) -> None:
        import coremltools  # noqa: PLC0415  (takes seconds)

        self._package = package
        self._units = getattr(coremltools.ComputeUnit, compute_units.upper())
        self._folder = tempfile.TemporaryDirectory(prefix="coreml-")
        compiled = compiled_place(package)
        self.was_compiled = compiled.is_dir()
        if not self.was_compiled:
            compiled = Path(self._folder.name) / compiled.name
            compile_package(package, compiled)
        self._compiled = str(compiled)
        self._model = coremltools.models.CompiledMLModel(self._compiled, compute_units=self._units)

    def predict(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run one prediction; names and shapes are the package's."""
        return {name: np.asarray(value) for name, value in self._model.predict(dict(feeds)).items()}

    def preferences(self) -> list[Preference]:
        """Return Core ML's plan for every operation of the main function that computes."""
        from coremltools.models.compute_plan import MLComputePlan  # noqa: PLC0415  (takes seconds)

        plan = MLComputePlan.load_from_path(self._compiled, compute_units=self._units)
        program = plan.model_structure.program
        block = program.functions["main"].block
        return [_preference(plan, op) for op in block.operations if _base(op.operator_name) != "const"]

    def intermediates(self, feeds: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """Return values within the program, for names whose type Core ML can hand out (floats and int32)."""
        return asyncio.run(self._inspect(feeds, list(names)))

    def close(self) -> None:
        """Free the model and what was compiled for it alone."""
        self._model = None
        self._folder.cleanup()

    async def _inspect(self, feeds: Mapping[str, Array], names: list[str]) -> dict[str, Array]:
        import coremltools  # noqa: PLC0415  (takes seconds)
        from coremltools.models.ml_program.experimental.debugging_utils import MLModelInspector  # noqa: PLC0415

        model = coremltools.models.MLModel(str(self._package), compute_units=self._units)
        inspector = MLModelInspector(model, compute_units=self._units)
        found = inspector.inspect(inputs=dict(feeds), output_names=names)
        return {name: np.asarray(value) async for name, value in found if value is not None}


def devices() -> tuple[str, ...]:
    """Return the machine as macOS names it; loads no device."""
    version = platform.mac_ver()[0]
    return (f"macOS {version} ({platform.machine()})",) if version else ()


def _preference(plan: Any, op: Any) -> Preference:
    usage = plan.get_compute_device_usage_for_mlprogram_operation(op)
    cost = plan.get_estimated_cost_for_mlprogram_operation(op)
    return Preference(
        outputs=tuple(output.name for output in op.outputs),
        op_type=_base(op.operator_name),
        device=_device(usage.preferred_compute_device) if usage else NOT_TOLD,
        supported=tuple(_device(item) for item in usage.supported_compute_devices) if usage else (),
        cost=float(cost.weight) if cost else None,
    )


def _base(operator_name: str) -> str:
    """Return an op's name without its opset, which Core ML puts in front ("ios17.conv")."""
    return operator_name.rpartition(".")[2]


def _device(device: Any) -> str:
    return DEVICES.get(type(device).__name__, type(device).__name__)
