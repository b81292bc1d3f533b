"""Encoders as BERT is one, from the command line and through whole studies on both runtimes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.encoders import Shape, encoder, token_arrays
from helpers.real_models import BOTH, run_document, run_of
from helpers.small_studies import run_command

from workbench.execution.result import Result, Run
from workbench.model.load import save_proto

BERT = Shape(layers=2, hidden=64, heads=4, positions=16)
WIDE = Shape(layers=2, hidden=64, heads=4, positions=16, pre_norm=True, decomposed=True, outliers=2)
SMOOTHED = 0.65


def _document(folder: Path, shape: Shape, **tables: Any) -> dict[str, Any]:
    save_proto(encoder(shape), folder / "encoder.onnx")
    np.savez(folder / "calibration.npz", **token_arrays(shape, 64))
    np.savez(folder / "evaluation.npz", **token_arrays(shape, 48, seed=1))
    arrays = {"kind": "arrays"}
    return {
        "schema_version": 1,
        "name": "encoder",
        "model": {"path": str(folder / "encoder.onnx")},
        "data": {name: {**arrays, "path": str(folder / f"{name}.npz")} for name in ("calibration", "evaluation")},
        "runtimes": [{"id": name, "name": name, "precisions": ["int8"]} for name in BOTH],
        "measure": {"profile": "none"},
        **tables,
    }


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("bert")
    return run_document(_document(folder, BERT), folder / "out")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Two candidates of an encoder with planted wide channels: as it is, and smoothed."""
    folder = tmp_path_factory.mktemp("wide")
    candidates = [{"name": "S1"}, {"name": "smoothed", "scheme": {"name": "S1", "smoothing": SMOOTHED}}]
    return run_document(_document(folder, WIDE, candidates=candidates), folder / "out")


def _matmul_share(run: Run) -> float:
    """Share of the MACs of all MatMuls and Gemms, attention's own included, in integer kernels."""
    products = [row for row in run.placement if row.macs]
    return sum(row.macs for row in products if row.precision == "int8") / sum(row.macs for row in products)


@pytest.mark.parametrize("runtime", BOTH)
def test_nine_tenths_of_the_products_are_built_in_int8_and_hold_the_plans_numbers(bert: Result, runtime: str) -> None:
    run = run_of(bert, runtime, "int8")
    assert run.status == "ok"
    assert run.parity is not None
    assert run.parity.mismatches == []
    assert _matmul_share(run) >= 0.9
    assert run.int8_mac_share == pytest.approx(_matmul_share(run))
    floats = {row.node for row in run.placement if row.macs and row.precision != "int8"}
    assert floats == {f"layer{layer}_{name}_node" for layer in range(2) for name in ("scores", "mixed")}
    assert (run.sqnr_db or 0) > 25


def test_float_islands_have_their_reasons(bert: Result) -> None:
    reasons = bert.candidates[0].float_nodes
    assert reasons["layer0_scores_node"] == "MatMul of two activations"
    for island in ("layer0_weights_node", "layer0_norm_node", "layer0_erf_node", "embedded_node"):
        assert "is not part of the scheme's quantized ops" in reasons[island]


@pytest.mark.parametrize("runtime", BOTH)
def test_smoothing_is_a_knob_that_is_disclosed_and_brings_wide_channels_back(wide: Result, runtime: str) -> None:
    plain, smoothed = (run_of(wide, runtime, "int8", name) for name in ("S1", "smoothed"))
    assert (smoothed.sqnr_db or 0) > (plain.sqnr_db or 0) + 6
    assert smoothed.parity is not None
    assert smoothed.parity.mismatches == []
    assert _matmul_share(smoothed) >= 0.9
    facts = next(item for item in wide.candidates if item.name == "smoothed")
    note = next(item for item in facts.transforms if item["kind"] == "smoothing")
    assert note["alpha"] == SMOOTHED
    assert len(note["tensors"]) == 4
    assert "smoothing 0.65" in facts.scheme_title
    assert facts.representation is not None
    assert facts.representation.share_beyond_clip < 0.01


def test_inspect_explain_and_quantize_take_token_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _document(tmp_path, BERT)
    model = tmp_path / "encoder.onnx"
    assert run_command(["inspect", model, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["family"] == "encoder"
    assert told["quantizable_mac_share"] > 0.9
    arguments = ["quantize", model, "--data", tmp_path / "calibration.npz", "--runtime", "ort_cpu"]
    assert run_command([*arguments, "-o", tmp_path / "int8.onnx"]) == 0
    assert "same numbers as the plan: yes" in capsys.readouterr().out
