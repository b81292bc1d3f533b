"""What TensorRT would refuse or leave out is told before anything runs: by `explain`, and in the scheme editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.studies import document, write_study
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.ort_tensorrt.graph_rules import OUTSIDE

from workbench.cli.preview_commands import explain_document
from workbench.execution.study import load_study
from workbench.ui.forecast import deviation_lines, verdict_of

ROWS = [{"id": "ort_tensorrt"}, {"id": "tensorrt"}]
SCHEMES = [{"name": "S1", "scheme": {"name": "S1"}}, {"name": "S2", "scheme": {"name": "S2"}}]


def gapped_pool_net() -> Any:
    """Conv, a MaxPool with gaps in its window, which TensorRT does not have, mean over the image."""
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, ["N", 3, 8, 8]),
                                                           ("y", TensorProto.FLOAT, ["N", 4, 1, 1]))]  # fmt: skip
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("MaxPool", ["a"], ["b"], name="gapped_pool", kernel_shape=[2, 2], dilations=[2, 2]),
        helper.make_node("GlobalAveragePool", ["b"], ["y"], name="mean"),
    ]
    graph = helper.make_graph(nodes, "gapped", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("explained")
    path = write_study(folder, document(ROWS, candidates=SCHEMES), gapped_pool_net())
    return {item["name"]: item for item in explain_document(load_study(path))["candidates"]}


@pytest.mark.parametrize(
    ("row", "word", "realised"),
    [(0, "1 changed by the runtime", OUTSIDE), (1, "refused", "not realisable")],
    ids=["ort_tensorrt", "tensorrt"],
)
def test_a_node_that_tensorrt_does_not_take_is_named_with_the_reason(
    explained: Any, row: int, word: str, realised: str
) -> None:
    """Through ONNX Runtime another provider takes it; TensorRT alone takes the whole file or nothing."""
    answer = explained["S1"]["rows"][row]
    (found,) = answer["deviations"]
    assert (found["node"], found["realised"], found["refuses"]) == ("gapped_pool", realised, word == "refused")
    assert verdict_of(answer)[0] == word
    (line,) = deviation_lines(answer)
    assert line.startswith("gapped_pool: ")
    assert "without dilations" in line


@pytest.mark.parametrize("row", [0, 1], ids=["ort_tensorrt", "tensorrt"])
def test_an_affine_scheme_is_refused_with_the_reason(explained: Any, row: int) -> None:
    answer = explained["S2"]["rows"][row]
    assert verdict_of(answer) == ("refused", "chip-bad")
    assert "symmetric only" in deviation_lines(answer)[0].lower()
