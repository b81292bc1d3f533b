"""Recurrent models through whole studies: state fed back by every runtime, and what cannot be INT8 said plainly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.real_models import run_document, run_of
from helpers.recurrent import LSTM_STATE, lstm_alone, lstm_net, noisy_speech

from workbench.execution.result import Result
from workbench.model.load import save_proto

SEQUENCES, FRAMES, FEATURES = 12, 20, 8
RUNTIMES = ("ort_cpu", "openvino")
Arrays = dict[str, np.ndarray]


def _document(folder: Path, model: onnx.ModelProto, runtimes: tuple[str, ...] = RUNTIMES) -> dict[str, Any]:
    save_proto(model, folder / "net.onnx")
    spectra = noisy_speech(SEQUENCES, FRAMES, FEATURES)
    np.savez(folder / "x.npz", frame=spectra)
    np.savez(folder / "calibration.npz", frame=noisy_speech(4, FRAMES, FEATURES, seed=1).reshape(-1, 1, FEATURES))
    calibration = {"kind": "arrays", "path": str(folder / "calibration.npz"), "frames": FRAMES}
    return {
        "schema_version": 1,
        "name": "recurrent",
        "model": {"path": str(folder / "net.onnx"), "state": dict(LSTM_STATE)},
        "data": {"calibration": calibration, "evaluation": {"kind": "arrays", "path": str(folder / "x.npz")}},
        "runtimes": [{"id": name, "name": name} for name in runtimes],
        "measure": {"profile": "none"},
    }


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A study of a small recurrent net on both runtimes."""
    folder = tmp_path_factory.mktemp("recurrent")
    return folder, run_document(_document(folder, lstm_net()), folder / "out")


