"""Data in, on real models and data: preprocessing and labels give the accuracy that is known for them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import workbench.model.data as data_module
from workbench.model.data import DataSpec, open_samples, overlap, sample_index_from_json, scan
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import Preprocess, preprocess_from_json


def top1(model: Path, spec: DataSpec, preprocess: Preprocess, class_offset: int = 0) -> float:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shape = tuple(axis if isinstance(axis, int) else str(axis) for axis in entry.shape)
    index = sample_index_from_json(scan(spec).to_json())
    samples = open_samples(spec, index, preprocess, (TensorSpec(entry.name, "float32", shape),))
    outputs = np.concatenate([session.run(None, feeds)[0] for feeds in samples.batches(8)]).reshape(samples.n, -1)
    assert samples.labels is not None
    return float((outputs[:, class_offset:].argmax(axis=1) == samples.labels).mean())


def test_every_public_name_is_there():
    assert all(hasattr(data_module, name) for name in data_module.__all__)


@pytest.mark.data
def test_mobilenet_on_imagenet_sample(shared_data):
    root = shared_data / "imagenet_sample"
    preprocess = Preprocess(resize_short=256, center_crop=224, mean=(127.5,) * 3, std=(127.5,) * 3)
    spec = DataSpec("images", root, str(root / "evaluation.csv"))
    model = shared_data / "models/mobilenet_v1_0.25_224.onnx"
    assert top1(model, spec, preprocess, class_offset=1) == pytest.approx(0.615, abs=0.011)
    assert top1(model, spec, preprocess, class_offset=0) < 0.05


@pytest.mark.data
def test_squeezenet_wants_bgr(shared_data):
    root = shared_data / "imagenet_sample"
    spec = DataSpec("images", root, str(root / "evaluation.csv"), limit=100)
    model = shared_data / "models/squeezenet1.1.onnx"
    keys = {"resize_short": 256, "center_crop": 227}
    bgr = top1(model, spec, Preprocess(**keys, color="BGR", mean=(104.0, 117.0, 123.0)))
    rgb = top1(model, spec, Preprocess(**keys, color="RGB", mean=(123.0, 117.0, 104.0)))
    assert bgr > 0.6
    assert bgr > rgb


@pytest.mark.data
def test_resnet8_on_cifar10_sample(shared_data):
    spec = DataSpec("images", shared_data / "cifar10_sample/evaluation")
    assert top1(shared_data / "models/resnet8.onnx", spec, Preprocess()) == pytest.approx(0.737, abs=0.004)


@pytest.mark.data
def test_keyword_spotting_on_arrays(shared_data):
    spec = DataSpec("arrays", shared_data / "kws_sample/evaluation.npz")
    assert top1(shared_data / "models/kws_dscnn.onnx", spec, Preprocess()) == pytest.approx(0.895, abs=0.003)


@pytest.mark.data
def test_calibration_and_evaluation_of_the_real_data_do_not_overlap(shared_data):
    root = shared_data / "imagenet_sample"
    calibration, evaluation = (
        scan(DataSpec("images", root, str(root / f"{name}.csv"))) for name in ("calibration", "evaluation")
    )
    assert (calibration.n, evaluation.n) == (50, 200)
    assert overlap(calibration, evaluation) == 0
    assert overlap(evaluation, evaluation) == 200


DEMO = Path(__file__).resolve().parents[3] / "resources" / "demo"


def test_the_bundled_study_reads_its_own_images_and_model():
    """Its section and the images that the model was trained for belong together."""
    study = tomllib.loads((DEMO / "study.toml").read_text(encoding="utf-8"))
    preprocess = preprocess_from_json(study["preprocess"])
    calibration, evaluation = (
        DataSpec(study["data"][part]["kind"], DEMO / study["data"][part]["path"])
        for part in ("calibration", "evaluation")
    )
    indices = scan(calibration), scan(evaluation)
    assert [(index.n, index.undecodable, index.label_range) for index in indices] == [
        (120, (), (0, 9)),
        (1000, (), (0, 9)),
    ]
    assert overlap(*indices) == 0
    assert top1(DEMO / study["model"]["path"], evaluation, preprocess) == pytest.approx(0.942, abs=0.003)


def test_the_bundled_study_is_small():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 2_500_000
