"""A job's way to another machine and back, for tests: the runner in a Python that sees numpy and ONNX Runtime alone."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import shutil
import site
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workbench.execution.elsewhere import pack
from workbench.execution.elsewhere.pack import BundleOptions, Packed, make_bundle

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).resolve().parents[2] / "resources" / "runner" / "runner.py"
SECONDS = 0.4
"""Timed per model; the warm-up, at least 2 s, is the runner's own."""
Change = Callable[[dict[str, bytes]], object]


@dataclass(frozen=True)
class Trip:
    """A study folder (a copy), a bundle of it, and what the runner made of it.

    Attributes:
        seen: the only folder besides Python's own library that the runner could import from.
    """

    folder: Path
    bundle: Path
    packed: Packed
    result: Path
    seen: Path
    told: str


@cache
def runner_module() -> ModuleType:
    """Import the runner as a module of its own, once."""
    spec = importlib.util.spec_from_file_location("int8_job_runner", RUNNER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bundle(folder: Path, out: Path, seconds: float = SECONDS, **options: Any) -> Packed:
    """Make a bundle of ort_cpu whose timed part is short; `options` are those of BundleOptions."""
    asked = BundleOptions(**{"runtime": "ort_cpu", "profile": "quick", **options})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "PROFILE_SECONDS", {**pack.PROFILE_SECONDS, "quick": seconds})
        patch.setattr(pack, "ROUNDS", {**pack.ROUNDS, "quick": 2 if seconds else 0})
        return make_bundle(folder, out, asked, lambda _event: None)


def only_numpy_and_onnxruntime(folder: Path) -> Path:
    """Make a folder with links to these two packages and nothing else."""
    folder.mkdir()
    for name in ("numpy", "onnxruntime"):
        package = Path(str(importlib.import_module(name).__file__)).parent
        (folder / name).symlink_to(package, target_is_directory=True)
        libraries = package.with_name(f"{name}.libs")
        if libraries.is_dir():
            (folder / libraries.name).symlink_to(libraries, target_is_directory=True)
    return folder


def alone(arguments: list[str], seen: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python without site-packages, environment or this checkout: `seen` is all it can import from."""
    environment = {"PYTHONPATH": str(seen), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-S", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)


BARE = """
import runpy, sys
sys.path[:0] = sys.argv[1].split(":")
sys.modules.update(dict.fromkeys(["workbench", "workbench_plugins", "workbench_resources"]))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Python without environment and site, with the folders given; the program's own packages cannot be imported."""


def run_bare(arguments: list[str], cwd: Path, folders: Sequence[Path] = ()) -> subprocess.CompletedProcess[str]:
    """Run a Python file where every installed package but the program itself can be imported, isolated (-I, -S)."""
    places = ":".join(str(path) for path in (*folders, *map(Path, site.getsitepackages())))
    command = [sys.executable, "-I", "-S", "-c", BARE, places, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def opens(runtime: str) -> Path:
    """Return the file that opens the models of one of the program's own runtimes elsewhere."""
    return ROOT / "plugins" / runtime / "elsewhere.py"


def make_trip(folder: Path, place: Path) -> Trip:
    """Copy a finished study, bundle its ONNX Runtime rows, and run the bundle on the "other" machine."""
    copy, out = place / "study", place / "job.zip"
    shutil.copytree(folder, copy)
    packed = bundle(copy, out)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(place / "job")
    seen = only_numpy_and_onnxruntime(place / "seen")
    done = alone(["runner.py", "-o", str(place / "result.zip")], seen, place / "job")
    assert done.returncode == 0, done.stdout + done.stderr
    return Trip(copy, out, packed, place / "result.zip", seen, done.stdout)


def members(path: Path) -> dict[str, bytes]:
    """Return everything in a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, to: Path, change: Change) -> Path:
    """Write a zip again with its members changed in place."""
    content = members(path)
    change(content)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return to


def flipped(data: bytes, position: int = -1) -> bytes:
    """Return `data` with one bit of one byte changed."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def relisted(content: dict[str, bytes], lists: str = "returned.json", **updates: Any) -> None:
    """Write a list of files anew, hashes and sizes included: what somebody who forges an archive would do."""
    document = json.loads(content[lists])
    document["files"] = {
        name: {"sha256": hashlib.sha256(content[name]).hexdigest(), "bytes": len(content[name])}
        for name in content
        if name not in ("job.json", "returned.json")
    }
    content[lists] = json.dumps({**document, **updates}).encode()


def with_cells(content: Mapping[str, bytes], **updates: Any) -> list[dict[str, Any]]:
    """Return the cells of returned.json with the first one changed."""
    first, *others = json.loads(content["returned.json"])["cells"]
    return [{**first, **updates}, *others]
