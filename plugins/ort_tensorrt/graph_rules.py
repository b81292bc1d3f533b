"""What TensorRT would not take of a model under a scheme, told from the graph's summary: no GPU, no library.

A scheme that breaks a rule is refused. A node that TensorRT's ONNX parser does not take runs on another provider of the
same session: ONNX Runtime cuts the graph there.

The pages named below are NVIDIA's "TensorRT Documentation" (10.11 and 11.x) and "Supported ONNX Operators" in the
repository onnx/onnx-tensorrt, docs/operators.md, of TensorRT 10.15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbench.spi import Deviation, GraphSummary, Scheme

PARSED_TYPES = frozenset({"float64", "float32", "float16", "bfloat16", "int32", "int64", "uint8", "bool"})
NOT_PARSED = frozenset(
    {
        "AffineGrid", "Bernoulli", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "CenterCropPad",
        "Col2Im", "Compress", "ConcatFromSequence", "ConvInteger", "DFT", "Det", "DynamicQuantizeLinear",
        "ImageDecoder", "MatMulInteger", "MaxRoiPool", "MaxUnpool", "MelWeightMatrix", "Multinomial",
        "NegativeLogLikelihoodLoss", "Optional", "OptionalGetElement", "OptionalHasElement", "QLinearConv",
        "QLinearMatMul", "RegexFullMatch", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase",
        "SequenceInsert", "SequenceLength", "SequenceMap", "SoftmaxCrossEntropyLoss", "SplitToSequence",
        "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer", "Unique",
    }
)  # fmt: skip
RESIZE_MODES = frozenset({"nearest", "linear"})
RESIZE_TRANSFORMS = frozenset(
    {"half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"}
)
CONSTANT_AXES = {"CumSum": 1, "Squeeze": 1, "Unsqueeze": 1}
"""Op -> index of the input with the axes; every Reduce op has it at 1."""
LARGEST_K = 3840
OUTSIDE = "runs outside TensorRT, on another provider of the session"
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


def asymmetric_codes(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """TensorRT quantizes symmetrically: values and codes share their zero.

    Source: TensorRT Documentation, "Working with Quantized Types" (symmetric quantization, signed INT8), and the
    operator pages "Quantize" and "Dequantize" (a zero point may hold nothing but zeros).
    """
    if scheme.name == "S2":
        reason = "symmetric only (TensorRT's QuantizeLinear and DequantizeLinear take no zero point but 0)"
        yield Deviation(None, scheme.title, "not realisable", reason, refuses=True)


def weight_only_int8(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Weights alone are quantized as INT4 or FP4 there, INT8 belongs to weights together with activations.

    Source: TensorRT Documentation 10.11, "Working with Quantized Types": weight-only quantization is for INT4.
    """
    if scheme.name == "S3":
        reason = "TensorRT documents weight-only quantization for INT4, not for INT8"
        yield Deviation(None, scheme.title, "not realisable", reason, refuses=True)


