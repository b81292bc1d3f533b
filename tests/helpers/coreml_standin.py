"""A stand-in for the parts of coremltools that need macOS: it compiles by name and predicts by the evaluator."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from workbench_plugins.coreml.evaluator.run import Evaluator
from workbench_plugins.coreml.package.read import read_package


class MLCPUComputeDevice:
    """Named as coremltools names it."""


class MLNeuralEngineComputeDevice:
    """Named as coremltools names it."""


class StandIn:
    """What was asked for, and how far values within the program are moved.

    Attributes:
        asked: (what, argument) of every call.
        moved: name of a value -> what is added to it when it is inspected.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.moved: dict[str, float] = {}

    def compile_model(self, package: str, destination: str) -> str:
        """Keep where the package is; write an empty folder."""
        self.asked.append(("compile", package))
        self.package = Path(package)
        Path(destination).mkdir(parents=True)
        return destination

    def load(self, compiled: str, compute_units: str) -> Any:
        """A model that predicts."""
        self.asked.append(("load", compute_units))
        return SimpleNamespace(predict=Evaluator(read_package(self.package)).run)

    def plan(self, compiled: str, compute_units: str) -> Any:
        """Convolutions on the Neural Engine, all else on the CPU, one part in a hundred each."""
        block = read_package(self.package).main.block
        ops = [SimpleNamespace(operator_name=f"ios17.{op.type}", outputs=op.outputs) for op in block.operations]
        main = SimpleNamespace(block=SimpleNamespace(operations=ops))
        return SimpleNamespace(
            model_structure=SimpleNamespace(program=SimpleNamespace(functions={"main": main})),
            get_compute_device_usage_for_mlprogram_operation=_usage,
            get_estimated_cost_for_mlprogram_operation=lambda op: SimpleNamespace(weight=0.01),
        )

    async def inspect(self, inputs: Any, output_names: list[str]) -> AsyncIterator[tuple[str, Any]]:
        """Values within the program, moved where a test says so."""
        found = Evaluator(read_package(self.package)).run(inputs, watch=output_names)
        for name in output_names:
            yield name, found[name] + self.moved.get(name, 0)


def _usage(op: Any) -> Any:
    if op.operator_name.endswith("dequantize"):
        return None
    device = MLNeuralEngineComputeDevice() if op.operator_name == "ios17.conv" else MLCPUComputeDevice()
    return SimpleNamespace(preferred_compute_device=device, supported_compute_devices=[MLCPUComputeDevice(), device])


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Let `import coremltools` find the stand-in."""
    found = StandIn()
    units = SimpleNamespace(ALL="ALL", CPU_ONLY="CPU_ONLY", CPU_AND_GPU="CPU_AND_GPU", CPU_AND_NE="CPU_AND_NE")
    models = SimpleNamespace(
        utils=SimpleNamespace(compile_model=found.compile_model),
        CompiledMLModel=found.load,
        MLModel=lambda path, compute_units: path,
    )
    parts = {
        "coremltools": {"ComputeUnit": units, "models": models},
        "coremltools.models": {},
        "coremltools.models.compute_plan": {"MLComputePlan": SimpleNamespace(load_from_path=found.plan)},
        "coremltools.models.ml_program": {},
        "coremltools.models.ml_program.experimental": {},
        "coremltools.models.ml_program.experimental.debugging_utils": {"MLModelInspector": lambda *_, **__: found},
    }
    for name, values in parts.items():
        module = ModuleType(name)
        module.__dict__.update(values)
        monkeypatch.setitem(sys.modules, name, module)
    return found
