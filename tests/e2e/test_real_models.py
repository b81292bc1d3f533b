"""Whole studies of real models on both runtimes, against a direct ONNX Runtime loop written here, sample by sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.real_models import (
    BOTH,
    CLASSIFIERS,
    FACE,
    KWS,
    REAL_MODELS,
    RESNET8,
    SQUEEZENET,
    RealModel,
    run_document,
    run_of,
)
from onnx import helper
from PIL import Image

from workbench.execution.result import Result

pytestmark = [pytest.mark.data, pytest.mark.slow]

PLANTED = "planted"
CANDIDATES = "S1", PLANTED
N_CALIBRATION, N_EVALUATION = 16, 32
"""Samples; every rule below holds sample by sample or for the plan, so that more of them would say no more."""


@dataclass(frozen=True)
class Studied:
    """One real model, its finished study, and what a direct loop gave for the same samples in the same order."""

    real: RealModel
    data: Path
    folder: Path
    result: Result
    direct: dict[str, Any]

    @property
    def is_classifier(self) -> bool:
        return self.real in CLASSIFIERS

    def outputs(self, runtime: str, precision: str, candidate: str = "S1") -> dict[str, Any]:
        """Stored outputs of one run, by name."""
        place = self.folder / "cells" / runtime / candidate / precision
        return dict(
            zip(self.result.model.compared_outputs, map(np.load, sorted(place.glob("outputs/*.npy"))), strict=True)
        )


@pytest.fixture(scope="module", params=REAL_MODELS, ids=lambda real: real.name)
def studied(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Studied:
    """One study per model: S1, and S1 with one Conv left in float on purpose."""
    real: RealModel = request.param
    folder = tmp_path_factory.mktemp("real") / real.name
    scheme = {"name": "S1", "exclude_nodes": [real.planted]}
    candidates = [{"name": "S1"}, {"name": PLANTED, "scheme": scheme}]
    document = real.document(shared_data, candidates=candidates, n_evaluation=N_EVALUATION)
    document["data"]["calibration"]["limit"] = N_CALIBRATION
    result = run_document(document, folder)
    direct = direct_outputs(real, shared_data, folder, result.model.compared_outputs)
    return Studied(real, shared_data, folder, result, direct)


# --- what a user would write without the program -----------------------------------------------------------------


def direct_outputs(real: RealModel, data: Path, folder: Path, compared: list[str]) -> dict[str, Any]:
    """Loop over single samples on the original file, and on it with the compared outputs added.

    In the second, initializers are no longer listed as inputs: listed, they keep ONNX Runtime from folding BatchNorm.
    """
    gathered: dict[str, list[Any]] = {}
    exposed = onnx.load(real.path(data))
    names = {value.name for value in exposed.graph.output}
    exposed.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in compared if name not in names)
    constants = {tensor.name for tensor in exposed.graph.initializer}
    inputs = [value for value in exposed.graph.input if value.name not in constants]
    del exposed.graph.input[:]
    exposed.graph.input.extend(inputs)
    sessions = {
        "original:": single_threaded(str(real.path(data))),
        "": single_threaded(exposed.SerializeToString()),
    }
    for x in samples(real, data, folder):
        for prefix, session in sessions.items():
            outputs = [value.name for value in session.get_outputs()]
            for name, value in zip(outputs, session.run(outputs, {real.input: x}), strict=True):
                gathered.setdefault(prefix + name, []).append(value)
    return {name: np.concatenate(values) for name, values in gathered.items()}


def single_threaded(model: str | bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def samples(real: RealModel, data: Path, folder: Path) -> Iterator[Any]:
    """Yield float32 [1, ...] in the study's order, preprocessed without the program."""
    index = json.loads((folder / "data" / "evaluation" / "index.json").read_text(encoding="utf-8"))
    if real is KWS:
        values = np.load(data / "kws_sample" / "evaluation.npz")["input"]
        yield from (values[row : row + 1] for row in index["rows"])
        return
    root = data / real.evaluation["path"]
    for file in index["files"]:
        with Image.open(root / file) as picture:
            yield np.ascontiguousarray(preprocessed(real, picture.convert("RGB"))[np.newaxis])


