"""A small network, its samples and its context, for tests of native tool-chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from helpers.contexts import PlainContext
from helpers.onnx_models import conv_relu_net, random_feeds

from workbench.execution.discovery import find_plugin, load_quantizer
from workbench.execution.tool_options import checked_options
from workbench.model.canonical import canonical_graph
from workbench.model.load import load_model, save_proto
from workbench.spi import Prepared, Quantizer

RUNS = 8


@dataclass(frozen=True)
class Quantized:
    """What a tool-chain made of the small network.

    Attributes:
        samples: the feeds it was given; model: the float file; read: how many feeds it asked for.
    """

    quantizer: Quantizer
    prepared: Prepared
    samples: list[dict[str, Any]]
    model: Path
    context: PlainContext


def quantized(
    plugin_id: str, folder: Path, proto: onnx.ModelProto | None = None, options: Mapping[str, Any] | None = None
) -> Quantized:
    """Let a tool-chain quantize a network on random samples, in this process."""
    manifest = find_plugin(plugin_id, kind="quantizer")
    save_proto(proto or conv_relu_net(), folder / "source.onnx")
    loaded = load_model(folder / "source.onnx")
    model = folder / "model.onnx"
    save_proto(loaded.proto, model)
    canonical, _ = canonical_graph(loaded.proto)
    settings = checked_options(manifest.options, options or {}, manifest.title)
    work_dir = folder / "work"
    work_dir.mkdir()
    context = PlainContext(work_dir, "int8", canonical, settings=settings)
    feeds = random_feeds(loaded.proto, RUNS)
    samples = [{name: value[place : place + 1] for name, value in feeds.items()} for place in range(RUNS)]
    quantizer = load_quantizer(manifest.ref)
    return Quantized(quantizer, quantizer.quantize(model, samples, context), samples, model, context)
