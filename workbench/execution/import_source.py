"""What a PyTorch source is, judged without running any of it: the content of a file, or the name of a factory."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from workbench.errors import CodeNotAllowedError, ModelError
from workbench.execution.import_pickle import describe_pickle, how_to_load
from workbench.model.foreign import refuse_foreign

Kind = Literal["torch.export", "TorchScript", "factory"]

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PICKLE_PROTOCOL = b"\x80"
_SUFFIXES = (".pt", ".pt2", ".pth", ".ckpt")
_AGAIN = "Copy, download or save it again."
_PROGRAM = 'a program with torch.export.save(torch.export.export(model, example_inputs), "model.pt2")'
_EXPORTABLE = f"Save {_PROGRAM}, or name a factory as package.module:function."


def is_pytorch(source: str) -> bool:
    """Whether a source can only be PyTorch: a factory's name, or a file that begins like a zip or a pickle."""
    path = Path(source)
    if not path.exists():
        return bool(_FACTORY.fullmatch(source)) or path.suffix in _SUFFIXES
    try:
        with path.open("rb") as stream:
            return stream.read(2).startswith((b"PK", _PICKLE_PROTOCOL)) and path.suffix != ".onnx"
    except OSError:
        return False


def refuse_code(source: str) -> CodeNotAllowedError:
    """Return the error for a source that may not run code."""
    name = Path(source).name
    return CodeNotAllowedError(
        f"{name} is code",
        why="loading it may run anything its author wrote",
        how="Allow it with --allow-code; in the window on the Run page.",
    )


def find_kind(source: str) -> Kind:
    """Tell what `source` is from its zip directory or its spelling; nothing of it is loaded.

    Raises:
        ModelError: absent, cut off, of another kind (with its converter's command), or a pickle (a module or a state
            dict), with what to give instead.
    """
    path = Path(source)
    if path.exists():
        return _kind_of_file(path)
    if _FACTORY.fullmatch(source):
        return "factory"
    raise ModelError(
        f"{source} is neither a file nor a factory",
        why="there is no such file, and a factory is spelled package.module:function",
        how="Mend the path, or give an .onnx, .pt2 or TorchScript .pt file.",
    )


def _kind_of_file(path: Path) -> Kind:
    refuse_foreign(path)
    if not zipfile.is_zipfile(path):
        raise _not_a_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name.partition("/")[2] for name in archive.namelist()]
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be read", why="it is cut off or damaged", how=_AGAIN) from error
    if damaged:
        raise ModelError(f"{path.name} cannot be read", why=f"its member {damaged} is damaged", how=_AGAIN)
    return _kind_of_members(path, members)


def _kind_of_members(path: Path, members: list[str]) -> Kind:
    name = path.name
    if any(member.startswith("data/aotinductor/") for member in members):
        raise ModelError(f"{name} holds a compiled program", why="it has no graph that can be read", how=_EXPORTABLE)
    if any(member.startswith("models/") and member.endswith(".json") for member in members):
        return "torch.export"
    if "constants.pkl" in members and any(member.startswith("code/") for member in members):
        return "TorchScript"
    if "data.pkl" in members:
        raise _pickle(path)
    raise ModelError(
        f"{name} is not a PyTorch model", why="its zip holds neither a program nor TorchScript code", how=_EXPORTABLE
    )


def _not_a_zip(path: Path) -> ModelError:
    try:
        with path.open("rb") as stream:
            head = stream.read(2)
    except OSError as error:
        return ModelError(f"{path.name} cannot be read", why=error.strerror or str(error))
    if head[:1] == _PICKLE_PROTOCOL:
        return _pickle(path)
    if head == b"PK":
        return ModelError(f"{path.name} is cut off", why="its zip has no end", how=_AGAIN)
    return ModelError(
        f"{path.name} is not a model", why="it is cut off, or no ONNX, torch.export or TorchScript file", how=_AGAIN
    )


def _pickle(path: Path) -> ModelError:
    content = describe_pickle(path)
    words = content.words if content else "weights or Python objects"
    return ModelError(
        f"{path.name} is a pickle",
        why=f"it holds {words}, but no graph of the computation",
        how=f"{how_to_load(content, path)} Or save {_PROGRAM}.",
    )