def preprocessed(real: RealModel, picture: Image.Image) -> Any:
    """Return float32 [3, H, W], as the models' publishers say."""
    bilinear = Image.Resampling.BILINEAR
    if real is RESNET8:
        return np.asarray(picture).astype(np.float32).transpose(2, 0, 1)
    if real is FACE:
        pixels = np.asarray(picture.resize((320, 240), bilinear)).astype(np.float32)
        return ((pixels - 127) / 128).transpose(2, 0, 1)
    scale, side = 256 / min(picture.size), 227 if real is SQUEEZENET else 224
    size = tuple(256 if edge == min(picture.size) else round(edge * scale) for edge in picture.size)
    pixels = np.asarray(picture.resize(size, bilinear)).astype(np.float32)
    top, left = ((edge - side) // 2 for edge in pixels.shape[:2])
    pixels = pixels[top : top + side, left : left + side].transpose(2, 0, 1)
    if real is SQUEEZENET:
        return pixels[::-1] - np.asarray([104, 117, 123], np.float32).reshape(3, 1, 1)
    return (pixels - np.float32(127.5)) / np.float32(127.5)


def files(studied: Studied, part: str) -> set[str]:
    index = json.loads((studied.folder / "data" / part / "index.json").read_text(encoding="utf-8"))
    return {f"{part} {name}" if studied.real in (KWS, RESNET8) else name for name in index["files"]}


def softmax(logits: Any) -> Any:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def macs_of_nodes(path: Path) -> dict[str, int]:
    """Return multiply-accumulates per sample of every Conv and Gemm of a file, by name ("<op>_<number>" if unnamed)."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*graph.value_info, *graph.output]
    }
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    found = {}
    for number, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{number}"
        if node.op_type == "Conv":
            found[name] = prod(shapes[node.output[0]][1:]) * prod(weights[node.input[1]][1:])
        elif node.op_type == "Gemm":
            found[name] = prod(weights[node.input[1]])
    return found


# --- the assertions -----------------------------------------------------------------------------------------------


def test_every_run_completes(studied: Studied) -> None:
    expected = {
        (runtime, precision, candidate)
        for runtime in BOTH
        for precision, candidate in [("fp32", "S1"), ("int8", "S1"), ("int8", PLANTED)]
    }
    own = [run for run in studied.result.runs if run.runtime in BOTH]
    assert {(run.runtime, run.precision, run.candidate) for run in own} == expected
    assert {run.status for run in own} == {"ok"}, [run.problem for run in own]
    assert {run.n for run in own} == {N_EVALUATION}
    assert [finding for run in own for finding in run.findings] == []
    assert studied.result.overlap == len(files(studied, "calibration") & files(studied, "evaluation"))


def test_fp32_on_onnx_runtime_equals_a_direct_loop_bit_by_bit(studied: Studied) -> None:
    stored = studied.outputs("ort_cpu", "fp32")
    assert stored
    for name, values in stored.items():
        assert values.tobytes() == studied.direct[name].tobytes(), name


def test_fp32_answers_equal_those_of_the_untouched_file(studied: Studied) -> None:
    stored = studied.outputs("ort_cpu", "fp32")
    if studied.is_classifier:
        (logits,) = stored.values()
        probabilities = studied.direct["original:output"]
        assert np.array_equal(logits.argmax(-1), probabilities.argmax(-1))
        np.testing.assert_allclose(softmax(logits), probabilities, rtol=1e-4, atol=1e-6)
    else:
        logits, boxes = stored.values()
        scores = studied.direct["original:scores"]
        assert np.array_equal(logits.argmax(-1), scores.argmax(-1))
        np.testing.assert_allclose(softmax(logits), scores, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(boxes, studied.direct["original:boxes"], rtol=1e-4, atol=1e-5)


def test_fp32_on_openvino_agrees_with_the_direct_loop(studied: Studied) -> None:
    name = studied.result.model.compared_outputs[0]
    answers = studied.outputs("openvino", "fp32")[name].argmax(-1)
    assert (answers == studied.direct[name].argmax(-1)).mean() >= 0.998
    run = run_of(studied.result, "openvino", "fp32")
    assert run.sqnr_db is not None
    assert run.sqnr_db > 90
    if studied.is_classifier:
        assert run.top1_agreement is not None
        assert run.top1_agreement.value >= 0.998


@pytest.mark.parametrize("runtime", BOTH)
def test_int8_covers_all_macs_and_leaves_no_unexplained_float_op(studied: Studied, runtime: str) -> None:
    run = run_of(studied.result, runtime, "int8", "S1")
    assert run.int8_mac_share is not None
    assert run.int8_mac_share >= 0.99
    if studied.is_classifier:
        assert run.float_leftovers == []
    for leftover in run.float_leftovers:
        assert leftover.reason
        assert leftover.time_share is not None


def test_parity_has_no_mismatch(studied: Studied) -> None:
    compute = len(macs_of_nodes(studied.real.path(studied.data)))
    for runtime in BOTH:
        for candidate, layers in (("S1", compute), (PLANTED, compute - 1)):
            parity = run_of(studied.result, runtime, "int8", candidate).parity
            assert parity is not None
            assert parity.mismatches == []
            assert parity.checked > 2 * layers  # a weight and a bias of every layer, and the tensors between them


@pytest.mark.parametrize("runtime", BOTH)
def test_a_planted_float_conv_lowers_the_coverage_by_exactly_its_share(studied: Studied, runtime: str) -> None:
    macs = macs_of_nodes(studied.real.path(studied.data))
    assert sum(macs.values()) == studied.result.model.macs
    whole, planted = (run_of(studied.result, runtime, "int8", name) for name in CANDIDATES)
    assert whole.int8_mac_share is not None
    assert planted.int8_mac_share is not None
    share = macs[studied.real.planted] / sum(macs.values())
    assert share > 0.005
    assert whole.int8_mac_share - planted.int8_mac_share == pytest.approx(share, abs=1e-12)
    leftover = {item.node: item for item in planted.float_leftovers}[studied.real.planted]
    assert leftover.reason
    assert leftover.time_share is not None
    assert leftover.time_share > 0


def test_float_nodes_carry_a_reason(studied: Studied) -> None:
    by_name = {candidate.name: candidate.float_nodes for candidate in studied.result.candidates}
    assert by_name[PLANTED][studied.real.planted] == "excluded by name"
    assert all(reason for nodes in by_name.values() for reason in nodes.values())
    if not studied.is_classifier:
        tail = [name for name in by_name["S1"] if name.split("_")[0] in ("Softmax", "Exp", "Div", "Mul", "Concat")]
        assert len(tail) >= 8
        for runtime in BOTH:
            placement = run_of(studied.result, runtime, "int8", "S1").placement
            silent = {row.node for row in placement if row.precision != "int8" and not (row.reason or row.fused_into)}
            assert silent & set(tail) == set()


def test_int8_stays_near_its_simulation(studied: Studied) -> None:
    for run in studied.result.runs:
        if run.runtime in BOTH and run.precision == "int8":
            split = run.divergence
            assert split is not None
            assert split.scheme_nmse is not None
            assert split.execution_nmse is not None
            assert split.execution_nmse < max(0.5 * split.scheme_nmse, 1e-4), run.label
