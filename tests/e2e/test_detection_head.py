"""A head that joins boxes 0..640 and scores 0..1: the scores must live through INT8, and the reason is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import detection_head_net, random_feeds
from helpers.real_models import BOTH, run_document, run_of

from workbench.execution.engine import RunOptions
from workbench.execution.result import Result
from workbench.model.load import save_proto
from workbench.quant.affine import symmetric_parameters
from workbench.quant.plan import QuantPlan, load_plan, save_plan

HEAD = "detections_node"
BOX_ROWS, ROWS = 4, 84


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model and its samples."""
    folder = tmp_path_factory.mktemp("detection_head")
    model = detection_head_net()
    save_proto(model, folder / "model.onnx")
    np.savez(folder / "calibration.npz", **random_feeds(model, 24, seed=1))
    np.savez(folder / "evaluation.npz", **random_feeds(model, 16, seed=2))
    return folder


@pytest.fixture(scope="module")
def own(place: Path) -> Result:
    """The study with the program's own plan."""
    return run_document(document(place), place / "own")


@pytest.fixture(scope="module")
def forced(place: Path, own: Result) -> Result:
    """The study with a plan that gives boxes, scores and what joins them one scale."""
    save_plan(one_scale(load_plan(plan_path(place))), place / "forced.json")
    return run_document(document(place), place / "forced", RunOptions(plan=place / "forced.json"))


def document(place: Path) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": "detection head",
        "model": {"path": str(place / "model.onnx")},
        "data": {
            part: {"kind": "arrays", "path": str(place / f"{part}.npz"), "labels": ""}
            for part in ("calibration", "evaluation")
        },
        "runtimes": [{"id": runtime, "name": runtime} for runtime in BOTH],
        "measure": {"profile": "none"},
    }


def plan_path(place: Path) -> Path:
    return place / "own" / "plans" / "S1" / "plan.json"


def one_scale(plan: QuantPlan) -> QuantPlan:
    """Return the plan with the joining Concat quantized, everything it touches on the boxes' scale."""
    shared = symmetric_parameters(640.0)
    return replace(
        plan,
        tensors={**plan.tensors, "boxes": shared, "scores": shared, "detections": shared},
        quantized_nodes=(*plan.quantized_nodes, HEAD),
        edges={**plan.edges, HEAD: (0, 1)},
        float_nodes={name: reason for name, reason in plan.float_nodes.items() if name != HEAD},
    )


def detections(place: Path, study: str, runtime: str, precision: str = "int8") -> Any:
    """Return float32 [n, 84, 64]."""
    values = np.load(place / study / "cells" / runtime / "S1" / precision / "outputs" / "0.npy")
    assert values.shape == (16, ROWS, 64)
    return values


@pytest.mark.parametrize("runtime", BOTH)
def test_scores_live_through_int8(place: Path, own: Result, runtime: str) -> None:
    run = run_of(own, runtime, "int8")
    assert run.status == "ok", run.problem
    assert run.findings == []
    assert not any(output.constant for output in run.outputs)
    exact = detections(place, "own", runtime, "fp32")[:, BOX_ROWS:]
    scores = detections(place, "own", runtime)[:, BOX_ROWS:]
    assert (scores.std(axis=(0, 2)) > 0.5 * exact.std(axis=(0, 2))).all()
    assert np.abs(scores - exact).mean() < 0.02


@pytest.mark.parametrize("runtime", BOTH)
def test_every_conv_is_int8_and_verified(own: Result, runtime: str) -> None:
    run = run_of(own, runtime, "int8")
    assert run.int8_mac_share == 1.0
    assert run.parity is not None
    assert run.parity.checked > 0
    assert run.parity.mismatches == []


def test_the_float_nodes_carry_the_reason(place: Path, own: Result) -> None:
    plan = load_plan(plan_path(place))
    reason = plan.float_nodes[HEAD]
    assert "differ by 8x or more" in reason
    assert "boxes" in reason
    assert "scores" in reason
    assert own.candidates[0].float_nodes == plan.float_nodes
    graph = onnx.load(place / "model.onnx").graph
    after = {node.name for node in graph.node if node.op_type in ("Sigmoid", "Mul")}
    assert after <= set(plan.float_nodes)
    assert all(plan.float_nodes.values())


@pytest.mark.parametrize("runtime", BOTH)
def test_one_scale_for_all_is_found(place: Path, forced: Result, runtime: str) -> None:
    run = run_of(forced, runtime, "int8")
    assert run.status == "ok", run.problem
    assert (detections(place, "forced", runtime)[:, BOX_ROWS:] == 0).all()
    assert [finding for finding in run.findings if "is constant in" in finding and "FP32 reference is not" in finding]
    assert [output.constant for output in run.outputs] == [True]


def test_one_scale_for_all_is_found_in_the_simulation_too(forced: Result) -> None:
    (simulated,) = [run for run in forced.runs if run.precision == "simulated"]
    assert [finding for finding in simulated.findings if "is constant in" in finding]
    floats = [run for run in forced.runs if run.precision in ("fp32", "reference")]
    assert [finding for run in floats for finding in run.findings] == []
