"""A runtime on probe graphs, in one worker: lowered, opened, run and placed, pattern by pattern, as a study does it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.errors import ContractError
from workbench.execution.discovery import load_runtime
from workbench.execution.handlers import prepare
from workbench.execution.jobs import PluginRef
from workbench.execution.worker import Channel, Handler
from workbench.spi import OpenOptions, Prepared

MODEL, PLAN, FEEDS, OUTPUT = "model.onnx", "plan.json", "feeds.npz", "output.npy"
"""Files in a pattern's folder; the last is written here."""


def probe_patterns(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Run the patterns one after another; an error in one of them ends the job, those before it are told.

    Arguments: folder (holds a folder per pattern), patterns (their names), output (the compared output), batch, target.

    Events: "pattern" {pattern, refused} or {pattern, placement}, with the output's reals in the pattern's folder.
    """
    if plugin is None:
        raise ContractError("This job kind needs a plugin")
    for done, name in enumerate(arguments["patterns"]):
        channel.check_cancelled()
        channel.event("pattern", pattern=name, **_run(plugin, Path(arguments["folder"]) / name, arguments, channel))
        channel.progress(done + 1, len(arguments["patterns"]), "patterns")
    return {}


def _run(plugin: PluginRef, place: Path, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415  (with the next)
    import onnx  # noqa: PLC0415  (most jobs need no graph)

    from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)
    from workbench.quant.plan import load_plan  # noqa: PLC0415  (loads numpy)

    runtime = load_runtime(plugin)
    graph = graph_summary(onnx.load(place / MODEL))
    announced = runtime.realise(graph, load_plan(place / PLAN).scheme, {})
    refusal = next((item.reason for item in announced if item.refuses), None)
    if refusal is not None:
        return {"refused": refusal}
    prepared = _prepared(plugin, place, arguments, channel)
    scratch = place / "session"
    scratch.mkdir(exist_ok=True)
    options = OpenOptions("int8", threads=1, batch=arguments["batch"], work_dir=scratch)
    with np.load(place / FEEDS) as feeds, runtime.open(prepared, options) as session:
        np.save(place / OUTPUT, session.run(dict(feeds))[arguments["output"]])
        return {"placement": [asdict(row) for row in session.placement()]}


def _prepared(plugin: PluginRef, place: Path, arguments: dict[str, Any], channel: Channel) -> Prepared:
    """Lower a pattern as `prepare` lowers any model."""
    model = str(place / MODEL)
    record = prepare(
        plugin,
        {
            "model": model,
            "canonical": model,
            "plan": str(place / PLAN),
            "precision": "int8",
            "target": arguments["target"],
            "settings": {},
            "work_dir": str(place / "artifact"),
        },
        channel,
    )
    return Prepared(Path(record["artifact"]), notes=record["notes"])


HANDLERS: dict[str, Handler] = {"probe_patterns": probe_patterns}
