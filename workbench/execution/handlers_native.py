"""What a worker can do with one native tool-chain: quantize a model, and read back what it chose."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from workbench.errors import ContractError
from workbench.execution.discovery import load_quantizer
from workbench.execution.handlers import artifact_record
from workbench.execution.jobs import PluginRef
from workbench.execution.plugin_answers import answer, texts
from workbench.execution.worker import Channel, Handler
from workbench.spi import Prepared, Quantizer

REQUIRED_FACTS = ("weights", "activations", "float nodes")


def quantize(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Let a tool-chain quantize a model.

    Arguments: model, canonical (ONNX paths), samples (bundle), step (samples per run), settings, target, work_dir
    (folder for the artifact; emptied first).

    Returns:
        artifact, artifact_sha256, artifact_bytes, deviations, notes, build_s (wall time of `quantize`), samples_sha256
        (of what our own calibration would see), n_samples (how many of them the tool-chain read).

    Raises:
        ContractError: the plugin wrote nothing, or outside the folder, or read no sample.
    """
    from workbench.execution.bundle import open_bundle  # noqa: PLC0415  (loads numpy)
    from workbench.execution.calibration_samples import CalibrationSamples  # noqa: PLC0415  (with the above)
    from workbench.execution.context import WorkerContext  # noqa: PLC0415  (needs onnx for its types)

    work_dir = Path(arguments["work_dir"])
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(parents=True)
    source = open_bundle(arguments["samples"])

    def on_read(number: int, total: int) -> None:
        channel.check_cancelled()
        channel.progress(number, total, "Calibrating")

    samples = CalibrationSamples(source, arguments["step"], on_read)
    context = WorkerContext(
        work_dir, "int8", arguments["target"], arguments["settings"], None, Path(arguments["canonical"]), channel
    )
    quantizer = _quantizer(plugin)
    start = perf_counter()
    made = quantizer.quantize(Path(arguments["model"]), samples, context)
    build_s = perf_counter() - start
    prepared = answer(plugin.id if plugin else "?", "quantize", made, Prepared)
    if not samples.used:
        raise ContractError(f"{plugin.id if plugin else '?'}: quantize read no calibration sample")
    return {
        **artifact_record(plugin, prepared, work_dir),
        "deviations": [asdict(deviation) for deviation in prepared.deviations],
        "notes": dict(prepared.notes),
        "build_s": build_s,
        "samples_sha256": source.sha256,
        "n_samples": samples.used * samples.step,
    }


def tool_facts(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Read what a tool-chain chose from the artifact alone; arguments: artifact. Returns {"facts": name -> text}.

    Raises:
        ContractError: a fact that the sheet needs is missing.
    """
    found = _quantizer(plugin).read_back(Path(arguments["artifact"]))
    facts = texts(plugin.id if plugin else "?", "read_back", found)
    missing = [name for name in REQUIRED_FACTS if not facts.get(name)]
    if missing:
        raise ContractError(f"{plugin.id if plugin else '?'}: read_back tells nothing of {', '.join(missing)}")
    return {"facts": facts}


HANDLERS: dict[str, Handler] = {"quantize": quantize, "tool_facts": tool_facts}


def _quantizer(plugin: PluginRef | None) -> Quantizer:
    if plugin is None:
        raise ContractError("This job kind needs a plugin")
    return load_quantizer(plugin)
