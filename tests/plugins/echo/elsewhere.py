"""Echo without the program: the smallest stand-alone file. It needs numpy, onnx and Python 3.9."""

from __future__ import annotations

import numpy as np


def probe():
    """Return versions, and what is missing in one line or None."""
    try:
        import onnx
    except ImportError as error:
        return {}, f"onnx is missing ({error}): pip install onnx"
    return {"onnx": onnx.__version__}, None


def open_model(artifact, options):
    """Open a model; `options` has precision, threads, batch, settings, inputs, outputs and linear_nodes."""
    return Model(artifact)


class Model:
    """An opened model."""

    def __init__(self, artifact):
        import onnx
        from onnx.reference import ReferenceEvaluator

        self._version = onnx.__version__
        self._evaluator = ReferenceEvaluator(onnx.load(artifact / "model.onnx"))

    def run(self, feeds):
        """Run one batch; the arrays returned are the caller's."""
        names = self._evaluator.output_names
        return {name: np.array(value) for name, value in zip(names, self._evaluator.run(names, dict(feeds)))}

    def facts(self):
        """Return texts for the sheet."""
        return {"evaluator": f"onnx {self._version}"}

    def close(self):
        """Free everything."""
        self._evaluator = None
