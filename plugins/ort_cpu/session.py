"""A session on ONNX Runtime's CPU provider: measured untouched, examined in a second, profiled session."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt
from workbench_plugins.ort_cpu import elsewhere
from workbench_plugins.ort_cpu.canonical_nodes import load_nodes
from workbench_plugins.ort_cpu.optimized import profile_feeds, read_kernels, time_shares
from workbench_plugins.ort_cpu.placement import placements

from workbench.errors import ModelError
from workbench.spi import Arrays, OpenOptions, Placement, Prepared, RuntimeUnavailableError

SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "allow_spinning": (False, True),
    "graph_optimization_level": ("all", "extended", "basic", "disable"),
    "x64_quant_precision": (False, True),
    "full_range_relu": (False, True),
}
"""Known options with their allowed values, the default first."""
OPTIMIZED_WEIGHTS_KEY = "session.optimized_model_external_initializers_file_name"
WARMUP_RUNS, PROFILED_RUNS, PROFILE_LIMIT_S = 3, 30, 1.0


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options with defaults filled in. Raises ValueError on an unknown key or value."""
    for key, value in settings.items():
        if key not in SETTINGS:
            raise ValueError(f"ort_cpu has no option {key!r}; known: {', '.join(SETTINGS)}")
        if value not in SETTINGS[key] or isinstance(value, bool) != isinstance(SETTINGS[key][0], bool):
            allowed = ", ".join(str(item).lower() for item in SETTINGS[key])
            raise ValueError(f"ort_cpu option {key} = {value!r} is not one of {allowed}")
    return {key: settings.get(key, values[0]) for key, values in SETTINGS.items()}


class OrtCpuSession:
    """See `workbench.spi.Session`."""

    def __init__(self, prepared: Prepared, options: OpenOptions) -> None:
        self.artifact, self.options = prepared.artifact, options
        self.settings = checked_settings(options.settings)
        self._session: Any = None
        self._names: list[str] = []
        self._shapes: dict[str, tuple[int, ...]] = {}

    def __enter__(self) -> Self:
        self._session = open_session(self.artifact, self._session_options())
        self._names = [item.name for item in self._session.get_outputs()]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run one batch; the arrays returned are the caller's."""
        if not self._shapes:
            self._shapes = {name: value.shape for name, value in feeds.items()}
        return dict(zip(self._names, self._session.run(self._names, dict(feeds)), strict=True))

    def placement(self) -> list[Placement]:
        """Open the artifact a second time with the same options, profile a few runs and read what was built."""
        folder = self.options.work_dir / "placement"
        folder.mkdir(parents=True, exist_ok=True)
        options = self._session_options()
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        options.add_session_config_entry(OPTIMIZED_WEIGHTS_KEY, "optimized.weights")
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        session = open_session(self.artifact, options)
        self._run_profiled(session)
        kernels = read_kernels(folder / "optimized.onnx")
        shares = time_shares(Path(session.end_profiling()), kernels, WARMUP_RUNS)
        return placements(load_nodes(self.artifact), kernels, shares)

    def facts(self) -> dict[str, str]:
        """Return provider and options as ONNX Runtime reports them."""
        return elsewhere.session_facts(self._session)

    def _run_profiled(self, session: Any) -> None:
        feeds = profile_feeds(session.get_inputs(), self.options.batch, self._shapes)
        end = time.monotonic() + PROFILE_LIMIT_S
        for done in range(WARMUP_RUNS + PROFILED_RUNS):
            session.run(None, feeds)
            if done >= WARMUP_RUNS and time.monotonic() > end:
                break

    def _session_options(self) -> Any:
        return elsewhere.session_options(self.options.threads, self.settings)


def open_session(artifact: Path, options: Any) -> Any:
    """Open an InferenceSession on the CPU provider alone.

    Raises:
        ModelError: ONNX Runtime refuses the artifact. RuntimeUnavailableError: it chose another provider.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415  (realise must not load it)

    refusals = (
        state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoModel, state.NoSuchFile,
        state.NotImplemented, state.RuntimeException, state.EPFail,
    )  # fmt: skip
    try:
        return elsewhere.open_session(artifact, options)
    except refusals as error:
        raise ModelError(f"{artifact.name} is refused by ONNX Runtime", why=str(error).splitlines()[0]) from error
    except elsewhere.OtherProviderError as error:
        raise RuntimeUnavailableError(str(error)) from error
