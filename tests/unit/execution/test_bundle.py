"""Samples as JSON: another process opens the same ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds

from workbench.errors import DataError, FileFormatError
from workbench.execution.bundle import bundle_json, open_bundle, tensor_spec_from_json
from workbench.files import write_json_atomic
from workbench.model.data import DataSpec, scan
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import Preprocess

INPUT = TensorSpec("input", "float32", ("N", 3, 16, 16))


def _bundle(folder: Path, name: str = "input") -> dict[str, object]:
    feeds = random_feeds(conv_relu_net(), 5)
    np.savez(folder / "x.npz", **{name: feeds["input"]})
    spec = DataSpec("arrays", folder / "x.npz", seed=4)
    write_json_atomic(folder / "index.json", scan(spec).to_json())
    return bundle_json(spec, folder / "index.json", Preprocess(), [INPUT])


def test_a_bundle_goes_through_json_and_gives_the_same_samples(tmp_path: Path) -> None:
    samples = open_bundle(json.loads(json.dumps(_bundle(tmp_path))))
    order = np.random.default_rng(4).permutation(5)
    values = np.concatenate([feeds["input"] for feeds in samples.batches(2)])
    assert np.array_equal(values, random_feeds(conv_relu_net(), 5)["input"][order])


def test_a_bundle_tells_what_is_fed_back(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 4, 2), np.float32))
    spec = DataSpec("arrays", tmp_path / "x.npz")
    write_json_atomic(tmp_path / "index.json", scan(spec).to_json())
    inputs = [TensorSpec(name, "float32", (1, 2)) for name in ("x", "h")]
    bundle = bundle_json(spec, tmp_path / "index.json", Preprocess(), inputs, {"h": "h_next"})
    samples = open_bundle(json.loads(json.dumps(bundle)))
    assert samples.feedback is not None
    assert (samples.feedback.outputs, samples.feedback.frames, samples.n) == ({"h": "h_next"}, 4, 12)
    assert open_bundle(_bundle(tmp_path)).feedback is None


def test_specs_survive(tmp_path: Path) -> None:
    document = json.loads(json.dumps(_bundle(tmp_path)))["inputs"][0]
    assert tensor_spec_from_json(document) == INPUT


def test_a_bundle_that_does_not_fit_or_is_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        open_bundle({**_bundle(tmp_path), "inputs": [{"name": "input", "dtype": "float32", "shape": ["N", 5]}]})
    bundle = _bundle(tmp_path)
    document = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**document, "content_sha256": ["0"] * 5}))
    with pytest.raises(FileFormatError):
        open_bundle(bundle)
