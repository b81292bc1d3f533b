"""A session on the TensorRT provider: it gets the graph as written, its engine is kept, its layers are placement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy.typing as npt
from workbench_plugins.ort_cpu.canonical_nodes import CanonicalNodes, load_nodes
from workbench_plugins.ort_nvidia.binaries import needed_libraries
from workbench_plugins.ort_nvidia.gpus import engine_folder, find_gpus
from workbench_plugins.ort_nvidia.libraries import major_of
from workbench_plugins.ort_nvidia.probing import CUDA, Provider, provider_library
from workbench_plugins.ort_nvidia.rebuild import KeptRuns, told
from workbench_plugins.ort_nvidia.session import COMMON_SETTINGS, CPU_PROVIDER, ProviderSession, moved
from workbench_plugins.ort_tensorrt.inspector import SECOND_BUILD, BuildFlags, layer_information, tensorrt_package
from workbench_plugins.ort_tensorrt.layers import placements_of, read_layers

from workbench.spi import Arrays, OpenOptions, Placement, Prepared

SETTINGS: Mapping[str, tuple[Any, ...]] = {
    **COMMON_SETTINGS,
    "builder_level": (3, 0, 1, 2, 4, 5),
    "remainder": ("fp32", "fp16"),
    "context_dump": (False, True),
    "build_twice": (False, True),
}
"""Builder optimization level (more is slower to build and faster to run), the precision of layers left in float,
whether the engine is also written as an ONNX file with an EPContext node beside the engine cache, and whether a second
engine is built from nothing to tell how far it moves the answers."""
ENGINES = "engines"
"""Folder of engine and timing cache, beside the artifact, which is made anew for another plan, version or option; in
it one folder per GPU."""
CONTEXT_FILE = "context.onnx"
FROM_CACHE = "loaded from the cache made while building"
WHILE_LOADING, WITH_SAMPLES = "built while loading", "built with the first samples: the file names no fixed shapes"
WITHOUT_PACKAGE = "layer precisions need the TensorRT Python package"


class OrtTensorRtSession(ProviderSession):
    """See `workbench.spi.Session`."""

    level = "ORT_DISABLE_ALL"
    """TensorRT gets the Q/DQ graph as it is written: ONNX Runtime's own rewriting comes first otherwise."""

    def __init__(
        self,
        prepared: Prepared,
        options: OpenOptions,
        provider: Provider,
        settings: Mapping[str, Any],
        *,
        uses_built: bool = True,
    ) -> None:
        super().__init__(prepared, options, provider, settings)
        built = self.artifact.parent / ENGINES / engine_folder(find_gpus())
        self.was_built = uses_built and any(built.glob("*.engine"))
        self.engines = built if self.was_built else options.work_dir / ENGINES / built.name
        self.kept = KeptRuns(is_wanted=settings["build_twice"])
        self._noise, self._engine_state = "", FROM_CACHE

    def __enter__(self) -> Self:
        super().__enter__()
        if not self.was_built:
            self._engine_state = WHILE_LOADING if self.has_engine else WITH_SAMPLES
        return self

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run one batch; the arrays returned are the caller's."""
        answers = super().run(feeds)
        self.kept.keep(feeds, answers)
        return answers

    def provider_options(self) -> dict[str, str]:
        """Return TensorRT's options; one optimization profile for exactly this batch."""
        if self.provider.name == CPU_PROVIDER:
            return {}
        flags = self.flags()
        return {
            **super().provider_options(),
            "trt_int8_enable": _digit(flags.int8),
            "trt_fp16_enable": _digit(flags.fp16),
            "trt_builder_optimization_level": str(flags.level),
            "trt_engine_cache_enable": "1",
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(self.engines),
            **profile_options(flags.shapes),
            **self._engine_options(),
        }

    def next_providers(self) -> list[tuple[str, dict[str, str]]]:
        """Return CUDA on the same GPU, with the same TF32."""
        if self.provider.name == CPU_PROVIDER:
            return []
        return [(CUDA.name, {**super().provider_options(), "use_tf32": _digit(self.settings["tf32"])})]

    def flags(self) -> BuildFlags:
        """Return what the engine is built with."""
        int8, fp16 = self.options.precision == "int8", self.options.precision == "fp16"
        shapes = profile_shapes(self.artifact, self.options.batch)
        half = fp16 or (int8 and self.settings["remainder"] == "fp16")
        return BuildFlags(int8, half, self.settings["tf32"], self.settings["builder_level"], shapes)

    def open(self, options: Any) -> Any:
        """Open a session; the engine is built here unless the cache has it, or an input's shape is not known yet."""
        self.engines.mkdir(parents=True, exist_ok=True)
        return super().open(options)

    @property
    def has_engine(self) -> bool:
        """Whether the cache has an engine."""
        return any(self.engines.glob("*.engine"))

    def placement(self) -> list[Placement]:
        """Read the layers of an engine of this file; nodes of another provider keep that provider's device."""
        canonical, strangers = load_nodes(self.artifact), self.strangers()
        mine = [(node.name, node.op_type) for node in canonical.nodes if node.name not in strangers]
        others = [
            Placement(node.name, node.op_type, self.device, self._float_precision())
            for node in canonical.nodes
            if node.name in strangers
        ]
        return moved([*self._on_tensorrt(mine, canonical), *others], strangers, self.device)

    def facts(self) -> dict[str, str]:
        """Return what every provider tells, and how the engine came about."""
        flags = self.flags()
        return {
            **super().facts(),
            "engine": "none: stand-in provider" if self.provider.name == CPU_PROVIDER else self._engine_state,
            "builder_optimization_level": str(flags.level),
            "remainder": "fp16" if flags.fp16 else "fp32",
            "optimization_profile": ", ".join(f"{name}:{_by_x(shape)}" for name, shape in flags.shapes.items())
            or "from the model's fixed shapes",
            **({"rebuild_noise": self.rebuild_noise()} if self.settings["build_twice"] else {}),
        }

    def rebuild_noise(self) -> str:
        """Build a second engine, once, and return how far its answers are from the first's."""
        self._noise = self._noise or told(self._against_a_second_engine)
        return self._noise

    def _against_a_second_engine(self) -> str:
        """The second engine's caches are its own and empty: a timing cache would give it the first one's kernels."""
        settings = {**self.settings, "build_twice": False, "context_dump": False}
        with TemporaryDirectory(prefix="rebuild", dir=self.options.work_dir) as folder:
            options = replace(self.options, work_dir=Path(folder))
            again = type(self)(Prepared(self.artifact), options, self.provider, settings, uses_built=False)
            with again as second:
                return self.kept.noise(second.run)

    def _engine_options(self) -> dict[str, str]:
        """Return where the engine goes, and with `context_dump` the file that names it.

        A context file may name an engine beside it, never one at an absolute path: without a cache path the engine goes
        where the context file goes (ONNX Runtime, "TensorRT Execution Provider", EPContext; its provider's source).
        """
        if not self.settings["context_dump"]:
            return {"trt_engine_cache_path": str(self.engines)}
        return {
            "trt_dump_ep_context_model": "1",
            "trt_ep_context_file_path": str(self.engines / CONTEXT_FILE),
            "trt_ep_context_embed_mode": "0",
        }

    def _on_tensorrt(self, nodes: list[tuple[str, str]], canonical: CanonicalNodes) -> list[Placement]:
        package = None if self.provider.name == CPU_PROVIDER else tensorrt_package(provider_major(self.provider))
        if package is None:
            return [Placement(name, op, self.device, "unknown", reason=WITHOUT_PACKAGE) for name, op in nodes]
        text = layer_information(package, self.artifact, self.flags())
        (self.options.work_dir / "layers.json").write_text(text, encoding="utf-8")
        found = placements_of(nodes, read_layers(text), self.device, canonical.float_reasons)
        return [_with_source(item) for item in found]

    def _float_precision(self) -> str:
        return "fp16" if self.options.precision == "fp16" else "fp32"


