"""Every planned tensor gets one QuantizeLinear/DequantizeLinear pair, in the plan's own codes."""

from __future__ import annotations

import numpy as np
import onnx

from workbench.model.protos import read_names, rename_reads
from workbench.quant.passes.draft import Draft
from workbench.quant.plan import TensorParameters


def put_pairs(draft: Draft) -> None:
    """Put a pair behind the producer of every planned tensor; its readers, and a graph output, get its real values.

    Readers are nodes and the subgraphs in them.

    A tensor that a float node makes keeps its float values for readers without a quantized edge, and as a graph output.
    Any other planned graph output keeps its name for the dequantized values. A graph input has its pair in front of all
    nodes.
    """
    tensors = draft.plan.tensors
    nodes = [new for name in tensors if name in draft.inputs for new in _pair(draft, name, tensors[name])]
    for node in draft.nodes:
        made = [name for name in node.output if name in tensors]
        read = [draft.read_name(name) if draft.reads_codes(node, i) else name for i, name in enumerate(node.input)]
        for name in set(read_names(node)) & (tensors.keys() - draft.float_made):
            rename_reads(node, name, draft.read_name(name))
        node.input[:] = read
        node.output[:] = [draft.raw_name(name) if name in tensors else name for name in node.output]
        nodes += [node, *(new for name in made for new in _pair(draft, name, tensors[name]))]
    draft.nodes = nodes


def _pair(draft: Draft, name: str, tensor: TensorParameters) -> list[onnx.NodeProto]:
    parameters = draft.parameters(name)
    draft.add_constant(parameters[0], np.asarray(tensor.scale, np.float32))
    draft.add_constant(parameters[1], np.asarray(tensor.zero_point, np.dtype(tensor.dtype)))
    return [
        draft.quantize(name, draft.raw_name(name), parameters),
        draft.dequantize(name, draft.read_name(name), parameters),
    ]
