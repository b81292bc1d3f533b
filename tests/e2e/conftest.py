"""The wheel, installed apart from the checkout, and what its demo gave: made once for the tests of both."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest
from helpers.wheels import ROOT, SOURCES, run


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the build reads, so that it writes nothing into the checkout; compiled files stay on purpose."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    (folder / "resources" / "__pycache__").mkdir(exist_ok=True)
    (folder / "resources" / "__pycache__" / "stale.cpython-311.pyc").touch()
    (folder / "tests").mkdir()
    (folder / "tests" / "test_nothing.py").touch()
    return folder


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "wheel", *options, "-w", folder, source], folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of a new environment with the wheel; its dependencies come from the running environment."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], folder)
    # A plain path at the end of sys.path: the .pth files in it are not read, so the checkout stays out of sight.
    own = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip())
    (own / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


@pytest.fixture(scope="session")
def demo_of_the_wheel(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the bundled study as the installed program ran it, somewhere else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run([installed.parent / "int8-workbench", "demo", "-o", "study"], folder)
    return folder / "study"