def provider_major(provider: Provider) -> int | None:
    """Return the major version of TensorRT that the provider's file was linked with, None where it cannot be read."""
    library = provider_library(provider)
    try:
        return major_of(needed_libraries(library), "nvinfer") if library is not None else None
    except (OSError, ValueError):
        return None


def profile_shapes(artifact: Path, batch: int) -> dict[str, tuple[int, ...]]:
    """Return input name -> shape for one batch, where only the first axis is symbolic; {} where all are fixed.

    An input with another symbolic axis gets no shape: TensorRT then builds when it sees the first samples.
    """
    import onnx  # noqa: PLC0415  (realise must not load it)

    graph = onnx.load(str(artifact), load_external_data=False).graph
    constants = {item.name for item in graph.initializer}
    found = {}
    for item in graph.input:
        dims = item.type.tensor_type.shape.dim
        is_first_only = bool(dims) and not dims[0].HasField("dim_value") and all(d.dim_value > 0 for d in dims[1:])
        if item.name not in constants and is_first_only:
            found[item.name] = (batch, *(int(d.dim_value) for d in dims[1:]))
    return found


def profile_options(shapes: Mapping[str, Iterable[int]]) -> dict[str, str]:
    """Return the provider's profile options: least, best and largest shape are one, so that the tuning is exact."""
    text = ",".join(f"{name}:{_by_x(shape)}" for name, shape in shapes.items())
    keys = ("trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes")
    return dict.fromkeys(keys, text) if text else {}


def _with_source(item: Placement) -> Placement:
    reason = f"{item.reason}; {SECOND_BUILD}" if item.reason else SECOND_BUILD
    return Placement(item.node, item.op_type, item.device, item.precision, item.fused_into, reason, item.time_share)


def _by_x(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape))


def _digit(value: bool) -> str:
    return "1" if value else "0"
