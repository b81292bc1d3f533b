"""Recurrent models with state as input and output, and frames to feed them: seeded, made in code.

No recordings are used: `noisy_speech` makes magnitude spectra of filtered noise whose loudness and formants move as
those of speech do. They exercise the numbers; how well a net cleans speech they cannot tell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from helpers.onnx_models import Builder

FRAMES_PER_S = 125.0
"""Of 512-sample windows every 128 samples at 16 kHz."""
LSTM_STATE = {"h": "h_next", "c": "c_next"}


def lstm_net(seed: int = 0, features: int = 8, hidden: int = 16) -> onnx.ModelProto:
    """MatMul, LSTM, MatMul, Add, Sigmoid.

    Inputs "frame" [1,1,features], "h" and "c" [1,1,hidden]; outputs "mask" [1,1,features], "h_next", "c_next".
    """
    b = Builder(seed)
    x = b.node("MatMul", ["frame", b.weight("in_w", features, hidden, gain=2.0)], "projected")
    y = _lstm(b, x, hidden, hidden)
    y = b.node("Squeeze", [y, b.constant("axis", [1], np.int64)], "hidden")
    y = b.node("MatMul", [y, b.weight("out_w", hidden, features, gain=3.0)], "product")
    y = b.node("Add", [y, b.constant("out_b", b.rng.standard_normal(features) * 0.1)], "scores")
    b.node("Sigmoid", [y], "mask")
    return _model(b, features, hidden, "mask", features)


def lstm_alone(seed: int = 0, features: int = 8, hidden: int = 16) -> onnx.ModelProto:
    """One LSTM and nothing else, of which no scheme quantizes anything. As `lstm_net`, but "mask" is [1,1,hidden]."""
    b = Builder(seed)
    y = _lstm(b, "frame", features, hidden)
    b.node("Squeeze", [y, b.constant("axis", [1], np.int64)], "mask")
    return _model(b, features, hidden, "mask", hidden)


def _lstm(b: Builder, x: str, features: int, hidden: int) -> str:
    weights = [
        b.constant("lstm_w", b.rng.standard_normal((1, 4 * hidden, features)) / np.sqrt(features)),
        b.constant("lstm_r", b.rng.standard_normal((1, 4 * hidden, hidden)) / np.sqrt(hidden)),
        b.constant("lstm_b", b.rng.standard_normal((1, 8 * hidden)) * 0.1),
    ]
    node = onnx.helper.make_node(
        "LSTM", [x, *weights, "", "h", "c"], ["lstm_y", *LSTM_STATE.values()], name="lstm_node", hidden_size=hidden
    )
    b.nodes.append(node)
    return "lstm_y"


def _model(b: Builder, features: int, hidden: int, output: str, width: int) -> onnx.ModelProto:
    state = [1, 1, hidden]
    return b.model(
        {"frame": [1, 1, features], "h": state, "c": state},
        {output: [1, 1, width], **dict.fromkeys(LSTM_STATE.values(), state)},
    )


def noisy_speech(sequences: int, frames: int, bins: int = 257, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return magnitude spectra float32 [sequences, frames, 1, bins].

    Each bin is the magnitude of complex noise (Rayleigh) under an envelope: three formants that wander, switched on and
    off about four times a second as syllables are, over a constant background 20 dB below.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / FRAMES_PER_S
    place = np.linspace(0.0, 1.0, bins)
    spectra = np.empty((sequences, frames, 1, bins), np.float32)
    for number in range(sequences):
        syllables = np.clip(np.sin(2 * np.pi * (rng.uniform(3, 5) * time + rng.uniform())) + 0.3, 0, None)
        envelope = np.full((frames, bins), 0.1)
        for centre, width in ((0.08, 0.03), (0.22, 0.05), (0.4, 0.08)):
            moved = centre * (1 + 0.2 * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * time + rng.uniform())))
            bell = np.exp(-(((place[None, :] - moved[:, None]) / width) ** 2))
            envelope += rng.uniform(0.5, 2.0) * syllables[:, None] * bell
        spectra[number, :, 0] = envelope * rng.rayleigh(1.0, (frames, bins))
    return spectra
