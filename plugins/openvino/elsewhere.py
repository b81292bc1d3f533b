"""OpenVINO's CPU device on a machine without this program: this file, numpy, openvino and Python 3.9 suffice.

The plugin's own session takes its properties from here, so that a model is compiled alike here and there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TELEMETRY = "openvino_telemetry"
WITHOUT_SUBGRAPHS: Mapping[str, str] = {"SNIPPETS_MODE": "DISABLE"}
"""Up to a batch of 15, OpenVINO merges chains of small quantized linear layers into one generated subgraph, and where
no bias or activation stands between a layer and its QuantizeLinear the answers are garbage (2026.4.1, x86-64: 26 dB
above the signal). Compiling without generated subgraphs gives the planned answers; it costs up to a third of the speed
of other nets, so that only such models are compiled again."""
LINEAR_LAYERS = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNSeq", "RNNCell")
PASSIVE_LAYERS = ("Const", "Input", "Output")
PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}
HINT = "INFERENCE_PRECISION_HINT"


def probe() -> tuple[dict[str, str], str | None]:
    """Return versions, and what is missing in one line or None."""
    try:
        openvino = load_openvino()
    except ImportError as error:
        return {}, f"OpenVINO is missing ({error}): pip install openvino"
    return {"openvino": str(openvino.get_version()).split("-")[0]}, None


def open_model(artifact: Path, options: Mapping[str, Any]) -> Model:
    """Compile a model for the batch asked for; raises whatever OpenVINO raises."""
    return Model(artifact, options)


class Model:
    """A compiled model."""

    def __init__(self, artifact: Path, options: Mapping[str, Any]) -> None:
        compiled = _compiled(artifact, options, {})
        self._is_without = options["precision"] == "int8" and _has_linear_subgraphs(compiled, options["linear_nodes"])
        if self._is_without:
            compiled = _compiled(artifact, options, WITHOUT_SUBGRAPHS)
        self._model: Any = compiled
        self._hint = _name_of(compiled.get_property(HINT))
        if self._hint != "f32":
            raise RuntimeError(f"OpenVINO does not run in float32 here: its precision hint reads {self._hint}")
        self._request: Any = compiled.create_infer_request()
        self._outputs = [(item["name"], _port(compiled.outputs, item["name"])) for item in options["outputs"]]

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run one batch; inputs are copied in and outputs copied out."""
        results = self._request.infer(dict(feeds), share_inputs=False, share_outputs=False)
        return {name: results[port] for name, port in self._outputs}

    def facts(self) -> dict[str, str]:
        """Return what the compiled model tells of itself."""
        return {
            HINT.lower(): self._hint,
            "inference_num_threads": str(self._model.get_property("INFERENCE_NUM_THREADS")),
            "generated_subgraphs": "off" if self._is_without else "on",
        }

    def kernels(self, _feeds: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the ops of the runtime model, each with the layers it came from."""
        ops = self._model.get_runtime_model().get_ordered_ops()
        return [_kernel(op) for op in ops if _info(op, "layerType") not in PASSIVE_LAYERS]

    def close(self) -> None:
        """Free the model."""
        self._model = self._request = None


def load_openvino() -> Any:
    """Import `openvino` without its telemetry and return it. Raises ImportError when it is absent or broken.

    Its import would start `openvino_telemetry`, which writes an identity file into the home folder and may report
    over the network. An entry of None in `sys.modules` makes that import fail, which openvino treats as "not
    installed" and replaces by a stub that does nothing.
    """
    if TELEMETRY not in sys.modules:
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    import openvino  # noqa: PLC0415  (the telemetry must be out of the way first)

    return openvino


def properties(threads: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties a model is compiled with.

    Float32 and INT8 both ask for float32 as the precision of what is not quantized: the default on CPUs with bf16
    arithmetic is bf16, which is neither.
    """
    return {
        HINT: "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": "LATENCY",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,  # never quantize activations behind a weight-only plan
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": bool(settings.get("cpu_pinning", False)),
    }


def _compiled(artifact: Path, options: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
    core = load_openvino().Core()
    model = core.read_model(str(artifact))
    shapes = {}
    for port in model.inputs:
        shape = list(port.partial_shape)
        if shape and shape[0].is_dynamic:
            shape[0] = options["batch"]
        shapes[port] = shape
    model.reshape(shapes)
    return core.compile_model(model, "CPU", {**properties(options["threads"], options["settings"]), **more})


def _has_linear_subgraphs(compiled: Any, linear_nodes: list[str]) -> bool:
    """Whether a quantized Gemm or MatMul was merged into a generated subgraph (see WITHOUT_SUBGRAPHS)."""
    ops = compiled.get_runtime_model().get_ordered_ops()
    inside = [_info(op, "originalLayersNames") for op in ops if _info(op, "layerType") == "Subgraph"]
    names = [name for text in inside for name in text.split(",")]
    return any(name == node or name.startswith(node + "/") for name in names for node in linear_nodes)


def _kernel(op: Any) -> dict[str, Any]:
    types = [str(value.get_element_type().get_type_name()) for value in op.input_values()][:2]
    layer, kind = _info(op, "layerType"), _info(op, "runtimePrecision")
    is_linear = layer in LINEAR_LAYERS
    is_integer = is_linear and len(types) == 2 and all(name in ("i8", "u8") for name in types)
    known = PRECISIONS.get(kind, kind)
    precision = "int8" if is_integer else "fp32" if is_linear and known == "int8" else known
    nodes = _info(op, "originalLayersNames").split(",")
    return {"nodes": nodes, "op_type": layer, "device": "CPU", "precision": precision}


def _info(op: Any, key: str) -> str:
    value = op.get_rt_info()[key]
    return str(value.astype(str)) if hasattr(value, "astype") else str(value)


def _name_of(kind: Any) -> str:
    """Return an element type as OpenVINO spells it, such as f32."""
    return str(kind.get_type_name()) if hasattr(kind, "get_type_name") else str(kind)


def _port(ports: Any, name: str) -> Any:
    return next(port for port in ports if name in port.names)
