"""A PyTorch model named on the command line is turned into ONNX for a moment, after leave to run it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from helpers.small_studies import complaint, run_command

from workbench.cli import onnx_source
from workbench.cli.onnx_source import onnx_of
from workbench.errors import CodeNotAllowedError, ModelError

FACTORY = """
import torch


def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()), torch.zeros(1, 3, 8, 8)
"""


def program(folder: Path) -> Path:
    """A file that looks like a torch.export archive."""
    with zipfile.ZipFile(folder / "model.pt2", "w") as archive:
        archive.writestr("model/models/model.json", "{}")
    return folder / "model.pt2"


def test_an_onnx_file_is_given_as_it_is(tmp_path: Path) -> None:
    with onnx_of(str(tmp_path / "model.onnx"), allow_code=False) as (path, words):
        assert (path, words) == (tmp_path / "model.onnx", [])


def test_code_needs_leave_and_other_kinds_are_named_first(tmp_path: Path) -> None:
    for source in (str(program(tmp_path)), "package.module:make"):
        with pytest.raises(CodeNotAllowedError, match="--allow-code"), onnx_of(source, allow_code=False):
            pass
    (tmp_path / "weights.pth").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelError, match="is a pickle"), onnx_of(str(tmp_path / "weights.pth"), allow_code=False):
        pass
    with pytest.raises(ModelError, match="neither a file nor"), onnx_of(str(tmp_path / "no.pt2"), allow_code=True):
        pass


def test_a_worker_gets_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def imported(source: str, out: Path) -> dict[str, object]:
        asked.append(source)
        report = {"kind": "torch.export", "sqnr_db": None, "agreement": None, "torch_version": "2", "samples": 1}
        return {**report, "notes": ["note"]}

    monkeypatch.setattr(onnx_source, "_imported", imported)
    path = program(tmp_path)
    monkeypatch.chdir(tmp_path)
    with onnx_of(path.name, allow_code=True) as (_, words):
        assert words[1:] == ["note"]
    with onnx_of("package.module:make", allow_code=True):
        pass
    assert asked == [str(path), "package.module:make"]


def test_inspect_shows_a_factory_with_its_distance_to_torch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="torch is not installed; it comes with the extra [torch]")
    (tmp_path / "net_to_inspect.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    assert run_command(["inspect", "net_to_inspect:make", "--allow-code"]) == 0
    shown = capsys.readouterr().out
    assert "imported from factory with torch" in shown
    assert "dB against torch" in shown
    assert "[batch, 3, 8, 8]" in shown
    assert "Conv 1" in shown


def test_inspect_says_which_leave_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["inspect", program(tmp_path)]) == 1
    assert "--allow-code" in complaint(capsys.readouterr().err)
