"""Models of other kinds, and files that are none: what each is, why it is not taken, and a converter's command.

Judged by the first bytes, then by what a folder or zip holds, then by the name; nothing is loaded or run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelError

HEAD_BYTES = 4096
_ONNX_OF_IT = "Give the ONNX or PyTorch model it was made from."
_DOWNLOAD = "Download the file itself again."


@dataclass(frozen=True)
class Foreign:
    """One kind of file that is not taken.

    Attributes:
        title: with its article, such as "a TensorFlow Lite model".
        why: what it lacks; "" where the title says it all.
        how: a converter's command, `{path}` and `{stem}` standing for the file, or what to give instead.
    """

    title: str
    why: str
    how: str


_NO_GRAPH = "it holds weights, but no graph of the computation"
_COMPILED = "it is compiled for one device and no ONNX can be read back from it"
_TF2ONNX = (
    "Convert it: pip install tf2onnx tensorflow, then python -m tf2onnx.convert {flag} {{path}} --output {{stem}}.onnx"
)
_OF_TEXT = "Convert it: python -c \"import onnx; onnx.save(onnx.load('{{path}}', format='{form}'), '{{stem}}.onnx')\""

EMPTY = Foreign("an empty file", "it has 0 bytes", "Copy or download it again.")
LFS_POINTER = Foreign("a Git LFS pointer", "Git fetched a note of 130 bytes in place of the file", "Run: git lfs pull")
WEB_PAGE = Foreign("a web page", "a download gave an HTML page in place of the file", _DOWNLOAD)
WEB_ANSWER = Foreign("a JSON or XML text", "it holds no model; a download may have failed", _DOWNLOAD)
TFLITE = Foreign("a TensorFlow Lite model", "only ONNX and PyTorch are read", _TF2ONNX.format(flag="--tflite"))
SAVED_MODEL = Foreign(
    "a TensorFlow SavedModel", "only ONNX and PyTorch are read", _TF2ONNX.format(flag="--saved-model")
)
FROZEN_GRAPH = Foreign(
    "a TensorFlow graph",
    "only ONNX and PyTorch are read",
    _TF2ONNX.format(flag="--graphdef") + " --inputs INPUT:0 --outputs OUTPUT:0",
)
KERAS_H5 = Foreign("a Keras HDF5 model", "only ONNX and PyTorch are read", _TF2ONNX.format(flag="--keras"))
KERAS = Foreign(
    "a Keras model",
    "only ONNX and PyTorch are read",
    'Convert it: pip install keras tensorflow tf2onnx, then python -c "import keras; '
    "keras.saving.load_model('{path}').export('{stem}.onnx', format='onnx')\"",
)
OPENVINO = Foreign("an OpenVINO IR model", "there is no converter from it to ONNX", _ONNX_OF_IT)
COREML = Foreign("a Core ML model", "there is no converter from it to ONNX for today's models", _ONNX_OF_IT)
TENSORRT = Foreign("a TensorRT engine", _COMPILED, _ONNX_OF_IT)
ORT_FORMAT = Foreign("an ONNX Runtime .ort file", _COMPILED.replace("device", "runtime"), _ONNX_OF_IT)
ONNX_TEXT = Foreign("an ONNX model in text form", "only its binary form is read", _OF_TEXT.format(form="onnxtxt"))
ONNX_TEXTPROTO = Foreign(
    "an ONNX model in protobuf's text form", "only its binary form is read", _OF_TEXT.format(form="textproto")
)
ONNX_JSON = Foreign("an ONNX model as JSON", "only its binary form is read", _OF_TEXT.format(form="json"))
SAFETENSORS = Foreign(
    "a safetensors file", _NO_GRAPH,
    "Give a function that builds the network and loads them, as factory = \"module:function\", with "
    "safetensors.torch.load_file('{path}') in it; a model of Hugging Face: optimum-cli export onnx --model FOLDER out",
)  # fmt: skip
GGUF = Foreign("a GGUF file", _NO_GRAPH, _ONNX_OF_IT)
PADDLE = Foreign(
    "a PaddlePaddle model", "only ONNX and PyTorch are read",
    "Convert it: pip install paddle2onnx, then paddle2onnx --model_dir FOLDER --model_filename {stem}.pdmodel "
    "--params_filename {stem}.pdiparams --save_file {stem}.onnx",
)  # fmt: skip
TRANSFORMERS = Foreign(
    "a folder of Hugging Face Transformers", _NO_GRAPH,
    "Export it: pip install optimum[onnx], then optimum-cli export onnx --model {path} {stem}-onnx",
)  # fmt: skip
ARCHIVE = Foreign("a packed archive", "", "Unpack it, and give the model inside.")
NUMPY = Foreign(
    "a numpy file", "it holds arrays, which are data", "Give it as [data] path, and a model as [model] path."
)

MISNAMED_ONNX = Foreign("an ONNX file by its content, not by its name", "", "Give it a name that ends in .onnx.")
_IR_VERSION_TAG = 0x08
"""Every known exporter writes field 1 of ModelProto, ir_version, first."""

_BY_SUFFIX = {
    ".tflite": TFLITE, ".pb": FROZEN_GRAPH, ".h5": KERAS_H5, ".hdf5": KERAS_H5, ".keras": KERAS, ".mlmodel": COREML,
    ".mlpackage": COREML, ".mlmodelc": COREML, ".engine": TENSORRT, ".plan": TENSORRT, ".trt": TENSORRT,
    ".ort": ORT_FORMAT, ".onnxtxt": ONNX_TEXT, ".safetensors": SAFETENSORS, ".gguf": GGUF, ".pdmodel": PADDLE,
    ".pdiparams": PADDLE,
}  # fmt: skip
_FOR_ONE_RUNTIME = {
    ".mnn": "an MNN model", ".rknn": "a Rockchip RKNN model", ".om": "an Ascend model", ".dlc": "a Qualcomm DLC model",
    ".pte": "an ExecuTorch program", ".hef": "a Hailo model", ".nb": "a Paddle Lite model", ".param": "an ncnn model",
    ".caffemodel": "a Caffe model", ".prototxt": "a Caffe model",
}  # fmt: skip
_BY_SUFFIX |= {
    suffix: Foreign(title, "it is of one runtime, and no maintained tool reads ONNX back from it", _ONNX_OF_IT)
    for suffix, title in _FOR_ONE_RUNTIME.items()
}
_BY_HEAD: tuple[tuple[int, bytes, Foreign], ...] = (
    (0, b"version https://git-lfs.github.com/spec/", LFS_POINTER),
    (4, b"TFL3", TFLITE),
    (4, b"ORTM", ORT_FORMAT),
    (0, b"\x89HDF\r\n\x1a\n", KERAS_H5),
    (0, b"ftrt", TENSORRT),
    (0, b"ptrt", TENSORRT),
    (0, b"GGUF", GGUF),
    (8, b'{"', SAFETENSORS),
    (0, b"\x93NUMPY", NUMPY),
    (0, b"\x1f\x8b", ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (257, b"ustar", ARCHIVE),
)


def find_foreign(path: Path) -> Foreign | None:
    """Return what a file or folder is when it is known and neither ONNX nor PyTorch; None for all else."""
    try:
        if path.is_dir():
            return _of_folder(path)
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return None
    return _of_head(head) or _of_zip(path, head) or (None if _is_pytorch(head) else _of_name(path, head))


def lost_download(head: bytes) -> Foreign | None:
    """Return what stands in place of a file of any kind that was not fetched; None when it seems to be there.

    Args:
        head: its first bytes, `HEAD_BYTES` of them are enough.
    """
    found = _of_head(head)
    return found if found in (EMPTY, LFS_POINTER, WEB_PAGE) else None


def lost_file(path: Path) -> Foreign | None:
    """Return `lost_download` of a file; None when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return lost_download(stream.read(HEAD_BYTES))
    except OSError:
        return None


