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
from workbench.execution.importers import ImportReport, SampleFeeds, import_model

MODELS = """
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
        self.qkv = nn.Linear(16, 48)
        self.norm = nn.LayerNorm(16)
        self.feed = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 3)

    def attend(self, x):
        q, k, v = self.qkv(x).reshape(-1, 9, 3, 4, 4).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / 2.0, -1)
        return (weights @ v).transpose(1, 2).reshape(-1, 9, 16)

    def forward(self, tokens):
        x = self.embed(tokens)
        x = self.norm(x + self.attend(x))
        return self.head((x + self.feed(x)).mean(1))


class MultiHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, frames):
        return self.attention(frames, frames, frames)[0]


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


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x, unused=None, *, gate=None):
        hidden = self.layer(x)
        return {"logits": hidden * gate, "nothing": None, "hidden": hidden}


class Noisy(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5)


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


def multihead():
    return seeded(MultiHead()), (torch.zeros(1, 5, 8),)


def fixed():
    class Fixed(nn.Module):
        def forward(self, x):
            return (x.reshape(1, 12) * torch.arange(12.0)).reshape(1, 3, 4)

    return Fixed(), (torch.zeros(1, 3, 4),)


def not_a_number():
    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x)

    return Log(), (torch.zeros(1, 4),)


def bare():
    return seeded(ResNetLike())


def two_inputs():
    return TwoInputs(), (torch.zeros(1, 4), torch.zeros(1, 4))


def gated():
    return seeded(Gated()).bfloat16(), {"x": torch.zeros(1, 4), "gate": torch.zeros(1, 3)}


def noisy():
    return Noisy(), torch.zeros(1, 8)


def nothing():
    return 5


def failing():
    raise RuntimeError("the weights are on another planet")
"""
INPUT_NAMES = {"resnet": "image", "encoder": "tokens", "lstm": "frames"}
MODEL_NAMES = tuple(INPUT_NAMES)


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
    feeds = feeds_of(name) if kind == "TorchScript" else None
    report = import_model(source, tmp_path / "out.onnx", feeds, True, [package])
    assert report.kind == kind
    assert report.sqnr_db is None or report.sqnr_db >= 80.0
    assert report.agreement == 1.0
    assert report.dynamic_batch
    proto = onnx.load(tmp_path / "out.onnx")
    onnx.checker.check_model(proto)
    assert [value.name for value in proto.graph.input] == [INPUT_NAMES[name]]
    assert proto.opset_import[0].version == report.opset
    assert not [item for item in tmp_path.iterdir() if item.name.startswith(".import-")]


@pytest.mark.parametrize("kind", ["torch.export", "factory"])
def test_multihead_attention_comes_in(kind: str, torch: Any, factories: Any, package: Path, tmp_path: Path) -> None:
    source = save_as(kind, "multihead", torch, factories, tmp_path)
    report = import_model(source, tmp_path / "out.onnx", None, True, [package])
    assert report.sqnr_db is None or report.sqnr_db >= 80.0


def test_traced_multihead_attention_is_refused_with_a_way_out(torch: Any, factories: Any, tmp_path: Path) -> None:
    source = save_as("TorchScript", "multihead", torch, factories, tmp_path)
    feeds = [{"frames": np.ones((1, 5, 8), np.float32)}]
    with pytest.raises(ModelError, match=r"_native_multi_head_attention.*torch\.export") as caught:
        import_model(source, tmp_path / "out.onnx", feeds, True)
    assert "\n" not in str(caught.value)


def test_the_same_source_gives_the_same_bytes_without_paths_and_traces(package: Path, tmp_path: Path) -> None:
    for name in ("one.onnx", "two.onnx"):
        import_model("models_to_import:resnet", tmp_path / name, None, True, [package])
    one, two = (tmp_path / "one.onnx").read_bytes(), (tmp_path / "two.onnx").read_bytes()
    assert one == two
    assert b".py" not in one
    assert str(package).encode() not in one


def test_a_batch_that_the_model_fixes_is_said(package: Path, tmp_path: Path) -> None:
    report = import_model("models_to_import:fixed", tmp_path / "out.onnx", None, True, [package])
    assert not report.dynamic_batch
    assert "batch is fixed at 1" in report.notes[0]
    assert report.sqnr_db is None or report.sqnr_db > 80.0
    assert onnx.load(tmp_path / "out.onnx").graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_a_program_saved_with_a_fixed_batch_says_so(torch: Any, factories: Any, tmp_path: Path) -> None:
    model, examples = factories.resnet()
    with torch.no_grad():
        quietly(lambda: torch.export.save(torch.export.export(model, examples), str(tmp_path / "m.pt2")))
    report = import_model(str(tmp_path / "m.pt2"), tmp_path / "out.onnx", feeds_of("resnet"), True)
    assert not report.dynamic_batch
    assert any("saved for a batch of 1" in note for note in report.notes)
    assert report.samples == 4


