"""Files of other kinds are named, with the command of a converter or with what to give instead."""

from __future__ import annotations

import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net
from hypothesis import given
from hypothesis import strategies as st
from onnx.printer import to_text

from workbench.errors import ModelError
from workbench.model import foreign
from workbench.model.foreign import Foreign, find_foreign, refuse_foreign
from workbench.model.load import load_model

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FILES: list[tuple[str, bytes, Foreign]] = [
    ("model.onnx", b"", foreign.EMPTY),
    ("model.onnx", LFS, foreign.LFS_POINTER),
    ("model.pt", LFS, foreign.LFS_POINTER),
    ("model.pt2", b"\n<!DOCTYPE html>\n<html><head>", foreign.WEB_PAGE),
    ("model.onnx", b'{"error": "not found"}', foreign.WEB_ANSWER),
    ("model.onnx", b"\x1c\x00\x00\x00TFL3" + b"\0" * 40, foreign.TFLITE),
    ("model.tflite", b"\x1c\x00\x00\x00TFL3" + b"\0" * 40, foreign.TFLITE),
    ("model.ort", b"\x1c\x00\x00\x00ORTM" + b"\0" * 40, foreign.ORT_FORMAT),
    ("model.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 40, foreign.KERAS_H5),
    ("model.engine", b"ftrt" + b"\1" * 40, foreign.TENSORRT),
    ("model.plan", b"\1" * 40, foreign.TENSORRT),
    ("model.xml", b'<?xml version="1.0"?>\n<net name="a" version="11">', foreign.OPENVINO),
    ("model.mlmodel", b"\x08\x04\x12\x08", foreign.COREML),
    ("frozen.pb", b"\x0a\x10", foreign.FROZEN_GRAPH),
    ("model.safetensors", struct.pack("<Q", 60) + b'{"a":{"dtype":"F32"}}', foreign.SAFETENSORS),
    ("model.gguf", b"GGUF\3\0\0\0", foreign.GGUF),
    ("inference.pdmodel", b"\x0a\x10", foreign.PADDLE),
    ("model.tar.gz", b"\x1f\x8b\x08\x00", foreign.ARCHIVE),
    ("model", b"\x08\x08\x12\x07pytorch", foreign.MISNAMED_ONNX),
]


@pytest.mark.parametrize(("name", "content", "kind"), FILES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(FILES)])
def test_known_files_are_named(name: str, content: bytes, kind: Foreign, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert find_foreign(path) == kind
    with pytest.raises(ModelError) as caught:
        refuse_foreign(path)
    assert str(caught.value).startswith(f"{name} is {kind.title}")
    assert "{" not in str(caught.value)
    with pytest.raises(ModelError, match=name):
        load_model(path)


def test_every_format_says_what_to_do() -> None:
    kinds = [value for value in vars(foreign).values() if isinstance(value, Foreign)]
    assert len(kinds) > 20
    assert all(kind.how and kind.title for kind in kinds)


@pytest.mark.parametrize(
    ("form", "kind"),
    [("onnxtxt", foreign.ONNX_TEXT), ("textproto", foreign.ONNX_TEXTPROTO), ("json", foreign.ONNX_JSON)],
)
@pytest.mark.filterwarnings("ignore:The onnxtxt format is experimental")
def test_text_forms_of_onnx_are_named_with_a_command_that_reads_them(form: str, kind: Foreign, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    if form == "onnxtxt":
        path.write_text(to_text(conv_relu_net()), encoding="utf-8")
    else:
        onnx.save(conv_relu_net(), path, format=form)
    assert find_foreign(path) == kind
    assert f"format='{form}'" in kind.how
    assert [node.name for node in onnx.load(path, format=form).graph.node] == [
        node.name for node in conv_relu_net().graph.node
    ]


def test_zips_are_told_by_their_members(tmp_path: Path) -> None:
    for members, kind in (
        (("config.json", "metadata.json", "model.weights.h5"), foreign.KERAS.title),
        (("deploy/net.onnx", "readme"), "a zip archive"),
    ):
        path = tmp_path / "some.keras"
        with zipfile.ZipFile(path, "w") as archive:
            for member in members:
                archive.writestr(member, b"x")
        found = find_foreign(path)
        assert found is not None
        assert found.title == kind
    np.savez(tmp_path / "a.npz", x=np.zeros(2))
    assert find_foreign(tmp_path / "a.npz") == foreign.NUMPY


@pytest.mark.parametrize(
    ("folder", "files", "word"),
    [
        ("saved", ("saved_model.pb", "variables/x"), "--saved-model"),
        ("net.mlpackage", ("Manifest.json",), "Core ML"),
        ("bert", ("config.json", "model.safetensors"), "optimum-cli"),
        ("export", ("config.json", "model.onnx"), "model.onnx"),
        ("empty", (), "one file"),
    ],
)
def test_folders_are_told_by_their_files(folder: str, files: tuple[str, ...], word: str, tmp_path: Path) -> None:
    path = tmp_path / folder
    path.mkdir()
    for name in files:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match=word):
        load_model(path)


def test_models_and_unknown_bytes_are_not_foreign(tmp_path: Path) -> None:
    onnx.save(conv_relu_net(), tmp_path / "model.onnx")
    assert find_foreign(tmp_path / "model.onnx") is None
    (tmp_path / "noise.onnx").write_bytes(bytes(range(7, 250)))
    assert find_foreign(tmp_path / "noise.onnx") is None
    assert find_foreign(tmp_path / "absent.tflite") is None
    for members in (("model/data.pkl",), ("net/models/model.json", "net/data/sample_inputs/model.pt")):
        with zipfile.ZipFile(tmp_path / "net.pt2", "w") as archive:
            for member in members:
                archive.writestr(member, b"{}")
        assert find_foreign(tmp_path / "net.pt2") is None


def test_the_weights_beside_an_openvino_graph_are_its(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(b"\1" * 30)
    assert find_foreign(tmp_path / "net.bin") is None
    (tmp_path / "net.xml").write_bytes(b"<net")
    assert find_foreign(tmp_path / "net.bin") == foreign.OPENVINO


def test_the_graph_of_a_saved_model_names_its_folder(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "saved_model.pb").write_bytes(b"\x08\x01\x12\x02")
    with pytest.raises(ModelError, match=rf"--saved-model {tmp_path}/net --output") as caught:
        refuse_foreign(tmp_path / "net" / "saved_model.pb")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("suffix", "word"), [(".rknn", "RKNN"), (".MNN", "MNN"), (".caffemodel", "Caffe")])
def test_models_of_one_runtime_ask_for_what_they_were_made_from(suffix: str, word: str, tmp_path: Path) -> None:
    (tmp_path / f"net{suffix}").write_bytes(b"\1" * 40)
    with pytest.raises(ModelError, match=f"{word} model.*made from"):
        refuse_foreign(tmp_path / f"net{suffix}")


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_without_an_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("m.onnx", "m", "m.pb"):
            path = Path(folder) / name
            path.write_bytes(content)
            found = find_foreign(path)
            assert found is None or (found.title and found.how)


def test_a_model_of_another_name_still_loads(tmp_path: Path) -> None:
    onnx.save(conv_relu_net(), tmp_path / "model.pb")
    assert load_model(tmp_path / "model.pb").inputs
