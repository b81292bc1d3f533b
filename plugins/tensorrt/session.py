"""A TensorRT engine on one GPU: built from the Q/DQ file or loaded, run, and asked what its layers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from workbench_plugins.ort_cpu.canonical_nodes import load_nodes
from workbench_plugins.ort_nvidia.gpus import engine_folder, find_gpus
from workbench_plugins.ort_nvidia.rebuild import KeptRuns, told
from workbench_plugins.ort_nvidia.session import DEVICES
from workbench_plugins.ort_tensorrt.inspector import BuildFlags, build_engine, layers_of
from workbench_plugins.ort_tensorrt.layers import Layer, placements_of, read_layers
from workbench_plugins.ort_tensorrt.session import profile_shapes

from workbench.errors import ModelError
from workbench.spi import Arrays, OpenOptions, Placement, Prepared

SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "device": DEVICES,
    "tf32": (False, True),
    "builder_level": (3, 0, 1, 2, 4, 5),
    "build_twice": (False, True),
}
"""Options, the default first: index of the GPU, whether float32 products may be rounded to TF32, builder level, and
whether a second engine is built to tell how far it moves the answers."""
ENGINE = "{}.engine"
"""Name of the engine beside the artifact, by GPU."""


class TensorRtSession:
    """See `workbench.spi.Session`.

    Args:
        package: returns the imported package `tensorrt`.
        device: returns the GPU of an index; see device.CudaDevice.
        uses_built: whether the engine made while preparing is loaded, where there is one.
    """

    def __init__(
        self,
        prepared: Prepared,
        options: OpenOptions,
        settings: Mapping[str, Any],
        package: Callable[[], Any],
        device: Callable[[int], Any],
        *,
        uses_built: bool = True,
    ) -> None:
        self.artifact, self.options, self.settings = prepared.artifact, options, settings
        self.kept = KeptRuns(is_wanted=settings["build_twice"])
        self._package, self._new_device, self._device = package, device, device(settings["device"])
        self._uses_built, self._noise = uses_built, ""
        self._trt: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._outputs: dict[str, npt.DTypeLike] = {}
        self._state = ""

    def __enter__(self) -> Self:
        try:
            self._trt = self._package()
            self._device.__enter__()
            self._engine, self._state = self._loaded()
            self._context = self._engine.create_execution_context()
            names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
            self._outputs = {name: self._type(name) for name in names if self._is_output(name)}
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._context = self._engine = None
        self._device.close()

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run one batch; the arrays returned are the caller's. Raises ModelError where TensorRT does not run it."""
        for name, value in feeds.items():
            self._context.set_input_shape(name, value.shape)
            self._bind(name, value.nbytes)
            self._device.upload(self._device.buffer(name, value.nbytes), value)
        found = {
            name: np.empty(tuple(self._context.get_tensor_shape(name)), self._outputs[name]) for name in self._outputs
        }
        for name, value in found.items():
            self._bind(name, value.nbytes)
        if not self._context.execute_async_v3(self._device.stream):
            raise ModelError(f"TensorRT did not run {self.artifact.name}", why="its log says more")
        for name, value in found.items():
            self._device.download(value, self._device.buffer(name, value.nbytes))
        self._device.synchronize()
        self.kept.keep(feeds, found)
        return found

    def placement(self) -> list[Placement]:
        """Read the layers of the very engine that runs."""
        canonical = load_nodes(self.artifact)
        text = layers_of(self._trt, self._engine)
        (self.options.work_dir / "layers.json").write_text(text, encoding="utf-8")
        nodes = [(node.name, node.op_type) for node in canonical.nodes]
        return placements_of(nodes, read_layers(text), f"CUDA:{self.settings['device']}", canonical.float_reasons)

    def facts(self) -> dict[str, str]:
        """Return version, how the engine came about, and what it was built with."""
        shapes = ", ".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in self._flags().shapes.items())
        return {
            "tensorrt": str(self._trt.__version__),
            "engine": self._state,
            "typing": "strong: the file decides every precision",
            "builder_optimization_level": str(self.settings["builder_level"]),
            "tf32": "allowed" if self.settings["tf32"] else "off",
            "optimization_profile": shapes or "from the model's fixed shapes",
            "fallback": "none",
            **({"rebuild_noise": self.rebuild_noise()} if self.settings["build_twice"] else {}),
        }

    def rebuild_noise(self) -> str:
        """Build a second engine, once, and return how far its answers are from the first's, and whether its layers."""
        self._noise = self._noise or told(self._against_a_second_engine)
        return self._noise

    def _against_a_second_engine(self) -> str:
        settings, first = {**self.settings, "build_twice": False}, Prepared(self.artifact)
        again = type(self)(first, self.options, settings, self._package, self._new_device, uses_built=False)
        with again as second:
            return f"{self.kept.noise(second.run)}; {changed_layers(self.layers(), second.layers())}"

    def layers(self) -> tuple[Layer, ...]:
        """Return the engine's layers as the inspector lists them."""
        return read_layers(layers_of(self._trt, self._engine))

    def save_engine(self, path: Path) -> None:
        """Write the engine; it fits this GPU and this version of TensorRT alone."""
        path.write_bytes(bytes(self._engine.serialize()))

    def _loaded(self) -> tuple[Any, str]:
        runtime = self._trt.Runtime(self._trt.Logger(self._trt.Logger.ERROR))
        kept = engine_file(self.artifact)
        is_there = self._uses_built and kept.is_file()
        engine = runtime.deserialize_cuda_engine(kept.read_bytes()) if is_there else None
        if engine is not None:
            return engine, "loaded from the file made while building"
        engine = runtime.deserialize_cuda_engine(build_engine(self._trt, self.artifact, self._flags()))
        if engine is None:
            raise ModelError(f"TensorRT does not load its engine of {self.artifact.name}", why="its log says more")
        return engine, "built while loading"

    def _flags(self) -> BuildFlags:
        shapes = profile_shapes(self.artifact, self.options.batch)
        return BuildFlags(
            False, False, self.settings["tf32"], self.settings["builder_level"], shapes, strongly_typed=True
        )

    def _bind(self, name: str, size: int) -> None:
        self._context.set_tensor_address(name, self._device.buffer(name, size))

    def _is_output(self, name: str) -> bool:
        return bool(self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.OUTPUT)

    def _type(self, name: str) -> npt.DTypeLike:
        found: npt.DTypeLike = self._trt.nptype(self._engine.get_tensor_dtype(name))
        return found


def engine_file(artifact: Path) -> Path:
    """Return where the engine of an artifact lies for the GPUs that are here."""
    return artifact.parent / ENGINE.format(engine_folder(find_gpus()))


def changed_layers(first: Sequence[Layer], second: Sequence[Layer]) -> str:
    """Return in words how many layers of a first engine a second one does not have, name, kind and precision alike."""
    missing = len(set(first) - set(second))
    return f"{missing} of {len(first)} layers are others" if missing else f"the same {len(first)} layers"
