"""Importing PyTorch models: every kind of source, the check against torch, and what is refused."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from workbench.errors import CodeNotAllowedError, MissingPartError, ModelError
from workbench.execution import importers
from workbench.execution.importers import ImportReport, import_model

MODELS = '''
import torch
from torch import nn


class ResNetLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.one = nn.Conv2d(8, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 5)

    def forward(self, image):
        x = self.stem(image)
        x = torch.relu(x + self.two(torch.relu(self.one(x))))
        return self.head(x.mean((2, 3)))


class EncoderLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.feed = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 3)

    def forward(self, tokens):
        x = self.embed(tokens)
        x = self.norm(x + self.attention(x, x, x, need_weights=True)[0])
        return self.head((x + self.feed(x)).mean(1))


class LstmLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(10, 12, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, frames):
        return self.head(self.lstm(frames)[0][:, -1])


class TwoInputs(nn.Module):
    def forward(self, left, right):
        return left * 2 + right, left - right


def seeded(model):
    generator = torch.Generator().manual_seed(7)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) - (0.0 if tensor.ndim == 1 else 0.5))
    return model.eval()


def resnet():
    return seeded(ResNetLike()), (torch.zeros(1, 3, 16, 16),)


def encoder():
    return seeded(EncoderLike()), (torch.arange(9).reshape(1, 9) % 30,)


def lstm():
    return seeded(LstmLike()), (torch.zeros(1, 6, 10),)


def bare():
    return seeded(ResNetLike())


def two_inputs():
    return TwoInputs(), (torch.zeros(1, 4), torch.zeros(1, 4))


def nothing():
    return 5


def failing():
    raise RuntimeError("the weights are on another planet")
'''
MODEL_NAMES = ("resnet", "encoder", "lstm")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch", reason="torch is not installed; it comes with the extra [torch]")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, torch: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("package")
    (folder / "models_to_import.py").write_text(MODELS)
    return folder


@pytest.fixture(scope="module")
def factories(package: Path) -> ModuleType:
    namespace = ModuleType("models_in_test")
    exec(compile(MODELS, "models", "exec"), namespace.__dict__)
    return namespace


def quietly(torch_call: Callable[[], Any]) -> Any:
    """Run torch's own savers, whose notices are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch_call()


def save_as(kind: str, name: str, torch: Any, factories: Any, folder: Path) -> str:
    if kind == "factory":
        return f"models_to_import:{name}"
    model, examples = getattr(factories, name)()
    if kind == "TorchScript":
        torch.backends.mha.set_fastpath_enabled(False)  # its fused operator exists in no ONNX exporter
        path = folder / f"{name}.pt"
        with torch.no_grad():
            quietly(lambda: torch.jit.trace(model, examples, check_trace=False).save(str(path)))
        return str(path)
    path = folder / f"{name}.pt2"
    pair = tuple(torch.cat([value, value]) for value in examples)
    shapes = tuple({0: torch.export.Dim("batch")} for _ in pair)
    with torch.no_grad():
        quietly(lambda: torch.export.save(torch.export.export(model, pair, dynamic_shapes=shapes), str(path)))
    return str(path)


def feeds_of(name: str, n: int = 4) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    if name == "encoder":
        return [{"tokens": rng.integers(0, 30, (1, 9))} for _ in range(n)]
    shapes = {"resnet": ("image", (1, 3, 16, 16)), "lstm": ("frames", (1, 6, 10))}
    key, shape = shapes[name]
    return [{key: rng.standard_normal(shape).astype(np.float32)} for _ in range(n)]


@pytest.mark.parametrize("name", MODEL_NAMES)
@pytest.mark.parametrize("kind", ["torch.export", "TorchScript", "factory"])
def test_a_model_comes_in_and_computes_the_same(
    kind: str, name: str, torch: Any, factories: Any, package: Path, tmp_path: Path
) -> None:
    source = save_as(kind, name, torch, factories, tmp_path)
    report = import_model(source, tmp_path / "out.onnx", feeds_of(name) if kind == "TorchScript" else None, True, [package])
    print(kind, name, report)
    assert report.kind == kind
    assert report.sqnr_db is None or report.sqnr_db >= 80.0
    assert report.agreement == 1.0
    proto = onnx.load(tmp_path / "out.onnx")
    onnx.checker.check_model(proto)
    assert [value.name for value in proto.graph.input] == [{"resnet": "image", "encoder": "tokens", "lstm": "frames"}[name]]
    assert proto.opset_import[0].version == report.opset