def refuse_foreign(path: Path) -> None:
    """Raise ModelError, with the way to mend it, when `path` is a known file that is not taken."""
    found = find_foreign(path)
    if found is not None:
        how = found.how.replace("{path}", str(path)).replace("{stem}", path.stem)
        raise ModelError(f"{path.name} is {found.title}", why=found.why, how=how)


def _of_head(head: bytes) -> Foreign | None:
    if not head:
        return EMPTY
    named = next((kind for start, magic, kind in _BY_HEAD if head[start : start + len(magic)] == magic), None)
    return named or _of_text(head)


def _of_text(head: bytes) -> Foreign | None:
    """Judge a file that begins like a text."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    rules: tuple[tuple[Callable[[], bool], Foreign], ...] = (
        (lambda: text.startswith((b"<!doctype html", b"<html")), WEB_PAGE),
        (lambda: text.startswith(b"<?xml") and b"<net " in text, OPENVINO),
        (lambda: text.startswith(b"<net "), OPENVINO),
        (lambda: text.startswith(b"<") and b"ir_version:" in text, ONNX_TEXT),
        (lambda: text.startswith((b"ir_version:", b"producer_name:")), ONNX_TEXTPROTO),
        (lambda: text.startswith(b"{") and (b'"ir_version"' in text or b'"irversion"' in text), ONNX_JSON),
        (lambda: text.startswith((b"<?xml", b"{")), WEB_ANSWER),
    )
    return next((kind for holds, kind in rules if holds()), None)


def _of_zip(path: Path, head: bytes) -> Foreign | None:
    """Judge a zip that is no PyTorch file: those hold `data.pkl` or `models/`, one folder down."""
    if not head.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    parts = [name.partition("/")[2] for name in names]
    if "data.pkl" in parts or any(part.startswith(("models/", "data/aotinductor/")) for part in parts):
        return None
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return KERAS
    if any(name.endswith(".npy") for name in names):
        return NUMPY
    inside = next((name for name in names if name.endswith((".onnx", ".pt", ".pt2", ".pth", ".mlmodel"))), "")
    return Foreign("a zip archive", f"it holds {inside}", "Unpack it, and give the model inside.") if inside else None


def _of_folder(path: Path) -> Foreign:
    names = sorted(item.name for item in path.iterdir())
    if "saved_model.pb" in names:
        return SAVED_MODEL
    if path.suffix.lower() in (".mlpackage", ".mlmodelc"):
        return COREML
    models = [name for name in names if name.lower().endswith((".onnx", ".pt2"))]
    if models:
        return Foreign("a folder", "", f"Give the model in it: {path / models[0]}")
    if "config.json" in names and any(name.endswith((".safetensors", ".bin")) for name in names):
        return TRANSFORMERS
    return Foreign("a folder", "a model is one file", "Give the .onnx file, or a PyTorch one.")


def _of_name(path: Path, head: bytes) -> Foreign | None:
    """Judge by the suffix; whatever its name, what begins like ONNX and has no known suffix is said to be ONNX."""
    suffix = path.suffix.lower()
    if path.name == "saved_model.pb":
        return Foreign("a part of a TensorFlow SavedModel", "", SAVED_MODEL.how.replace("{path}", str(path.parent)))
    if suffix == ".bin" and path.with_suffix(".xml").exists():
        return OPENVINO
    looks_like_onnx = len(head) > 1 and head[0] == _IR_VERSION_TAG and 2 < head[1] < 32 and suffix != ".onnx"
    return _BY_SUFFIX.get(suffix) or (MISNAMED_ONNX if looks_like_onnx else None)


def _is_pytorch(head: bytes) -> bool:
    return head.startswith((b"PK", b"\x80"))