def _direct(model: Path, state: Mapping[str, str], x: np.ndarray, names: list[str]) -> Arrays:
    """Loop over sequences and frames with ONNX Runtime as a user would write it; name -> [frames of all, ...]."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    shapes = {item.name: item.shape for item in session.get_inputs()}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for sequence in x:
        fed = {name: np.zeros(shapes[name], np.float32) for name in state}
        for frame in sequence:
            first = next(name for name in shapes if name not in state)
            values = dict(
                zip(
                    [item.name for item in session.get_outputs()],
                    session.run(None, {first: frame[None], **fed}),
                    strict=True,
                )
            )
            fed = {name: values[output] for name, output in state.items()}
            for name in names:
                rows[name].append(values[name])
    return {name: np.concatenate(values) for name, values in rows.items()}


def _stored(folder: Path, result: Result, *cell: str) -> Arrays:
    files = sorted(folder.joinpath("out", *cell).glob("**/*.npy"))
    return dict(zip(result.model.compared_outputs, map(np.load, files), strict=True))


def _shuffled(sequences: np.ndarray) -> np.ndarray:
    return sequences[np.random.default_rng(0).permutation(len(sequences))]


def test_every_float_run_equals_a_loop_that_hands_the_state_on(studied: tuple[Path, Result]) -> None:
    folder, result = studied
    x = _shuffled(noisy_speech(SEQUENCES, FRAMES, FEATURES))
    artifact = next((folder / "out" / "artifacts" / "ort_cpu" / "S1" / "fp32").glob("artifact/*.onnx"))
    direct = _direct(artifact, LSTM_STATE, x, result.model.compared_outputs)
    ours = _stored(folder, result, "cells", "ort_cpu", "S1", "fp32")
    for name, values in direct.items():
        np.testing.assert_array_equal(ours[name], values)
        np.testing.assert_allclose(_stored(folder, result, "cells", "openvino", "S1", "fp32")[name], values, atol=1e-5)
    reset = np.zeros_like(direct["h_next"]).reshape(SEQUENCES, FRAMES, -1)
    assert not np.allclose(direct["h_next"].reshape(reset.shape)[:, 1:], direct["h_next"].reshape(reset.shape)[:, :1])


def test_the_quantized_run_hands_on_its_own_state_and_its_error_follows_the_position(
    studied: tuple[Path, Result],
) -> None:
    folder, result = studied
    x = _shuffled(noisy_speech(SEQUENCES, FRAMES, FEATURES))
    artifact = next((folder / "out" / "artifacts" / "ort_cpu" / "S1" / "int8").glob("artifact/*.onnx"))
    direct = _direct(artifact, LSTM_STATE, x, result.model.compared_outputs)
    ours = _stored(folder, result, "cells", "ort_cpu", "S1", "int8")
    np.testing.assert_allclose(ours["h_next"], direct["h_next"], atol=1e-6)
    np.testing.assert_allclose(ours["scores"], direct["scores"], atol=0.2)
    float_state = _stored(folder, result, "cells", "ort_cpu", "S1", "fp32")["h_next"]
    assert not np.allclose(ours["h_next"], float_state, atol=1e-4), "the quantized run was fed another run's state"
    for runtime in RUNTIMES:
        run = run_of(result, runtime, "int8")
        assert run.status == "ok"
        assert run.n == SEQUENCES * FRAMES
        found = run.error_by_position
        assert found is not None
        assert (found.output, found.sequences, found.frames, len(found.nmse)) == ("scores", SEQUENCES, FRAMES, FRAMES)
        assert run.sqnr_db_interval is not None
        assert 0 < (run.int8_mac_share or 0) < 1
    assert result.data["evaluation"].frames == FRAMES
    assert result.data["calibration"].n == 4
    assert result.model.state == LSTM_STATE


def test_the_lstm_is_a_float_node_with_its_reason_in_plan_and_placement(studied: tuple[Path, Result]) -> None:
    _, result = studied
    assert "recurrent" in result.candidates[0].float_nodes["lstm_node"]
    for runtime in RUNTIMES:
        placed = {item.node: item for item in run_of(result, runtime, "int8").placement}
        assert placed["lstm_node"].precision == "fp32"
        assert placed["lstm_node"].reason


def test_a_model_of_which_nothing_is_int8_says_so(tmp_path: Path) -> None:
    result = run_document(_document(tmp_path, lstm_alone(), ("ort_cpu",)), tmp_path / "out")
    run = run_of(result, "ort_cpu", "int8")
    assert run.int8_mac_share == 0
    assert any("nothing in this model is INT8" in text for text in result.findings)


@pytest.mark.data
def test_dtln_goes_through_on_both_runtimes(shared_data: Path, tmp_path: Path) -> None:
    """The real model, on synthetic spectra: figures tell what quantization costs, not how well it cleans speech."""
    document = _document(tmp_path, lstm_net())
    np.savez(tmp_path / "x.npz", input_2=noisy_speech(10, 60))
    np.savez(tmp_path / "calibration.npz", input_2=noisy_speech(4, 60, seed=1).reshape(-1, 1, 257))
    document["data"]["calibration"]["frames"] = 60
    state = {"input_3": "tf_op_layer_stack_2"}
    document["model"] = {"path": str(shared_data / "models" / "model_1.onnx"), "state": state}
    result = run_document(document, tmp_path / "out")
    for runtime in RUNTIMES:
        run = run_of(result, runtime, "int8")
        assert run.status == "ok"
        assert run.parity is not None
        assert not run.parity.mismatches
        assert run.int8_mac_share == pytest.approx(32896 / 361088, rel=1e-3)
        assert (run.sqnr_db or 0) > 35
        assert run.error_by_position is not None
    direct = _direct(
        next((tmp_path / "out" / "artifacts" / "ort_cpu" / "S1" / "fp32").glob("artifact/*.onnx")),
        state, _shuffled(noisy_speech(10, 60)), result.model.compared_outputs,
    )  # fmt: skip
    for name, values in _stored(tmp_path, result, "cells", "ort_cpu", "S1", "fp32").items():
        np.testing.assert_array_equal(values, direct[name])
