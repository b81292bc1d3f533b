"""What every stored answer depends on besides its inputs: this program, its libraries, the processor, a plugin's files.

A stage that was finished by another program, with another ONNX Runtime or on another processor is done again: its
bits may be others. What is over-careful here costs a run; what is forgotten lets a stale answer pass for a fresh one.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import workbench
from workbench.errors import StudyError
from workbench.execution.discovery import Manifest, package_folder
from workbench.execution.jobs import PLUGIN_PACKAGE
from workbench.files import canonical_json, sha256_of_bytes, sha256_of_file
from workbench.measure.machine import cpu_model, isa_flags

LIBRARIES = ("onnxruntime-gpu", "onnxruntime", "onnx", "numpy", "ml-dtypes", "scipy", "pillow")
"""Distributions that compute, write or decode what a worker makes, as far as the core does it."""
IMPORTERS = ("torch", "torchvision", "onnxscript", "onnx-ir")
"""Distributions that turn a PyTorch model into ONNX."""
WITHOUT_ANSWERS = ("cli", "report", "ui")
"""Rooms that show what was computed; a change in them leaves every stored answer as it is."""


def program_origin() -> dict[str, Any]:
    """Return, JSON-ready, the program that computes here: version, hash of its code, libraries, processor.

    The version alone does not tell two states of a checkout apart.
    """
    return {
        "version": workbench.__version__,
        "code_sha256": own_code_sha256(),
        "libraries": library_versions(LIBRARIES),
        "processor": processor(),
    }


@cache
def own_code_sha256() -> str:
    """Return the hash of this program's code, read once per process."""
    return code_sha256(Path(workbench.__file__).parent)


@cache
def processor() -> list[str]:
    """Return what decides which float kernels run: architecture, model, instruction sets; read once per process."""
    return [platform.machine(), cpu_model(), isa_flags()]


def code_sha256(package: Path) -> str:
    """Return a hash over the code of every room that computes. Raises StudyError when it cannot be read."""
    files = (path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in WITHOUT_ANSWERS)
    return _files_sha256(package, files)


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Return distribution -> installed version, in this interpreter; what is not installed is left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def interpreter_origin() -> dict[str, str]:
    """Return the Python and the libraries of this interpreter; asked in a worker, where a row has one of its own."""
    return {"python": sys.version.split()[0], **library_versions(LIBRARIES)}


def plugin_sha256(manifest: Manifest) -> str:
    """Return a hash over names and contents of a plugin's files.

    Of a plugin that comes with the program, over those of all: they share code.

    Raises:
        StudyError: a file cannot be read.
    """
    own, shared = manifest.folder, package_folder(PLUGIN_PACKAGE)
    if not own.is_relative_to(shared):
        return _files_sha256(own, own.rglob("*"))
    return _files_sha256(shared, (path for path in shared.rglob("*") if path.suffix in (".py", ".toml")))


def _files_sha256(folder: Path, paths: Iterable[Path]) -> str:
    found = {path.relative_to(folder).as_posix(): path for path in paths if _is_content(path)}
    try:
        listing = [[name, sha256_of_file(found[name])] for name in sorted(found)]
    except OSError as error:
        raise StudyError(f"The code in {folder.name} cannot be read", why=error.strerror or str(error)) from error
    return sha256_of_bytes(canonical_json(listing))


def _is_content(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
