"""The bundled study: what the sample model is, and that both runtimes disagree on the same samples every time."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from workbench.execution.engine import RunOptions, run_study
from workbench.execution.load_result import load_result
from workbench.execution.result import Result
from workbench.execution.study import load_study

DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"


@pytest.fixture(scope="module")
def results(demo_of_the_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    """What it gives here, without the speed part, and what it gave as the wheel's."""
    study, folder = load_study(DEMO / "study.toml"), tmp_path_factory.mktemp("demo")
    here = run_study(study, folder / "here", RunOptions(profile="none"), lambda event: None)
    return [here, load_result(demo_of_the_wheel / "result.json")]


def test_the_network_has_depthwise_convolutions_and_residual_adds() -> None:
    graph = onnx.load(DEMO / "digits.onnx").graph
    dims = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    convs = [node for node in graph.node if node.op_type == "Conv"]
    groups = [next((item.i for item in node.attribute if item.name == "group"), 1) for node in convs]
    assert any(group > 1 and group == dims[node.input[1]][0] for node, group in zip(convs, groups, strict=True))
    adds = [node for node in graph.node if node.op_type == "Add"]
    assert any(not set(node.input) & set(dims) for node in adds)


@pytest.mark.slow
def test_every_cell_runs_on_enough_samples(results: list[Result]) -> None:
    for result in results:
        assert {(run.runtime, run.precision) for run in result.runs if run.status == "ok"} >= {
            (runtime, precision) for runtime in ("ort_cpu", "openvino") for precision in ("fp32", "int8")
        }
        assert {run.status for run in result.runs} == {"ok"}
        assert result.data["evaluation"].n >= 500
        assert result.overlap == 0
        assert result.findings == []


@pytest.mark.slow
def test_the_runtimes_disagree_on_the_same_samples_every_time(results: list[Result]) -> None:
    int8 = [pair for result in results for pair in result.disagreements if pair.precision == "int8"]
    first, second = int8
    assert first.answers_differ is not None
    assert first.answers_differ >= 1
    assert first.samples == second.samples
    assert (first.answers_differ, first.nmse) == (second.answers_differ, second.nmse)
    floats = [pair.answers_differ for result in results for pair in result.disagreements if pair.precision == "fp32"]
    assert floats == [0, 0]
