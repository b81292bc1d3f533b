"""TensorRT through ONNX Runtime without this program: this file, numpy, onnxruntime-gpu, TensorRT and Python 3.9.

It stands alone, so that what it shares with CUDA's file stands in both; a test holds that it is the same. Never run on
real TensorRT.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROVIDER, NEXT_PROVIDER = "TensorrtExecutionProvider", "CUDAExecutionProvider"
TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"
"""0 switches TF32 off in cuBLAS, cuDNN and TensorRT alike (NVIDIA cuBLAS documentation, "Tensor Core Usage")."""
AS_WRITTEN = "ORT_DISABLE_ALL"
"""TensorRT gets the Q/DQ graph as it is written: ONNX Runtime's own rewriting comes first otherwise."""
PROFILE_KEYS = ("trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes")
SHOWN_NODES = 8
NOT_REBUILT = "not measured: build_twice does not travel in a bundle, one engine was built"


def probe() -> tuple[dict[str, str], str | None]:
    """Return versions, and what is missing in one line or None."""
    try:
        import onnxruntime as ort  # noqa: PLC0415  (it may be missing)
    except ImportError as error:
        return {}, f"ONNX Runtime is missing ({error}): pip install onnxruntime-gpu"
    if PROVIDER not in ort.get_available_providers():
        return {}, f"this ONNX Runtime has no {PROVIDER}: pip install onnxruntime-gpu"
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    return {"onnxruntime": ort.__version__}, None


def open_model(artifact: Path, options: Mapping[str, Any]) -> Model:
    """Build the engine; raises whatever ONNX Runtime raises, and RuntimeError where it opened it on other providers."""
    return Model(artifact, options)


class Model:
    """An opened model; the engine is built while loading, for the job's batch alone."""

    def __init__(self, artifact: Path, options: Mapping[str, Any]) -> None:
        self._settings, self._options = options["settings"], options
        os.environ[TF32_VARIABLE] = _digit(self._settings.get("tf32", False))
        asked = [(PROVIDER, engine_options(options)), (NEXT_PROVIDER, provider_options(self._settings))]
        self._session: Any = open_session(artifact, session_options(options, AS_WRITTEN), asked)
        self._names = [item.name for item in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run one batch; the arrays returned are the caller's."""
        return dict(zip(self._names, self._session.run(self._names, dict(feeds))))

    def facts(self) -> dict[str, str]:
        """Return what every provider tells, and what the engine was built with."""
        built = engine_options(self._options)
        return {
            **session_facts(self._session, self._settings),
            "engine": "built while loading",
            "builder_optimization_level": built["trt_builder_optimization_level"],
            "remainder": "fp16" if built["trt_fp16_enable"] == "1" else "fp32",
            "optimization_profile": built[PROFILE_KEYS[0]],
            **({"rebuild_noise": NOT_REBUILT} if self._settings.get("build_twice") else {}),
        }

    def close(self) -> None:
        """Free the session."""
        self._session = None


def engine_options(options: Mapping[str, Any]) -> dict[str, str]:
    """Return TensorRT's options; least, best and largest shape are one, so that the tuning is exact."""
    settings, precision = options["settings"], options["precision"]
    half = precision == "fp16" or (precision == "int8" and settings.get("remainder") == "fp16")
    shapes = ",".join(f"{item['name']}:{'x'.join(map(str, item['shape']))}" for item in options["inputs"])
    return {
        "device_id": str(settings.get("device", 0)),
        "trt_int8_enable": _digit(precision == "int8"),
        "trt_fp16_enable": _digit(half),
        "trt_builder_optimization_level": str(settings.get("builder_level", 3)),
        **dict.fromkeys(PROFILE_KEYS, shapes),
    }


def provider_options(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the GPU's index, and TF32 as the row says."""
    return {"device_id": str(settings.get("device", 0)), "use_tf32": _digit(settings.get("tf32", False))}


def session_options(options: Mapping[str, Any], level: str) -> Any:
    """Return ONNX Runtime's options; older versions pass over the entries that they do not know."""
    import onnxruntime as ort  # noqa: PLC0415  (whoever only asks for it must not load it)

    made = ort.SessionOptions()
    made.intra_op_num_threads, made.inter_op_num_threads = options["threads"], 1
    made.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    made.add_session_config_entry("session.intra_op.allow_spinning", "0")
    made.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if options["settings"].get("fallback") == "error":
        made.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    made.log_severity_level = 3
    return made


def open_session(artifact: Path, made: Any, asked: list[tuple[str, dict[str, str]]]) -> Any:
    """Open an InferenceSession on the first provider asked for. Raises RuntimeError where it is on others alone."""
    import onnxruntime as ort  # noqa: PLC0415  (as above)

    session = ort.InferenceSession(str(artifact), made, providers=asked, enable_fallback=0)
    if asked[0][0] not in session.get_providers():
        raise RuntimeError(f"ONNX Runtime opened it on {', '.join(session.get_providers())}, not on {asked[0][0]}")
    return session


def session_facts(session: Any, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return providers, options as ONNX Runtime reports them, and the nodes that ran elsewhere."""
    options = session.get_session_options()
    return {
        "providers": ", ".join(session.get_providers()),
        "intra_op_threads": str(options.intra_op_num_threads),
        "graph_optimization_level": options.graph_optimization_level.name,
        "tf32": "allowed" if settings.get("tf32") else "off",
        "fallback": fallback_words(session),
    }


def fallback_words(session: Any) -> str:
    """Return "none", how many nodes ran on which other provider, or that this ONNX Runtime does not tell."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return "not told by this version of ONNX Runtime"
    first = session.get_providers()[0]
    groups: dict[str, list[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        if part.ep_name != first:
            groups.setdefault(part.ep_name, []).extend(node.name for node in part.get_nodes())
    told = [f"{_count(names)} on {name}: {', '.join(names[:SHOWN_NODES])}" for name, names in groups.items()]
    return "; ".join(told) or "none"


def _count(names: list[str]) -> str:
    return f"{len(names)} {'node' if len(names) == 1 else 'nodes'}"


def _digit(value: bool) -> str:
    return "1" if value else "0"
