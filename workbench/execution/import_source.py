"""What a PyTorch source is, judged without running any of it: the content of a file, or the name of a factory."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from workbench.errors import ModelError

Kind = Literal["torch.export", "TorchScript", "factory"]

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PICKLE_PROTOCOL = b"\x80"
_EXPORTABLE = (
    'Save a program with torch.export.save(torch.export.export(model, example_inputs), "model.pt2"),'
    " or name a factory as package.module:function."
)


def find_kind(source: str) -> Kind:
    """Tell what `source` is from its zip directory or its spelling; nothing of it is loaded.

    Raises:
        ModelError: absent, cut off, foreign, or a pickle (a module or a state dict), with what to save instead.
    """
    path = Path(source)
    if path.is_file():
        return _kind_of_file(path)
    if _FACTORY.fullmatch(source):
        return "factory"
    raise ModelError(
        f"{source} is neither a file nor a factory",
        how="Give an .onnx, .pt2 or TorchScript .pt file, or package.module:function.",
    )


def _kind_of_file(path: Path) -> Kind:
    if not zipfile.is_zipfile(path):
        raise _not_a_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name.partition("/")[2] for name in archive.namelist()]
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be read", why="it is cut off or damaged") from error
    if damaged:
        raise ModelError(f"{path.name} cannot be read", why=f"its member {damaged} is damaged")
    return _kind_of_members(path.name, members)


def _kind_of_members(name: str, members: list[str]) -> Kind:
    if any(member.startswith("data/aotinductor/") for member in members):
        raise ModelError(f"{name} holds a compiled program", why="it has no graph that can be read", how=_EXPORTABLE)
    if any(member.startswith("models/") and member.endswith(".json") for member in members):
        return "torch.export"
    if "constants.pkl" in members and any(member.startswith("code/") for member in members):
        return "TorchScript"
    if "data.pkl" in members:
        raise _pickle(name)
    raise ModelError(f"{name} is not a PyTorch model", why="its zip holds neither a program nor TorchScript code")


def _not_a_zip(path: Path) -> ModelError:
    try:
        with path.open("rb") as stream:
            head = stream.read(2)
    except OSError as error:
        return ModelError(f"{path.name} cannot be read", why=error.strerror or str(error))
    if head[:1] == _PICKLE_PROTOCOL:
        return _pickle(path.name)
    return ModelError(f"{path.name} is not a model", why="it is cut off, or no ONNX, torch.export or TorchScript file")


def _pickle(name: str) -> ModelError:
    return ModelError(
        f"{name} is a pickle",
        why="it holds weights or Python objects, but no graph of the computation",
        how=_EXPORTABLE,
    )
