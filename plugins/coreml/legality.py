"""What Core ML would refuse or do otherwise, told from the graph's summary; loads no coremltools."""

from __future__ import annotations

from workbench_plugins.coreml.options import Options

from workbench.spi import Deviation, GraphSummary, Scheme

NEURAL_ENGINE_FLOAT16 = "the Neural Engine computes in float16 only (Core ML Tools guide, Typed Execution)"

TAKEN = frozenset(
    {
        "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh",
        "AveragePool", "BatchNormalization", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Concat",
        "Constant", "ConstantOfShape", "Conv", "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace",
        "DequantizeLinear", "Div", "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten",
        "Floor", "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool",
        "GlobalLpPool", "GlobalMaxPool", "Greater", "GreaterOrEqual", "GroupNormalization", "HardSigmoid",
        "HardSwish", "Hardmax", "Identity", "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM",
        "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "LpNormalization",
        "LpPool", "MatMul", "Max", "MaxPool", "Mean", "MeanVarianceNormalization", "Min", "Mish", "Mod", "Mul",
        "Neg", "Not", "OneHot", "Or", "PRelu", "Pad", "Pow", "QuantizeLinear", "RMSNormalization", "RNN",
        "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
        "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize", "Round",
        "Scatter", "ScatterElements", "ScatterND", "Selu", "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh",
        "Size", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub",
        "Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze",
        "Upsample", "Where", "Xor",
    }
)  # fmt: skip
"""Ops of the frontend, spelled out: asking the frontend itself would load what `realise` must not. A test compares."""


def judge_graph(graph: GraphSummary, scheme: Scheme, options: Options) -> list[Deviation]:
    """Return refusals first, then what differs.

    Biases: an ML program has one type for data, weight and bias of a layer (Core ML Tools guide, Typed Execution).
    """
    return [*_without_conversion(graph), *_float16_biases(scheme, options), *_neural_engine(scheme, options)]


def _without_conversion(graph: GraphSummary) -> list[Deviation]:
    reason = "Core ML has no equivalent of this op; leave it out of the model, or compute it outside"
    return [
        Deviation(node.name, node.op_type, "not realisable", f"{node.op_type}: {reason}", refuses=True)
        for node in graph.nodes
        if node.op_type not in TAKEN
    ]


def _float16_biases(scheme: Scheme, options: Options) -> list[Deviation]:
    if not scheme.quantizes_activations or options.compute != "float16":
        return []
    reason = "a layer has one type for data, weight and bias, and the row asks for float16 between codes"
    return [Deviation(None, "biases in float32", "biases rounded to float16", reason, codes_change=True)]


def _neural_engine(scheme: Scheme, options: Options) -> list[Deviation]:
    is_float32 = scheme.name == "fp32" or (scheme.name != "fp16" and options.compute == "float32")
    if options.compute_units != "cpu_and_ne" or not is_float32:
        return []
    realised = "layers between codes stay on the CPU" if scheme.quantizes_activations else "all of it on the CPU"
    return [Deviation(None, "CPU and Neural Engine", realised, NEURAL_ENGINE_FLOAT16, codes_change=False)]
