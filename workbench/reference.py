"""The reference runtime: float32 and simulated Q/DQ graphs on ONNX Runtime's CPU provider, one thread, no tricks."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from workbench.errors import ContractError, ModelError

_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of glibc's malloc.h."""


class ReferenceSession:
    """One loaded model on ONNX Runtime's CPU provider. A context manager.

    Args:
        model: path of an ONNX file, or the bytes of one (external data then must be absent).
        threads: intra-op threads, at least 1; spinning is off, because other work shares the cores.
        optimized: True runs ONNX Runtime's graph optimizations (float reference, calibration); False runs every
            node as written (ORT_DISABLE_ALL), which is how a simulated Q/DQ graph must run.
        shares_memory: take working memory from the pool that all such sessions of the process use in turn.
        weights: contiguous arrays for initializers that the model declares without their values, as external data.
            Nobody may write to them while the session is open.

    Raises:
        ModelError: ONNX Runtime refuses the model; the message is its first line.
    """

    def __init__(
        self,
        model: Path | bytes,
        threads: int = 1,
        optimized: bool = True,
        shares_memory: bool = False,
        weights: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        options = _options(threads, optimized)
        if shares_memory:
            _make_shared_pool()
            options.add_session_config_entry("session.use_env_allocators", "1")
        self._weights = dict(weights or {})  # ONNX Runtime does not keep the arrays alive
        if self._weights:
            values = [_shared(array) for array in self._weights.values()]
            options.add_external_initializers(list(self._weights), values)
        self._session: Any = _open(model, options)
        self._run_options = _run_options()
        self.input_names: tuple[str, ...] = tuple(value.name for value in self._session.get_inputs())
        self.output_names: tuple[str, ...] = tuple(value.name for value in self._session.get_outputs())

    def run(
        self, feeds: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Run once; several threads may do so at a time.

        Args:
            feeds: input name -> array of the declared dtype and shape.
            outputs: names wanted, all of the model's outputs when None.

        Returns:
            Name -> array owned by the caller, in the order of `outputs`.

        Raises:
            ModelError: the feeds do not fit, or the model fails while running or is stopped.
            ContractError: the session is closed.
        """
        if self._session is None:
            raise ContractError("ReferenceSession.run was called after close")
        names = list(self.output_names if outputs is None else outputs)
        if not names:
            return {}
        try:
            values = self._session.run(names, dict(feeds), self._run_options)
        except _ort_errors() as error:
            raise ModelError("The model cannot be run", why=_first_line(error)) from error
        return dict(zip(names, values, strict=True))

    def stop(self) -> None:
        """End runs of other threads at their next node, and refuse further ones."""
        self._run_options.terminate = True

    def close(self) -> None:
        """Free the session; may be called twice."""
        self._session = None
        self._weights.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_optimized(model: Path, out: Path) -> None:
    """Write the graph that ONNX Runtime makes of a model for this machine; large weights go to `<out>.weights`.

    Tensors may be in the processor's own layout, the file is for this machine only. Nodes of it run as they are: open
    it with optimized = False. Memory that the work took is given back.

    Raises:
        ModelError: ONNX Runtime refuses the model.
    """
    options = _options(threads=1, optimized=True)
    options.optimized_model_filepath = str(out)
    prefix = "session.optimized_model_external_initializers"
    options.add_session_config_entry(f"{prefix}_file_name", f"{out.name}.weights")
    options.add_session_config_entry(f"{prefix}_min_size_in_bytes", "1024")
    _open(model, options)
    _give_memory_back()


def give_large_blocks_back() -> None:
    """Make this process hand blocks of 256 KiB and more to the system when they are freed.

    glibc raises that limit to the largest block it has seen freed, 32 MiB at most, and keeps what lies below it: 50 MiB
    of a calibration. For processes that time nothing.
    """
    limit = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if limit is not None:
        limit(_MMAP_THRESHOLD, 1 << 18)


def _give_memory_back() -> None:
    """Hand freed memory to the system: glibc keeps tens of megabytes of it for the process otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


@cache
def _make_shared_pool() -> None:
    """Register the process's one pool of working memory, which grows by what is asked for and no more."""
    import onnxruntime as ort  # noqa: PLC0415  (as in _options)

    arena = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    place = ort.OrtMemoryInfo("Cpu", arena, 0, ort.OrtMemType.DEFAULT)
    same_as_requested, default = 1, -1
    ort.create_and_register_allocator(place, ort.OrtArenaCfg(0, same_as_requested, default, default))


def _shared(values: npt.NDArray[Any]) -> Any:
    """Return an array as ONNX Runtime's own type, in the same memory."""
    import onnxruntime as ort  # noqa: PLC0415  (as in _options)

    return ort.OrtValue.ortvalue_from_numpy(values)


def _run_options() -> Any:
    import onnxruntime as ort  # noqa: PLC0415  (as in _options)

    options = ort.RunOptions()
    options.log_severity_level = 4
    return options


def _options(threads: int, optimized: bool) -> Any:
    import onnxruntime as ort  # noqa: PLC0415  (0.3 s and native code; only where a session is opened)

    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    return options


def _open(model: Path | bytes, options: Any) -> Any:
    import onnxruntime as ort  # noqa: PLC0415  (as above)

    name = model.name if isinstance(model, Path) else "The model"
    try:
        source = str(model) if isinstance(model, Path) else model
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except _ort_errors() as error:
        raise ModelError(f"{name} is refused by ONNX Runtime", why=_first_line(error)) from error


def _ort_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises: its own classes derive from Exception, wrong feeds are ValueError and others."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415  (as above)

    own = (
        state.EPFail, state.EngineError, state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
        state.ModelLoaded, state.NoModel, state.NoSuchFile, state.NotImplemented, state.RuntimeException,
    )  # fmt: skip
    return (*own, ValueError, TypeError, RuntimeError)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
