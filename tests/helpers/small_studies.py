"""A small model with data on disk and its study file, for tests that go through the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from helpers.onnx_models import conv_relu_net
from PIL import Image

from workbench.cli import main

SHAPE = (3, 16, 16)
PROGRESS = re.compile(r"^([-+=!] |  )")
STUDY = """\
schema_version = 1
[model]
path = "model.onnx"
[data.calibration]
kind = "arrays"
path = "calibration.npz"
[data.evaluation]
kind = "arrays"
path = "evaluation.npz"
[task]
kind = "classification"
[[runtimes]]
id = "ort_cpu"
name = "ort_cpu"
[measure]
profile = "none"
"""
IMAGE_STUDY = """\
schema_version = 1
[model]
path = "model.onnx"
[data.calibration]
path = "images"
[data.evaluation]
path = "images"
[preprocess]
resize = [16, 16]
mean = [127.5, 127.5, 127.5]
std = [127.5, 127.5, 127.5]
[task]
kind = "classification"
[[runtimes]]
id = "ort_cpu"
name = "ort_cpu"
precisions = ["fp32"]
[measure]
profile = "none"
"""


def write_workplace(folder: Path, n: int = 24) -> Path:
    """Write model.onnx, calibration.npz, evaluation.npz (labelled), images/<class>/ and study.toml; returns folder."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(conv_relu_net(1), str(folder / "model.onnx"))
    arrays = {"input": rng.standard_normal((n, *SHAPE)).astype(np.float32)}
    np.savez(folder / "calibration.npz", **arrays)
    arrays = {"input": rng.standard_normal((n, *SHAPE)).astype(np.float32)}
    np.savez(folder / "evaluation.npz", labels=rng.integers(0, 10, n), **arrays)
    for name in ("ant", "bee"):
        (folder / "images" / name).mkdir(parents=True, exist_ok=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{i}.jpg")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    (folder / "images.toml").write_text(IMAGE_STUDY, encoding="utf-8")
    return folder


def run_command(arguments: Sequence[object]) -> int:
    """Run the command line in this process; a usage error gives its exit code too."""
    try:
        return main([str(value) for value in arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


def complaint(stderr: str) -> str:
    """Return the one line that a failed command printed besides progress lines; the test fails on more or fewer."""
    lines = [line for line in stderr.splitlines() if line and not PROGRESS.match(line)]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("int8-workbench: "), stderr
    return lines[0].removeprefix("int8-workbench: ")