def test_a_bare_module_takes_its_shapes_from_the_data(package: Path, tmp_path: Path) -> None:
    report = import_model("models_to_import:bare", tmp_path / "out.onnx", feeds_of("resnet"), True, [package])
    assert report.sqnr_db is None or report.sqnr_db >= 80.0
    assert "Compared with torch on the given data." in report.notes
    with pytest.raises(ModelError, match="input shapes of models_to_import:bare are not known"):
        import_model("models_to_import:bare", tmp_path / "no.onnx", None, True, [package])
    feeds = [{"a": np.zeros((1, 3)), "b": np.zeros((1, 3))}]
    with pytest.raises(ModelError, match="do not fit the inputs"):
        import_model("models_to_import:bare", tmp_path / "no.onnx", feeds, True, [package])


def test_several_inputs_and_outputs_keep_their_names_and_order(package: Path, tmp_path: Path) -> None:
    report = import_model("models_to_import:two_inputs", tmp_path / "out.onnx", None, True, [package])
    proto = onnx.load(tmp_path / "out.onnx")
    assert [value.name for value in proto.graph.input] == ["left", "right"]
    assert len(proto.graph.output) == 2
    assert report.sqnr_db is None  # bit for bit


def test_keywords_in_and_a_dict_out_keep_their_names_and_half_weights_become_float32(
    package: Path, tmp_path: Path
) -> None:
    report = import_model("models_to_import:gated", tmp_path / "out.onnx", None, True, [package])
    proto = onnx.load(tmp_path / "out.onnx")
    assert [value.name for value in proto.graph.input] == ["x", "gate"]
    assert [value.name for value in proto.graph.output] == ["logits", "hidden"]
    values = (*proto.graph.input, *proto.graph.output)
    assert {value.type.tensor_type.elem_type for value in values} == {onnx.TensorProto.FLOAT}
    assert {value.type.tensor_type.shape.dim[0].dim_param for value in values} == {"batch"}
    assert "bfloat16 weights" in report.notes[0]
    assert report.sqnr_db is None or report.sqnr_db > 100.0


def test_samples_are_asked_once_by_the_files_own_inputs(torch: Any, factories: Any, tmp_path: Path) -> None:
    source = save_as("TorchScript", "resnet", torch, factories, tmp_path)
    asked: list[str] = []

    def own() -> list[dict[str, Any]]:
        asked.append("own")
        return [{"any": feed["image"]} for feed in feeds_of("resnet", 1)]

    def of(written: Path) -> list[dict[str, Any]]:
        asked.append(onnx.load(written).graph.input[0].name)
        return feeds_of("resnet")

    report = import_model(source, tmp_path / "out.onnx", SampleFeeds(own, of), True)
    assert asked == ["own", "image"]
    assert report.samples == 7
    assert "Compared with torch on the given data." in report.notes


def test_code_is_not_loaded_unless_allowed(torch: Any, factories: Any, package: Path, tmp_path: Path) -> None:
    for source in (save_as("TorchScript", "resnet", torch, factories, tmp_path), "models_to_import:failing"):
        with pytest.raises(CodeNotAllowedError, match="--allow-code"):
            import_model(source, tmp_path / "out.onnx", None, False, [package])
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("failing", "another planet"),
        ("nothing", "returned int, not a torch.nn.Module"),
        ("absent", "no attribute 'absent'"),
        ("not_a_number", "not finite"),
        ("noisy", "answers the same inputs otherwise each time"),
    ],
)
def test_a_factory_that_fails_is_one_line(function: str, message: str, package: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        import_model(f"models_to_import:{function}", tmp_path / "out.onnx", None, True, [package])
    assert "\n" not in str(caught.value)
    assert str(package) not in sys.path
    assert not (tmp_path / "out.onnx").exists()


def test_an_onnx_file_that_departs_is_refused_and_not_left_behind(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importers.strip_traces

    def damage(path: Path) -> bool:
        dynamic = real(path)
        proto = onnx.load(path)
        for tensor in proto.graph.initializer:
            if len(tensor.dims) == 4:
                values = onnx.numpy_helper.to_array(tensor).copy()
                values[0] *= 1.1
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        onnx.save(proto, path)
        return dynamic

    monkeypatch.setattr(importers, "strip_traces", damage)
    with pytest.raises(ModelError, match=r"SQNR \d+\.\d dB, at least 60 dB is asked; \d+\.\d % equal answers"):
        import_model("models_to_import:resnet", tmp_path / "out.onnx", None, True, [package])
    assert not list(tmp_path.iterdir())


def test_a_damaged_program_is_one_line(torch: Any, factories: Any, tmp_path: Path) -> None:
    good = Path(save_as("torch.export", "resnet", torch, factories, tmp_path))
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(good.read_bytes()[:-200])
    with pytest.raises(ModelError) as caught:
        import_model(str(cut), tmp_path / "out.onnx", None, True)
    assert "\n" not in str(caught.value)


def test_without_torch_the_install_line_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPartError, match=r'pip install "torch==[0-9.]+" "onnxscript"'):
        import_model("package.module:function", tmp_path / "out.onnx", None, True)


def test_torch_keeps_its_thread_count(torch: Any, package: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    import_model("models_to_import:two_inputs", tmp_path / "out.onnx", None, True, [package])
    assert torch.get_num_threads() == before


def test_a_report_is_json_ready() -> None:
    report = ImportReport("factory", None, 1.0, 4, 18, True, "2.13.0", ("note",))
    assert report.to_json()["notes"] == ["note"]
