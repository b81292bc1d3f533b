"""Selection: each rule on a small graph, and what holds for every graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import SchemeError
from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.quant.scheme import Scheme
from workbench.quant.select import (
    AFTER_LAST,
    KNOWN_OPS,
    MEANS,
    PASS_THROUGH,
    SAME_VALUES,
    WEIGHT_ONLY,
    Selection,
    choose,
)

CONSTANTS: dict[str, tuple[float, ...]] = {"zero": (0.0,), "six": (6.0,), "one": (1.0,)}


def node(text: str, **attributes: Any) -> NodeSummary:
    """Read `out[,out] = Op(in, in)`; inputs starting with a capital letter, and zero/six/one, are initializers."""
    left, right = text.split(" = ")
    op_type, inputs = right.rstrip(")").split("(")
    names = tuple(name.strip() for name in inputs.split(","))
    constant = tuple(i for i, name in enumerate(names) if name[:1].isupper() or name in CONSTANTS)
    outputs = tuple(name.strip() for name in left.split(","))
    return NodeSummary(f"n_{outputs[0]}", op_type, names, outputs, attributes, constant_inputs=constant)


def graph(
    *nodes: NodeSummary,
    outputs: tuple[str, ...] = (),
    dtype: str = "float32",
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> GraphSummary:
    last = outputs or (nodes[-1].outputs[0],)
    shapes = {**{name: (4, 4) for entry in nodes for name in entry.inputs}, **(shapes or {})}
    return GraphSummary(
        nodes,
        (TensorSpec("x", dtype, ("N", 3, 8, 8)),),
        tuple(TensorSpec(name, "float32", ("N",)) for name in last),
        shapes,
        17,
        CONSTANTS,
    )


def conv(out: str, source: str, bias: str = "") -> NodeSummary:
    return node(f"{out} = Conv({source}, W{out}{', ' + bias if bias else ''})")


def pick(*nodes: NodeSummary, **options: Any) -> Selection:
    kwargs = {key: options.pop(key) for key in ("outputs", "dtype", "shapes") if key in options}
    return choose(graph(*nodes, **kwargs), Scheme(**options))


def test_conv_relu_is_one_layer_and_the_tensor_between_is_not_quantized() -> None:
    got = pick(conv("a", "x", "Ba"), node("r = Relu(a)"), conv("b", "r"))
    assert got.quantized_nodes == ("n_a", "n_r", "n_b")
    assert got.tensors == ("x", "r", "b")
    assert got.edges == {"n_a": (0, 1), "n_r": (), "n_b": (0, 1)}
    assert got.float_nodes == {}
    assert [(use.weight, use.axis, use.bias) for use in got.weights] == [("Wa", 0, "Ba"), ("Wb", 0, "")]


@pytest.mark.parametrize(
    ("clip", "is_fused"),
    [
        ("r = Clip(a, zero, six)", True),
        ("r = Clip(a, one, six)", False),
        ("r = Clip(a, zero, y)", False),
        ("r = Clip(a, zero)", False),
        ("r = Clip(a, zero, zero)", False),
    ],
)
def test_only_a_clip_with_constant_bounds_0_and_above_is_fused(clip: str, is_fused: bool) -> None:
    got = pick(conv("a", "x"), node(clip), conv("b", "r"))
    assert (got.roles.get("n_r") == "fused") is is_fused
    assert ("a" in got.tensors) is not is_fused
    assert "r" in got.tensors
    assert is_fused or "Clip" in got.float_nodes["n_r"]


def test_a_clip_with_bounds_as_attributes_is_fused() -> None:
    got = pick(conv("a", "x"), node("r = Clip(a)", min=0.0, max=6.0), conv("b", "r"))
    assert got.roles["n_r"] == "fused"


def test_a_relu_beside_other_readers_passes_codes_through() -> None:
    got = pick(conv("a", "x"), node("r = Relu(a)"), conv("b", "r"), conv("c", "a"), outputs=("b", "c"))
    assert got.roles["n_r"] == "pass"
    assert ("n_r", ("a", "r")) in got.links
    assert got.edges["n_r"] == (0,)


def test_a_relu_on_a_graph_output_is_not_fused() -> None:
    got = pick(conv("a", "x"), node("r = Relu(a)"), conv("b", "r"), outputs=("a", "b"))
    assert got.roles["n_r"] == "pass"


def test_a_residual_add_has_scales_of_its_own() -> None:
    got = pick(
        conv("a", "x"), node("r = Relu(a)"), conv("b", "r"), node("s = Add(b, r)"), node("t = Relu(s)"), conv("c", "t")
    )
    assert got.roles["n_s"] == "add"
    assert got.roles["n_t"] == "fused"
    assert got.tensors == ("x", "r", "b", "t", "c")
    assert got.links == ()
    assert got.edges["n_s"] == (0, 1)


def test_an_add_after_the_last_layer_stays_float() -> None:
    got = pick(conv("a", "x"), conv("b", "a"), node("s = Add(a, b)"), node("t = Relu(s)"))
    assert got.float_nodes == {"n_s": AFTER_LAST, "n_t": AFTER_LAST}


def test_an_add_with_a_constant_or_a_float_tensor_stays_float() -> None:
    got = pick(conv("a", "x"), node("s = Add(a, C)"), conv("b", "s"), node("t = Add(b, x)"), conv("c", "t"))
    assert got.float_nodes["n_s"] == "adds a constant"
    assert "comes from the model's input" in got.float_nodes["n_t"]
    assert {"s", "t"} <= set(got.tensors)


def test_a_float_node_on_a_constant_is_not_said_to_read_the_models_input() -> None:
    got = pick(node("t = Transpose(C)"), node("s = Mul(x, t)"), conv("a", "s"))
    assert got.float_nodes["n_t"] == "its input C is a constant"


@pytest.mark.parametrize("op_type", sorted(PASS_THROUGH))
def test_pass_through_ops_share_the_scale_between_layers_and_stay_float_after_the_last(op_type: str) -> None:
    inner = pick(conv("a", "x"), node(f"p = {op_type}(a)"), conv("b", "p"))
    assert inner.roles["n_p"] == "pass"
    assert inner.links == (("n_p", ("a", "p")),)
    assert inner.sources == ("x", "a", "b")
    outer = pick(conv("a", "x"), node(f"p = {op_type}(a)"))
    assert outer.float_nodes == {"n_p": AFTER_LAST}
    before = pick(node(f"p = {op_type}(x)"), conv("a", "p"))
    assert "model's input" in before.float_nodes["n_p"]


@pytest.mark.parametrize("op_type", sorted(MEANS))
def test_a_global_mean_works_on_codes_with_a_range_of_its_own(op_type: str) -> None:
    got = pick(conv("a", "x"), node(f"p = {op_type}(a)"), node("f = Flatten(p)"), node("g = Gemm(f, W)"))
    assert got.roles["n_p"] == "mean"
    assert got.links == (("n_f", ("p", "f")),)
    assert got.sources == ("x", "a", "p", "g")
    assert pick(conv("a", "x"), node(f"p = {op_type}(a)")).float_nodes == {"n_p": AFTER_LAST}


def test_an_average_over_the_whole_plane_is_a_mean() -> None:
    pool = node("p = AveragePool(a)", kernel_shape=[7, 7])
    nodes = (conv("a", "x"), pool, node("f = Flatten(p)"), node("g = Gemm(f, W)"))
    for plane, role in (((7, 7), "mean"), ((14, 14), "pass")):
        made = graph(*nodes)
        got = choose(replace(made, shapes={**made.shapes, "a": ("N", 8, *plane)}), Scheme())
        assert got.roles["n_p"] == role


def test_split_shares_one_scale_over_all_its_outputs() -> None:
    got = pick(conv("a", "x"), node("p, q = Split(a)"), conv("b", "p"), conv("c", "q"), outputs=("b", "c"))
    assert got.links == (("n_p", ("a", "p", "q")),)


def test_concat_links_inputs_and_output() -> None:
    got = pick(conv("a", "x"), conv("b", "x"), node("j = Concat(a, b)"), conv("c", "j"))
    assert got.roles["n_j"] == "concat"
    assert got.links == (("n_j", ("a", "b", "j")),)
    vetoed = choose(
        graph(conv("a", "x"), conv("b", "x"), node("j = Concat(a, b)"), node("m = MaxPool(j)"), conv("c", "m")),
        Scheme(),
        {"n_j": "too wide"},
    )
    assert vetoed.float_nodes == {
        "n_j": "too wide",
        "n_m": "its input comes from n_j (Concat), whose output stays in float",
    }
    assert vetoed.tensors == ("x", "a", "b", "m", "c")


def test_a_concat_of_a_float_tensor_stays_float_and_what_only_it_reads_too() -> None:
    got = pick(conv("a", "x"), node("m = MaxPool(a)"), node("e = Sigmoid(a)"), node("j = Concat(m, e)"), conv("c", "j"))
    assert "n_e (Sigmoid)" in got.float_nodes["n_j"]
    assert got.float_nodes["n_m"] == "only float nodes read its output: n_j (Concat)"


@pytest.mark.parametrize(
    "op_type",
    ["LeakyRelu", "PRelu", "HardSwish", "Sigmoid", "Softmax", "LayerNormalization", "Gelu", "Resize", "Mul"],
)
def test_float_islands_name_their_op(op_type: str) -> None:
    got = pick(conv("a", "x"), node(f"e = {op_type}(a)"), conv("b", "e"))
    assert got.float_nodes == {"n_e": f"{op_type} is not part of the scheme's quantized ops"}
    assert got.tensors == ("x", "a", "e", "b")


@pytest.mark.parametrize("op_type", ["LSTM", "GRU", "RNN"])
def test_recurrent_ops_say_why_they_stay_in_float(op_type: str) -> None:
    got = pick(conv("a", "x"), node(f"e = {op_type}(a)"), conv("b", "e"))
    assert got.float_nodes == {"n_e": f"{op_type} is recurrent: no scheme quantizes it, its state stays in float"}


@pytest.mark.parametrize(
    ("entry", "axis"),
    [
        (node("g = Gemm(x, W)", transB=1), 0),
        (node("g = Gemm(x, W)"), 1),
        (node("g = MatMul(x, W)"), 1),
        (node("g = ConvTranspose(x, W)", group=2), 1),
        (node("g = Conv(x, W)"), 0),
    ],
)
def test_weight_axes(entry: NodeSummary, axis: int) -> None:
    got = pick(entry)
    assert got.weights[0].axis == axis
    assert got.weights[0].groups == (2 if entry.op_type == "ConvTranspose" else 1)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (node("g = MatMul(x, y)"), "MatMul of two activations"),
        (node("g = Conv(x, y)"), "its weight is computed at run time"),
        (node("g = MatMul(A, W)"), "its input is a constant"),
        (node("g = Conv(x, W, y)"), "its bias is computed at run time"),
        (node("g = Gemm(x, W)", alpha=2.0), "Gemm with alpha or beta other than 1"),
        (node("g = Gemm(x, W, B)", beta=0.5), "Gemm with alpha or beta other than 1"),
        (node("g = Gemm(x, W)", transA=1), "Gemm with a transposed input"),
        (node("g = MaxPool(x)"), AFTER_LAST),
    ],
)
def test_nodes_that_cannot_be_quantized_say_why(entry: NodeSummary, reason: str) -> None:
    got = pick(entry)
    assert got.float_nodes == {"n_g": reason}
    assert got.quantized_nodes == ()


def test_a_matmul_with_a_three_dimensional_constant_stays_float() -> None:
    summary = graph(node("g = MatMul(x, W)"))
    wide = GraphSummary(summary.nodes, summary.inputs, summary.outputs, {"W": (2, 3, 4)})
    assert choose(wide, Scheme()).float_nodes == {"n_g": "its constant is not 2-D"}


def test_other_element_types_stay_float() -> None:
    assert pick(conv("a", "x"), dtype="float16").float_nodes == {"n_a": "its input is float16, not float32"}


@pytest.mark.parametrize(
    ("pad", "is_quantized"),
    [
        (node("p = Pad(a, P)"), True),
        (node("p = Pad(a, P, zero)"), True),
        (node("p = Pad(a, P, one)"), False),
        (node("p = Pad(a, P)", mode="reflect"), False),
    ],
)
def test_only_padding_with_zero_passes_codes_through(pad: NodeSummary, is_quantized: bool) -> None:
    assert ("n_p" in pick(conv("a", "x"), pad, conv("b", "p")).quantized_nodes) is is_quantized


def test_a_maxpool_whose_indices_are_read_stays_float() -> None:
    assert "indices" in pick(conv("a", "x"), node("p, i = MaxPool(a)"), conv("b", "p")).float_nodes["n_p"]


def test_without_quantized_logits_the_last_layer_ends_in_float() -> None:
    nodes = (conv("a", "x"), node("r = Relu(a)"), node("g = Gemm(r, W)"), node("e = Gelu(g)"), node("h = MatMul(e, V)"))
    assert choose(graph(*nodes), Scheme()).tensors == ("x", "r", "e", "h")
    got = choose(graph(*nodes), Scheme(quantize_logits=False))
    assert got.tensors == ("x", "r", "e")
    assert got.quantized_nodes == ("n_a", "n_r", "n_g", "n_h")
    last = pick(conv("a", "x"), node("r = Relu(a)"), quantize_logits=False)
    assert last.tensors == ("x",)
    assert last.float_nodes == {"n_r": AFTER_LAST}


def test_a_gemm_or_matmul_that_only_float_nodes_read_gives_floats_unless_it_is_the_last_layer() -> None:
    got = pick(node("g = Gemm(x, W)"), node("e = Gelu(g)"), node("h = MatMul(e, V)"), node("s = Softmax(h)"))
    assert got.tensors == ("x", "e", "h")
    both = pick(node("g = Gemm(x, W)"), node("e = Gelu(g)"), node("j = Add(g, g)"), node("h = MatMul(j, V)"))
    assert "g" in both.tensors
    assert "a" in pick(conv("a", "x"), node("e = Gelu(a)"), conv("b", "e")).tensors


def linear(name: str, tensor: str, weight: str, bias: str, *, swapped: bool = False) -> tuple[NodeSummary, NodeSummary]:
    """A MatMul with a constant and the Add of a constant behind it, named n_<name>_product and n_<name>."""
    inputs = f"{bias}, {name}_product" if swapped else f"{name}_product, {bias}"
    return node(f"{name}_product = MatMul({tensor}, {weight})"), node(f"{name} = Add({inputs})")


BIASED: Mapping[str, tuple[int, ...]] = {"W": (8, 4), "B": (4,), "ROW": (1, 1, 4), "WIDE": (3, 4), "ONE": (1,)}


@pytest.mark.parametrize(("bias", "swapped"), [("B", False), ("B", True), ("ROW", False)])
def test_the_add_of_a_row_behind_a_matmul_is_its_bias(bias: str, swapped: bool) -> None:
    got = pick(*linear("a", "x", "W", bias, swapped=swapped), node("r = Relu(a)"), conv("b", "r"), shapes=BIASED)
    assert [(use.node, use.bias) for use in got.weights] == [("n_a_product", bias), ("n_b", "")]
    assert (got.roles["n_a"], got.roles["n_r"], got.edges["n_a"]) == ("bias", "fused", ())
    assert got.tensors == ("x", "r", "b")
    assert not got.float_nodes


@pytest.mark.parametrize("bias", ["WIDE", "ONE"])
def test_any_other_constant_behind_a_matmul_is_added_in_float(bias: str) -> None:
    got = pick(*linear("a", "x", "W", bias), conv("b", "a"), shapes=BIASED)
    assert got.float_nodes == {"n_a": "adds a constant"}
    assert got.weights[0].bias == ""


def test_a_bias_belongs_to_one_layer_that_is_quantized_and_read_by_nobody_else() -> None:
    shared = (*linear("a", "x", "W", "B"), *linear("c", "a", "W", "B"))
    assert {use.bias for use in pick(*shared, shapes=BIASED).weights} == {""}
    tapped = (*linear("a", "x", "W", "B"), node("t = Sigmoid(a_product)"))
    assert pick(*tapped, shapes=BIASED).weights[0].bias == ""
    apart = pick(*linear("a", "x", "W", "B"), conv("b", "a"), shapes=BIASED, exclude_nodes=("n_a",))
    assert apart.weights[0].bias == ""
    assert "n_a" in apart.float_nodes
    floats = pick(*linear("a", "x", "W", "B"), conv("b", "a"), shapes=BIASED, exclude_nodes=("n_a_product",))
    assert floats.float_nodes["n_a"] == "adds a constant"


def test_an_activation_between_a_float_output_and_a_float_node_stays_float() -> None:
    nodes = (node("g = Gemm(x, W)"), node("r = Relu(g)"), node("e = Gelu(r)"), node("h = Gemm(e, V)"))
    got = choose(graph(*nodes), Scheme(quantize_logits=False))
    assert got.float_nodes["n_r"] == "follows a layer whose output stays in float"
    assert got.tensors == ("x", "e")


def test_excluded_nodes_and_op_types_stay_float_with_that_reason() -> None:
    nodes = (conv("a", "x"), node("r = Relu(a)"), node("g = Gemm(r, W)"))
    got = choose(graph(*nodes), Scheme(exclude_nodes=("n_a",), exclude_op_types=("Gemm",)))
    assert got.float_nodes["n_a"] == "excluded by name"
    assert got.float_nodes["n_g"] == "op type Gemm is excluded"
    assert got.quantized_nodes == ()
    assert got.tensors == ()


def test_an_excluded_activation_leaves_the_layers_output_quantized() -> None:
    got = pick(conv("a", "x"), node("r = Relu(a)"), conv("b", "r"), exclude_op_types=("Relu",))
    assert got.tensors == ("x", "a", "r", "b")


@pytest.mark.parametrize(
    ("options", "hint"), [({"exclude_nodes": ("n_aa",)}, "n_a"), ({"exclude_op_types": ("Covn",)}, "Conv")]
)
def test_excluding_what_does_not_exist_names_the_nearest(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(SchemeError, match=rf"Did you mean '{hint}'"):
        pick(conv("a", "x"), **options)


def test_a_known_op_type_that_the_model_lacks_may_be_excluded() -> None:
    assert pick(conv("a", "x"), exclude_op_types=("ConvTranspose",)).quantized_nodes == ("n_a",)


def test_weight_only_quantizes_weights_and_nothing_else() -> None:
    got = pick(conv("a", "x", "B"), node("r = Relu(a)"), node("m = MatMul(r, r)"), name="S3")
    assert got.edges == {"n_a": (1,)}
    assert got.tensors == ()
    assert got.weights[0].bias == ""
    assert got.float_nodes == {"n_r": WEIGHT_ONLY, "n_m": "MatMul of two activations"}


OPS = [*sorted(KNOWN_OPS), "Sigmoid", "Mul"]


@st.composite
def graphs(draw: st.DrawFn) -> GraphSummary:
    """Random chains and joins of known and unknown ops; about half the compute nodes have constant weights."""
    names, nodes = ["x"], []
    for index in range(draw(st.integers(1, 14))):
        op_type = draw(st.sampled_from(OPS))
        first, second = (draw(st.sampled_from(names)) for _ in range(2))
        if op_type in ("Add", "Concat", "Mul"):
            inputs = f"{first}, {draw(st.sampled_from([second, second, 'C']))}"
        elif op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            inputs = f"{first}, {draw(st.sampled_from([f'W{index}', f'W{index}', second]))}"
        else:
            inputs = f"{first}, zero, six" if op_type == "Clip" else first
        nodes.append(node(f"t{index} = {op_type}({inputs})"))
        names.append(f"t{index}")
    return graph(*nodes, outputs=tuple(draw(st.lists(st.sampled_from(names[1:]), min_size=1, max_size=2, unique=True))))


@settings(max_examples=300, deadline=None)
@given(graphs(), st.sampled_from(["S1", "S2", "S3"]), st.booleans())
def test_what_holds_for_every_graph(summary: GraphSummary, name: str, logits: bool) -> None:
    got = choose(summary, Scheme(name=name, quantize_logits=logits))  # type: ignore[arg-type]
    everything = [entry.name for entry in summary.nodes]
    assert sorted([*got.quantized_nodes, *got.float_nodes]) == sorted(everything)
    assert all(got.float_nodes.values())
    by_name = {entry.name: entry for entry in summary.nodes}
    for key in got.quantized_nodes:
        entry = by_name[key]
        for index in got.edges[key]:
            assert index in entry.constant_inputs or entry.inputs[index] in got.tensors
    for _, tensors in got.links:
        assert set(tensors) <= set(got.tensors)
    assert len(set(got.tensors)) == len(got.tensors)
    fused = [key for key, role in got.roles.items() if role == "fused"]
    for key in fused:
        assert by_name[key].inputs[0] not in got.tensors
        assert by_name[key].outputs[0] in got.tensors


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_a_plan_never_needs_a_range_that_neither_extreme_of_sharing_needs(summary: GraphSummary) -> None:
    shared = choose(summary, Scheme())
    concats = [key for key, role in shared.roles.items() if role == "concat"]
    apart = choose(summary, Scheme(), dict.fromkeys(concats, "apart"))
    needed = set(shared.sources) | set(apart.sources)
    for count in range(len(concats)):
        between = choose(summary, Scheme(), dict.fromkeys(concats[:count], "apart"))
        assert set(between.sources) <= needed


def test_a_relu_behind_an_op_that_passes_codes_on_passes_them_on_too() -> None:
    got = pick(conv("a", "x"), node("p = MaxPool(a)"), node("r = Relu(p)"), conv("b", "r"))
    assert got.roles["n_r"] == "pass"
    assert ("n_r", ("p", "r")) in got.links


@pytest.mark.parametrize("op_type", ["Conv", "Gemm"])
def test_a_constant_behind_another_layer_is_no_bias_whatever_its_shape(op_type: str) -> None:
    layer = node(f"a = {op_type}(x, W)")
    got = pick(layer, node("s = Add(a, B)"), conv("b", "s"), shapes=BIASED)
    assert got.float_nodes == {"n_s": "adds a constant"}
    assert got.weights[0].bias == ""


def test_a_transposed_convolution_without_the_attribute_has_one_group() -> None:
    assert pick(node("g = ConvTranspose(x, W)")).weights[0].groups == 1


def test_a_layer_is_not_inside_because_of_one_that_stays_in_float() -> None:
    nodes = (conv("a", "x"), node("g = Gemm(a, W)", alpha=2.0))
    got = choose(graph(*nodes), Scheme(quantize_logits=False))
    assert (got.quantized_nodes, got.tensors) == (("n_a",), ("x",))


def test_what_a_plan_looks_up_by_node() -> None:
    got = pick(conv("a", "x"), node("p, q = Split(a)"), conv("b", "q"), conv("c", "p"))
    assert got.compute_inputs == {"n_a": "x", "n_b": "q", "n_c": "p"}
    assert got.link_outputs == {"n_p": ("p", "q")}
    assert got.sources == ("x", "a", "b", "c")
    weights = pick(conv("a", "x"), node("r = Relu(a)"), name="S3")
    assert weights.roles == {"n_a": "compute"}


@pytest.mark.parametrize("name", ["Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity"])
def test_ops_that_only_move_values_are_known(name: str) -> None:
    assert name in SAME_VALUES <= PASS_THROUGH <= KNOWN_OPS
    assert {"DepthToSpace", "SpaceToDepth"} <= SAME_VALUES