def op_not_parsed(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Ops without an importer in TensorRT's ONNX parser.

    Source: onnx-tensorrt, docs/operators.md, the operators marked as not supported.
    """
    for node in graph.nodes:
        if node.op_type in NOT_PARSED:
            yield _outside(node.name, node.op_type, "TensorRT's ONNX parser does not know the op")


def input_type_not_parsed(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Element types of inputs and outputs that TensorRT does not have.

    Source: onnx-tensorrt, docs/operators.md, the list of ONNX data types above the table.
    """
    for spec in (*graph.inputs, *graph.outputs):
        if spec.dtype not in PARSED_TYPES:
            yield _outside(None, f"{spec.name} as {spec.dtype}", "TensorRT has no such element type")


def pool_of_other_rank(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Pools over anything but two or three spatial axes.

    Source: onnx-tensorrt, docs/operators.md, AveragePool and MaxPool.
    """
    for node in graph.nodes:
        axes = len(node.attributes.get("kernel_shape", (1, 1)))
        if node.op_type in ("AveragePool", "MaxPool") and axes not in (2, 3):
            yield _outside(node.name, node.op_type, f"its kernel has {axes} axes, TensorRT pools over 2 or 3")


def pool_with_dilations(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Pools whose window has gaps.

    Source: onnx-tensorrt, docs/operators.md, AveragePool, MaxPool and LpPool.
    """
    for node in graph.nodes:
        is_pool = node.op_type in ("AveragePool", "MaxPool", "LpPool")
        if is_pool and any(step != 1 for step in node.attributes.get("dilations", ())):
            yield _outside(node.name, node.op_type, "TensorRT pools without dilations")


def pool_indices(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """MaxPool whose positions are used.

    Source: onnx-tensorrt, docs/operators.md, MaxPool.
    """
    for node in graph.nodes:
        if node.op_type == "MaxPool" and len(node.outputs) > 1 and node.outputs[1]:
            yield _outside(node.name, node.op_type, "TensorRT gives no indices of the maxima")


def resize_mode(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Resize by other rules than those TensorRT has.

    Source: onnx-tensorrt, docs/operators.md, Resize.
    """
    for node in graph.nodes:
        if node.op_type != "Resize":
            continue
        mode = str(node.attributes.get("mode", "nearest"))
        transform = str(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
        if mode not in RESIZE_MODES or transform not in RESIZE_TRANSFORMS or node.attributes.get("antialias", 0):
            smooth = ", antialiased" if node.attributes.get("antialias", 0) else ""
            yield _outside(node.name, node.op_type, f"TensorRT does not resize by {mode} with {transform}{smooth}")


def recurrent_form(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Recurrent layers with coupled gates or the batch first.

    Source: onnx-tensorrt, docs/operators.md, LSTM, GRU and RNN.
    """
    for node in graph.nodes:
        if node.op_type not in RECURRENT:
            continue
        found = [key for key in ("input_forget", "layout") if node.attributes.get(key, 0)]
        if found:
            yield _outside(node.name, node.op_type, f"TensorRT needs {' and '.join(found)} = 0")


def axes_not_constant(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """Axes that are computed at run time.

    Source: onnx-tensorrt, docs/operators.md, the Reduce ops, CumSum, Squeeze and Unsqueeze.
    """
    for node in graph.nodes:
        index = 1 if node.op_type.startswith("Reduce") else CONSTANT_AXES.get(node.op_type, len(node.inputs))
        if index < len(node.inputs) and node.inputs[index] and index not in node.constant_inputs:
            yield _outside(node.name, node.op_type, "TensorRT needs its axes as a constant")


def top_k(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """TopK unsorted, or of very many.

    Source: onnx-tensorrt, docs/operators.md, TopK.
    """
    for node in graph.nodes:
        if node.op_type != "TopK":
            continue
        count = max(graph.constants.get(node.inputs[1], (0,)), default=0) if len(node.inputs) > 1 else 0
        if not node.attributes.get("sorted", 1) or count >= LARGEST_K:
            yield _outside(node.name, node.op_type, f"TensorRT gives a sorted TopK of fewer than {LARGEST_K}")


def scatter_reduction(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """ScatterND that adds or multiplies.

    Source: onnx-tensorrt, docs/operators.md, ScatterND.
    """
    for node in graph.nodes:
        if node.op_type == "ScatterND" and node.attributes.get("reduction", "none") != "none":
            yield _outside(node.name, node.op_type, "TensorRT scatters without a reduction")


def second_output_of_normalization(graph: GraphSummary, scheme: Scheme) -> Iterator[Deviation]:
    """LayerNormalization whose mean or deviation is used.

    Source: onnx-tensorrt, docs/operators.md, LayerNormalization.
    """
    for node in graph.nodes:
        if node.op_type == "LayerNormalization" and any(node.outputs[1:]):
            yield _outside(node.name, node.op_type, "TensorRT gives its first output only")


Rule = Callable[[GraphSummary, Scheme], Iterator[Deviation]]
RULES: tuple[Rule, ...] = (
    asymmetric_codes,
    weight_only_int8,
    op_not_parsed,
    input_type_not_parsed,
    pool_of_other_rank,
    pool_with_dilations,
    pool_indices,
    resize_mode,
    recurrent_form,
    axes_not_constant,
    top_k,
    scatter_reduction,
    second_output_of_normalization,
)


def judge_graph(graph: GraphSummary, scheme: Scheme) -> list[Deviation]:
    """Return what every rule finds, refusals first. Pure: no runtime, no onnx."""
    found = [deviation for rule in RULES for deviation in rule(graph, scheme)]
    return sorted(found, key=lambda deviation: not deviation.refuses)


def _outside(node: str | None, what: str, reason: str) -> Deviation:
    return Deviation(node, f"{what} in TensorRT", OUTSIDE, reason, codes_change=None)
