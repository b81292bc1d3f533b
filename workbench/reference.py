"""The reference runtime: float32 and simulated Q/DQ graphs on ONNX Runtime's CPU provider, one thread, no tricks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from workbench.errors import ContractError, ModelError


class ReferenceSession:
    """One loaded model on ONNX Runtime's CPU provider. A context manager.

    Args:
        model: path of an ONNX file, or the bytes of one (external data then must be absent).
        threads: intra-op threads, at least 1; spinning is off, because other work shares the cores.
        optimized: True runs ONNX Runtime's graph optimizations (float reference, calibration); False runs every
            node as written (ORT_DISABLE_ALL), which is how a simulated Q/DQ graph must run.

    Raises:
        ModelError: ONNX Runtime refuses the model; the message is its first line.
    """

    def __init__(self, model: Path | bytes, threads: int = 1, optimized: bool = True) -> None:
        self._session: Any = _open(model, _options(threads, optimized))
        self.input_names: tuple[str, ...] = tuple(value.name for value in self._session.get_inputs())
        self.output_names: tuple[str, ...] = tuple(value.name for value in self._session.get_outputs())

    def run(
        self, feeds: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Run once.

        Args:
            feeds: input name -> array of the declared dtype and shape.
            outputs: names wanted, all of the model's outputs when None.

        Returns:
            Name -> array owned by the caller, in the order of `outputs`.

        Raises:
            ModelError: the feeds do not fit, or the model fails while running.
            ContractError: the session is closed.
        """
        if self._session is None:
            raise ContractError("ReferenceSession.run was called after close")
        names = list(self.output_names if outputs is None else outputs)
        if not names:
            return {}
        try:
            values = self._session.run(names, dict(feeds))
        except _ort_errors() as error:
            raise ModelError("The model cannot be run", why=_first_line(error)) from error
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Free the session; may be called twice."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
