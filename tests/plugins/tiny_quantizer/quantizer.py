"""The smallest real quantizer: one Q/DQ pair on the model's first input. A pattern to start from."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from workbench.spi import Arrays, Availability, Context, Prepared


class TinyQuantizer:
    def probe(self) -> Availability:
        return Availability(ok=True, versions={"onnx": onnx.__version__})

    def quantize(self, model: Path, samples: Sequence[Arrays], context: Context) -> Prepared:
        fault = context.settings["fault"]
        if fault == "reads_nothing":
            return Prepared(model)
        proto = version_converter.convert_version(onnx.load(model), 19)  # the echo runtime has no older Q/DQ nodes
        name = proto.graph.input[0].name
        used = samples if context.settings["range"] == "minmax" else samples[:1]
        largest = max(float(np.abs(feeds[name]).max()) for feeds in used)
        misbehave(fault)
        add_pair(proto.graph, name, np.float32(largest / 127))
        path = context.work_dir / ("absent.onnx" if fault == "writes_nothing" else "tiny.onnx")
        onnx.save(proto, context.work_dir / "tiny.onnx")
        if fault == "tells_nothing":
            (context.work_dir / "tiny.onnx").write_bytes(model.read_bytes())
        return Prepared(path, notes={"format": "ONNX with one Q/DQ pair"})

    def read_back(self, artifact: Path) -> Mapping[str, str]:
        nodes = onnx.load(artifact).graph.node
        pairs = sum(node.op_type == "QuantizeLinear" for node in nodes)
        if not pairs:
            return {"weights": "none"}
        return {"weights": "none", "activations": f"{pairs} int8, symmetric, per tensor", "float nodes": "all"}


def misbehave(fault: str) -> None:
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "hang":
        time.sleep(600)
    if fault == "raise":
        raise ValueError("the tool-chain says no")


def add_pair(graph: onnx.GraphProto, name: str, scale: np.float32) -> None:
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(scale), f"{name}_scale"),
            numpy_helper.from_array(np.int8(0), f"{name}_zero_point"),
        ]
    )
    for node in graph.node:
        for place, source in enumerate(node.input):
            if source == name:
                node.input[place] = f"{name}_dequantized"
    parameters = [f"{name}_scale", f"{name}_zero_point"]
    pair = [
        helper.make_node("QuantizeLinear", [name, *parameters], [f"{name}_codes"], "tiny_q"),
        helper.make_node("DequantizeLinear", [f"{name}_codes", *parameters], [f"{name}_dequantized"], "tiny_dq"),
    ]
    nodes = [*pair, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


QUANTIZER = TinyQuantizer()
