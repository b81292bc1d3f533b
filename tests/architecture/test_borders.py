"""The rooms and their borders: what may import what, what a cold import loads, one test per source file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("onnx", "onnxruntime", "openvino", "torch", "PySide6", "pydantic", "pandas", "scipy", "PIL")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def test_imports_go_down_only() -> None:
    outcome = _run(_tool("lint-imports"), "--no-cache")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_a_forbidden_import_is_caught(tmp_path: Path) -> None:
    """The check itself fails when a border is crossed."""
    package = tmp_path / "rooms"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "top.py").write_text("")
    (package / "bottom.py").write_text("import rooms.top\n")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = rooms\n"
        "[importlinter:contract:1]\nname = down\ntype = layers\nlayers =\n    rooms.top\n    rooms.bottom\n"
    )
    outcome = subprocess.run(
        [_tool("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert outcome.returncode == 1


@pytest.mark.parametrize("module", ["workbench.spi", "workbench.quant.plan", "workbench.execution.worker"])
def test_a_cold_import_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    outcome = _run(sys.executable, "-c", code)
    assert outcome.stdout.strip() == "[]", outcome.stdout + outcome.stderr


def test_the_plugin_surface_has_at_most_twenty_names() -> None:
    import workbench.spi as spi

    assert len(spi.__all__) <= 20
    assert all(hasattr(spi, name) for name in spi.__all__)


def _sources() -> list[Path]:
    found = [*(ROOT / "workbench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    return sorted(path for path in found if path.name not in ("__init__.py", "__main__.py"))


@pytest.mark.parametrize("source", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_file_has_its_test(source: Path) -> None:
    parts = source.relative_to(ROOT).parts
    rooms = parts[1:-1] if parts[0] == "workbench" else parts[:-1]
    expected = ROOT.joinpath("tests", "unit", *rooms, f"test_{source.name}")
    assert expected.is_file(), f"{expected.relative_to(ROOT)} is missing"
    assert "\ndef test_" in expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(source: Path) -> None:
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 400
