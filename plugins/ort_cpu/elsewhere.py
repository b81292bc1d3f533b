"""ONNX Runtime's CPU provider on a machine without this program: this file, numpy, onnxruntime and Python 3.9 suffice.

The plugin's own session takes its options from here, so that a model is opened alike here and there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROVIDER = "CPUExecutionProvider"
LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disable": "ORT_DISABLE_ALL",
}
SPINNING_KEY = "session.intra_op.allow_spinning"
QUANT_PRECISION_KEY = "session.x64quantprecision"
MATMUL_ACCURACY_KEY = "session.qdq_matmulnbits_accuracy_level"
FLOAT32_ACCURACY = "1"
"""ONNX Runtime's default, 4, quantizes activations of weight-only MatMuls by itself."""
REQUANTIZING_OPTIMIZERS = ("WeightBiasQuantization",)
"""Optimizers that invent quantization parameters: they would run a Conv that the scheme excludes on INT8 weights."""
INTEGER_OPS = frozenset(
    {"QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QAttention"}
)
_KERNEL_TIME = "_kernel_time"


class OtherProviderError(RuntimeError):
    """ONNX Runtime opened a model on another provider than was asked for."""


def probe() -> tuple[dict[str, str], str | None]:
    """Return versions, and what is missing in one line or None."""
    try:
        import onnxruntime as ort  # noqa: PLC0415  (it may be missing)
    except ImportError as error:
        return {}, f"ONNX Runtime is missing ({error}): pip install onnxruntime"
    if PROVIDER not in ort.get_available_providers():
        return {}, f"this ONNX Runtime has no {PROVIDER}: pip install onnxruntime"
    return {"onnxruntime": ort.__version__}, None


def open_model(artifact: Path, options: Mapping[str, Any]) -> Model:
    """Open a model; raises whatever ONNX Runtime raises."""
    return Model(artifact, options)


class Model:
    """An opened model."""

    def __init__(self, artifact: Path, options: Mapping[str, Any]) -> None:
        self._artifact, self._options = artifact, options
        self._session: Any = open_session(artifact, self._session_options())
        self._names = [item.name for item in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run one batch; the arrays returned are the caller's."""
        return dict(zip(self._names, self._session.run(self._names, dict(feeds))))

    def facts(self) -> dict[str, str]:
        """Return provider and options as ONNX Runtime reports them."""
        return session_facts(self._session)

    def kernels(self, feeds: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the kernels that ran once, from a profile of a second session."""
        with TemporaryDirectory() as scratch:
            options = self._session_options()
            options.enable_profiling, options.profile_file_prefix = True, str(Path(scratch) / "profile")
            session = open_session(self._artifact, options)
            session.run(None, dict(feeds))
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        ran = [event for event in events if event.get("cat") == "Node" and event["name"].endswith(_KERNEL_TIME)]
        return [_kernel(event["name"][: -len(_KERNEL_TIME)], event["args"]) for event in ran]

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def _session_options(self) -> Any:
        return session_options(self._options["threads"], self._options["settings"])


def session_options(threads: int, settings: Mapping[str, Any]) -> Any:
    """Return ONNX Runtime's options for a row's settings, defaults where one is absent."""
    import onnxruntime as ort  # noqa: PLC0415  (whoever only asks for it must not load it)

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    level = LEVELS[settings.get("graph_optimization_level", "all")]
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.add_session_config_entry(SPINNING_KEY, _digit(settings.get("allow_spinning", False)))
    options.add_session_config_entry(QUANT_PRECISION_KEY, _digit(settings.get("x64_quant_precision", False)))
    options.add_session_config_entry(MATMUL_ACCURACY_KEY, FLOAT32_ACCURACY)
    options.log_severity_level = 3
    return options


def open_session(artifact: Path, options: Any) -> Any:
    """Open an InferenceSession on the CPU provider alone. Raises OtherProviderError where it becomes another one."""
    import onnxruntime as ort  # noqa: PLC0415  (as above)

    barred = list(REQUANTIZING_OPTIMIZERS)
    session = ort.InferenceSession(str(artifact), options, providers=[PROVIDER], disabled_optimizers=barred)
    if session.get_providers() != [PROVIDER]:
        raise OtherProviderError(f"ONNX Runtime chose {session.get_providers()}, not {PROVIDER}")
    return session


def session_facts(session: Any) -> dict[str, str]:
    """Return provider and options as ONNX Runtime reports them."""
    options = session.get_session_options()
    return {
        "providers": ", ".join(session.get_providers()),
        "intra_op_threads": str(options.intra_op_num_threads),
        "inter_op_threads": str(options.inter_op_num_threads),
        "execution_mode": options.execution_mode.name,
        "graph_optimization_level": options.graph_optimization_level.name,
        "allow_spinning": options.get_session_config_entry(SPINNING_KEY),
        "x64_quant_precision": options.get_session_config_entry(QUANT_PRECISION_KEY),
    }


def _kernel(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    op = about["op_name"]
    precision = "int8" if op in INTEGER_OPS or op.startswith("QLinear") else "fp32"
    return {"nodes": [name], "op_type": op, "device": "CPU", "precision": precision}


def _digit(value: bool) -> str:
    return "1" if value else "0"
