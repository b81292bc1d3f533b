from dataclasses import replace

from workbench_plugins.coreml.mac import Preference
from workbench_plugins.coreml.placement import EVALUATED, LABEL, evaluated, place
from workbench_plugins.coreml.sidecar import Node, Sidecar

NODES = (
    Node("conv_node", "Conv", ("conv",), quantized=True),
    Node("soft_node", "Softmax", ("soft",), quantized=False, why_float="float island"),
    Node("gone", "Identity", (), quantized=False),
)
NAMES = Sidecar(1, "float16", {}, {}, nodes=NODES)
ENGINE = Preference(("conv_cast_fp16",), "conv", "Neural Engine", ("CPU", "Neural Engine"), 0.75)
SOFT = Preference(("soft_cast_fp16",), "softmax", "CPU", ("CPU",), 0.125)
ADDED = Preference(("conv__quantized",), "quantize", "unknown", (), None)


def test_a_preference_is_told_as_one_and_precision_is_never_guessed() -> None:
    conv, soft, gone, added = place(NAMES, [ADDED, ENGINE, SOFT])
    assert (conv.device, conv.precision, conv.time_share, conv.reason) == ("Neural Engine", "unknown", 0.75, LABEL)
    assert (soft.device, soft.precision, soft.reason) == ("CPU", "fp16", f"{LABEL}; float island")
    assert (gone.op_type, gone.precision) == ("removed", "none")
    assert (added.node, added.op_type, added.device) == ("", "quantize", "unknown")


def test_a_node_of_several_operations_is_placed_by_the_one_that_multiplies() -> None:
    names = replace(NAMES, nodes=(Node("gemm", "Gemm", ("product", "sum"), quantized=True),))
    product = Preference(("product",), "matmul", "GPU", ("CPU", "GPU"), 0.5)
    total = Preference(("sum",), "add", "CPU", ("CPU",), 0.25)
    (found,) = place(names, [product, total])
    assert (found.op_type, found.device, found.time_share) == ("matmul", "GPU", 0.75)


def test_the_evaluator_never_claims_int8() -> None:
    rows = evaluated(NAMES)
    assert [row.node for row in rows] == [node.name for node in NODES]
    assert {row.precision for row in rows} == {"fp16"}
    assert rows[0].reason == EVALUATED
