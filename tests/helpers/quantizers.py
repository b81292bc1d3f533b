"""Native tool-chains in tests: the tiny one, and the arguments of a quantize job on a small model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.workers import PLUGINS, Files

from workbench.execution.bundle import bundle_json, tensor_spec_from_json
from workbench.execution.discovery import Manifest, find_plugin
from workbench.execution.tool_options import checked_options
from workbench.files import write_json_atomic
from workbench.model.data import data_spec_from_json, scan
from workbench.model.preprocess import Preprocess


def tiny() -> Manifest:
    """The manifest of the tiny quantizer."""
    return find_plugin("tiny_quantizer", [PLUGINS], "quantizer")


def quantize_arguments(files: Files, manifest: Manifest, work_dir: Path, **options: Any) -> dict[str, Any]:
    """Arguments of a quantize job on a small model and all its samples."""
    spec = data_spec_from_json(files.data["data"])
    index = work_dir.parent / "index.json"
    write_json_atomic(index, scan(spec).to_json())
    inputs = [tensor_spec_from_json(item) for item in files.inputs]
    return {
        "model": str(files.model),
        "canonical": str(files.canonical),
        "samples": bundle_json(spec, index, Preprocess(), inputs),
        "step": 1,
        "settings": checked_options(manifest.options, options, manifest.title),
        "target": "x64",
        "work_dir": str(work_dir),
    }


def candidate(name: str = "tiny", **options: Any) -> Mapping[str, Any]:
    """A native candidate of a study, quantized by the tiny one."""
    return {"name": name, "native": "tiny_quantizer", **({"native_options": options} if options else {})}
