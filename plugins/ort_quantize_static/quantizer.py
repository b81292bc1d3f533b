"""`onnxruntime.quantization.quantize_static` as its documentation tells people to use it, with its own defaults."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench_plugins.installed import versions_of
from workbench_plugins.ort_quantize_static.qdq_facts import qdq_facts

from workbench.spi import Arrays, Availability, Context, Prepared

ARTIFACT = "model.onnx"
PACKAGES = ("onnxruntime", "onnxruntime-gpu")
REMEDY = 'pip install "onnxruntime==1.31.1"'
NO_SYMPY = "sympy is not installed: its symbolic shape inference is left out, which convolutional nets do not need"


class OrtStaticQuantizer:
    """See `workbench.spi.Quantizer`."""

    def probe(self) -> Availability:
        """Look at the installed packages; ONNX Runtime is not imported."""
        versions = versions_of(*PACKAGES, "onnx", "numpy", "sympy")
        if not set(PACKAGES) & set(versions) or importlib.util.find_spec("onnxruntime") is None:
            return Availability(False, "ONNX Runtime is not installed", REMEDY, versions, (), ())
        return Availability(True, "" if "sympy" in versions else NO_SYMPY, "", versions, (), ("int8",))

    def quantize(self, model: Path, samples: Sequence[Arrays], context: Context) -> Prepared:
        """Pre-process, calibrate and write one ONNX file with Q/DQ nodes; whatever ONNX Runtime raises goes through."""
        from onnxruntime.quantization import quantize_static  # noqa: PLC0415  (probe must not load it)

        options = context.settings
        source, steps = pre_processed(model, context.work_dir) if options["pre_process"] else (model, "left out")
        context.check_cancelled()
        artifact = context.work_dir / ARTIFACT
        quantize_static(source, artifact, Reader(samples), **arguments(options))
        shutil.rmtree(context.work_dir / SCRATCH, ignore_errors=True)
        return Prepared(
            artifact, notes={"format": "ONNX with QuantizeLinear/DequantizeLinear", "pre-processing": steps}
        )

    def read_back(self, artifact: Path) -> Mapping[str, str]:
        """Count Q/DQ nodes and tell dtypes, symmetry and granularity from the file. Raises OSError, DecodeError."""
        return qdq_facts(artifact)


SCRATCH = "pre_process"


class Reader:
    """The samples as a `CalibrationDataReader`: one run's feeds after the other, then None."""

    def __init__(self, samples: Sequence[Arrays]) -> None:
        self._feeds: Iterator[Arrays] = iter(samples)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next run's feeds, None at the end."""
        feeds = next(self._feeds, None)
        return None if feeds is None else dict(feeds)


def arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `quantize_static` for the manifest's options."""
    from onnxruntime.quantization import CalibrationMethod, QuantType  # noqa: PLC0415  (as above)

    extra: dict[str, Any] = {}
    if options["activation_symmetric"]:
        extra["ActivationSymmetric"] = True
    if options["calibrate_method"] == "Percentile":
        extra["CalibPercentile"] = float(options["percentile"])
    return {
        "calibrate_method": CalibrationMethod[options["calibrate_method"]],
        "per_channel": options["per_channel"],
        "reduce_range": options["reduce_range"],
        "activation_type": QuantType[options["activation_type"]],
        "weight_type": QuantType[options["weight_type"]],
        "nodes_to_exclude": list(options["nodes_to_exclude"]),
        "extra_options": extra,
    }


def pre_processed(model: Path, folder: Path) -> tuple[Path, str]:
    """Run `quant_pre_process`; return the file it wrote and its steps in words."""
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415  (as above)

    has_sympy = importlib.util.find_spec("sympy") is not None
    target = folder / SCRATCH / ARTIFACT
    target.parent.mkdir()
    quant_pre_process(model, target, skip_symbolic_shape=not has_sympy)
    return target, f"quant_pre_process: {'symbolic shapes, ' if has_sympy else ''}basic optimizations, shapes"


QUANTIZER = OrtStaticQuantizer()
