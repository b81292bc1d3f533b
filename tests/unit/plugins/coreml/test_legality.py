from workbench_plugins.coreml.frontend.registry import FOLDED_ONLY, LOWERINGS
from workbench_plugins.coreml.legality import TAKEN, judge_graph
from workbench_plugins.coreml.options import Options

from workbench.quant.scheme import Scheme
from workbench.spi import GraphSummary


def graph(op_type: str) -> GraphSummary:
    from workbench.model.graph import NodeSummary

    return GraphSummary((NodeSummary("node", op_type, ("x",), ("y",)),), (), ())


def test_the_list_is_the_frontends() -> None:
    assert set(LOWERINGS) | set(FOLDED_ONLY) == TAKEN


def test_an_op_without_conversion_refuses_and_is_named() -> None:
    (found,) = judge_graph(graph("NonMaxSuppressionOfTomorrow"), Scheme("S1"), Options())
    assert found.refuses
    assert (found.node, found.requested) == ("node", "NonMaxSuppressionOfTomorrow")


def test_nothing_differs_by_default() -> None:
    for scheme in ("S1", "S2", "S3", "fp32", "fp16"):
        assert judge_graph(graph("Conv"), Scheme(scheme), Options()) == []  # type: ignore[arg-type]


def test_float16_between_codes_rounds_biases() -> None:
    half = Options(compute="float16")
    (found,) = judge_graph(graph("Conv"), Scheme("S1"), half)
    assert found.codes_change
    assert not found.refuses
    assert judge_graph(graph("Conv"), Scheme("S3"), half) == []


def test_the_neural_engine_is_left_out_in_float32() -> None:
    engine = Options(compute_units="cpu_and_ne")
    (found,) = judge_graph(graph("Conv"), Scheme("S1"), engine)
    assert "float16 only" in found.reason
    assert judge_graph(graph("Conv"), Scheme("fp16"), engine) == []
    assert len(judge_graph(graph("Conv"), Scheme("S1"), Options("cpu_and_ne", compute="float16"))) == 1
