"""The wheel: what is in it, and that it runs the demo when installed elsewhere."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from helpers.wheels import SOURCES, run

LEFT_OUT = (".pyc", ".md")


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


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
        "workbench_resources/demo/README.md",  # where its images are from, and their licence
        "workbench_resources/fonts/Inter-LICENSE.txt",
        "workbench_resources/fonts/JetBrainsMono-LICENSE.txt",
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
def test_the_installed_wheel_is_found_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = (
        "import workbench, workbench_plugins, workbench_resources as r; print(workbench.__file__); print(r.__file__)"
    )
    for line in run([installed, "-c", where], tmp_path).splitlines():
        assert Path(line).is_relative_to(installed.parents[1])


@pytest.mark.slow
def test_its_demo_writes_sheets_and_measures_every_row(demo_of_the_wheel: Path) -> None:
    for name in ("sheet.pdf", "sheet.html", "sheet.json"):
        assert (demo_of_the_wheel / name).stat().st_size > 1000, name
    runs = json.loads((demo_of_the_wheel / "result.json").read_text(encoding="utf-8"))["runs"]
    ok = {(run["runtime"], run["precision"]) for run in runs if run["status"] == "ok"}
    assert ok >= {(runtime, precision) for runtime in ("ort_cpu", "openvino") for precision in ("fp32", "int8")}
    assert all(run["status"] == "ok" for run in runs)
