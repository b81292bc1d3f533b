"""Reads every quantization parameter back from a Q/DQ ONNX file, knowing nothing of the plan."""

from __future__ import annotations

from pathlib import Path

from workbench.quant.parity import RealisedParameters


def read_qdq(artifact: Path) -> RealisedParameters:
    """Read tensors, weights and biases from a Q/DQ file. Raises ModelError."""
    raise NotImplementedError
