"""Writes a plan as a Q/DQ ONNX graph in one of several dialects; the real values are the same in each.

For every tensor T of the plan a QuantizeLinear/DequantizeLinear pair stands after its producer, and every
consumer (and the graph output, if T is one) reads the dequantized value; where a float node makes T, only its INT8
consumers do. Weights are int8 codes behind a
DequantizeLinear. Initializers are named `<T>__scale`, `<T>__zero_point`, `<W>__codes`, so that an artifact can
be read back without the plan (`qdq_reader`). A dialect is a list of passes, each of which keeps the real values.
"""

from __future__ import annotations

import onnx

from workbench.quant.dialect import Dialect
from workbench.quant.passes.activations import clip_codes, look_up_relu
from workbench.quant.passes.biases import code_biases, put_biases
from workbench.quant.passes.draft import Pass, draft_of
from workbench.quant.passes.fit import at_opset, check_fit
from workbench.quant.passes.full_range_relu import full_range_relu_tensors, with_full_range_relu
from workbench.quant.passes.pairs import put_pairs
from workbench.quant.passes.unsigned import shift_codes
from workbench.quant.passes.weights import put_weights
from workbench.quant.plan import QuantPlan, TensorParameters


def write_qdq(canonical: onnx.ModelProto, plan: QuantPlan, dialect: Dialect) -> onnx.ModelProto:
    """Return the Q/DQ graph of a plan; neither argument is changed, equal arguments give equal bytes.

    Args:
        canonical: the canonical float32 graph that the plan speaks of.
        plan: numbers of S1, S2 or S3.
        dialect: spelling; its opset is a lower bound, a newer canonical graph keeps its own.

    Raises:
        PlanError: the plan names something the graph does not have, or shapes differ.
    """
    source = at_opset(canonical, dialect.opset)
    check_fit(source.graph, plan)
    draft = draft_of(source.graph, with_full_range_relu(source.graph, plan) if dialect.full_range_relu else plan)
    for rule in passes_of(dialect):
        rule(draft)
    return draft.model(source)


def declared_tensors(canonical: onnx.ModelProto, plan: QuantPlan, dialect: Dialect) -> dict[str, TensorParameters]:
    """Return the tensors that a dialect writes with other numbers than the plan's -> these numbers; mostly none."""
    return full_range_relu_tensors(canonical.graph, plan) if dialect.full_range_relu else {}


def passes_of(dialect: Dialect) -> tuple[Pass, ...]:
    """Return the passes that make a float graph one of this dialect, in order.

    The first three write the plan's own codes with everything else as the model has it; the rest respell.
    """
    respelling = (
        (dialect.bias == "int32", code_biases),
        (dialect.activation == "uint8", shift_codes),
        (dialect.activation_function == "integer_clip", clip_codes),
        (dialect.activation_function != "fused", look_up_relu),
    )
    return put_pairs, put_weights, put_biases, *(rule for is_wanted, rule in respelling if is_wanted)
