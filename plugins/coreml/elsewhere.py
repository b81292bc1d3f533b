"""Core ML on a Mac without this program: this file, numpy, coremltools and Python 3.9 suffice.

Written against the documentation of coremltools 9.0 (CompiledMLModel, compute_plan); it has never run on a Mac.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

NAMES_SUFFIX = ".names.json"
"""What lies beside a package: Core ML's name, dtype and shape of each input and output."""


def probe() -> tuple[dict[str, str], str | None]:
    """Return versions, and everything that is missing in one line or None."""
    missing = [] if sys.platform == "darwin" else [f"Core ML runs on macOS alone, this is {platform.system()}"]
    if importlib.util.find_spec("coremltools") is None:
        missing.append("coremltools is missing: pip install coremltools (it needs Python 3.13 or older)")
    if missing:
        return {}, "; ".join(missing)
    try:
        import coremltools  # noqa: PLC0415  (it may be missing, and takes seconds)
    except Exception as error:  # noqa: BLE001  (whatever it stumbles over is what is missing)
        return {}, f"coremltools does not load ({error}): pip install coremltools"
    return {"coremltools": coremltools.__version__}, None


def open_model(artifact: Path, options: Mapping[str, Any]) -> Model:
    """Compile and load a package for the row's compute units; raises whatever Core ML raises."""
    return Model(artifact, options)


class Model:
    """A compiled package."""

    def __init__(self, artifact: Path, options: Mapping[str, Any]) -> None:
        import coremltools as ct  # noqa: PLC0415  (takes seconds)

        self._units = str(options["settings"].get("compute_units", "all"))
        self._unit = getattr(ct.ComputeUnit, self._units.upper())
        self._names = json.loads(artifact.with_name(artifact.name + NAMES_SUFFIX).read_text(encoding="utf-8"))
        self._folder = mkdtemp(prefix="int8-coreml-")
        try:
            place = str(Path(self._folder) / f"{artifact.stem}.mlmodelc")
            self._compiled = str(ct.models.utils.compile_model(str(artifact), place))
            self._model: Any = ct.models.CompiledMLModel(self._compiled, compute_units=self._unit)
        except BaseException:
            self.close()
            raise

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run one batch, the package's; the arrays returned are the caller's, as the model declares them."""
        takes, gives = self._names["inputs"], self._names["outputs"]
        found = self._model.predict({item["name"]: _as_feature(feeds[name]) for name, item in takes.items()})
        return {
            name: np.array(found[item["name"]], dtype=item["dtype"]).reshape(item["shape"])
            for name, item in gives.items()
        }

    def facts(self) -> dict[str, str]:
        """Return the choice of processors, and where Core ML prefers to run the operations before anything runs."""
        return {"compute_units": self._units, "compiled": "while loading", **self._preferred()}

    def close(self) -> None:
        """Free the model and what was compiled."""
        self._model = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _preferred(self) -> dict[str, str]:
        try:
            from coremltools.models.compute_plan import MLComputePlan  # noqa: PLC0415  (newer versions have it)

            plan = MLComputePlan.load_from_path(self._compiled, compute_units=self._unit)
            ops = plan.model_structure.program.functions["main"].block.operations
            usages = [plan.get_compute_device_usage_for_mlprogram_operation(op) for op in ops]
        except Exception as error:  # noqa: BLE001  (a plan that does not answer changes no result)
            return {"placement_source": f"MLComputePlan did not answer: {type(error).__name__}"}
        devices = [type(usage.preferred_compute_device).__name__ for usage in usages if usage]
        counts = {name: devices.count(name) for name in dict.fromkeys(devices)}
        told = ", ".join(f"{name[2:].replace('ComputeDevice', '')}: {count}" for name, count in counts.items())
        return {"placement_source": "MLComputePlan: preference before the run", "operations_by_device": told}


def _as_feature(values: Any) -> Any:
    """Return an array as Core ML takes it: float32, float16 or int32, with at least one axis."""
    kind = values.dtype if values.dtype in (np.float32, np.float16) else np.dtype(np.int32)
    return np.ascontiguousarray(values.reshape(values.shape or (1,)), dtype=kind)
