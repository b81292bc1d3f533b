"""The wheel: what is in it, and that it runs the demo when installed elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"workbench": "workbench", "plugins": "workbench_plugins", "resources": "workbench_resources"}
LEFT_OUT = (".pyc", ".md")


def run(command: list[str | Path], folder: Path, limit_s: float = 240) -> str:
    """Run a command outside the checkout and return what it prints; it must end with 0."""
    hidden = ("PYTHON", "INT8_WORKBENCH_", "PIP_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    outcome = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "wheel", *options, "-w", folder, source], folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
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


@pytest.mark.slow
def test_wheel_holds_the_program_and_nothing_else(names: list[str]) -> None:
    top = {name.partition("/")[0] for name in names}
    (metadata,) = {name for name in top if name.endswith(".dist-info")}
    assert metadata.startswith("int8_workbench-")
    assert top - {metadata} == set(SOURCES.values())
    assert not [name for name in names if name.endswith(".pyc") or ".venv" in name or "test_" in name]


def test_wheel_holds_every_file_of_the_program(source: Path, names: list[str]) -> None:
    expected = {
        "/".join((package, *path.relative_to(source / folder).parts))
        for folder, package in SOURCES.items()
        for path in (source / folder).rglob("*")
        if path.is_file() and path.suffix not in LEFT_OUT
    }
    assert expected - set(names) == set()


def test_wheel_holds_what_a_study_needs(names: list[str]) -> None:
    for wanted in (
        "workbench/py.typed",
        "workbench/cli/__init__.py",
        "workbench_plugins/ort_cpu/plugin.toml",
        "workbench_plugins/openvino/plugin.toml",
        "workbench_resources/demo/study.toml",
        "workbench_resources/templates/sheet.typ",
        "workbench_resources/templates/sheet.html.j2",
    ):
        assert wanted in names
    for folder, suffix, least in (
        ("schemas", ".schema.json", 4),
        ("fonts", ".otf", 4),
        ("demo/calibration", ".png", 100),
        ("demo/evaluation", ".png", 500),
        ("demo", ".onnx", 1),
    ):
        start = f"workbench_resources/{folder}/"
        assert sum(name.startswith(start) and name.endswith(suffix) for name in names) >= least, folder


def test_wheel_names_its_command_and_its_extras(wheel: Path, names: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
        (entries,) = (archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert "int8-workbench = workbench.__main__:main" in entries
    assert {"Provides-Extra: gui", "Provides-Extra: torch"} <= set(metadata.splitlines())
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert not [line for line in required if "pyside" in line.lower() or "torch" in line.lower()]


@pytest.mark.slow
def test_installed_wheel_runs_the_demo_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = (
        "import workbench, workbench_plugins, workbench_resources as r; print(workbench.__file__); print(r.__file__)"
    )
    for line in run([installed, "-c", where], tmp_path).splitlines():
        assert Path(line).is_relative_to(installed.parents[1])
    run([installed.parent / "int8-workbench", "demo", "-o", "study"], tmp_path)
    for name in ("sheet.pdf", "sheet.html", "sheet.json"):
        assert (tmp_path / "study" / name).stat().st_size > 1000, name
    runs = json.loads((tmp_path / "study" / "result.json").read_text(encoding="utf-8"))["runs"]
    ok = {(run["runtime"], run["precision"]) for run in runs if run["status"] == "ok"}
    assert ok >= {(runtime, precision) for runtime in ("ort_cpu", "openvino") for precision in ("fp32", "int8")}
    assert all(run["status"] == "ok" for run in runs)
