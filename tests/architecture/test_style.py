"""One style, strict types: the same checks as on every developer's machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "arguments",
    [["ruff", "check", "--no-cache", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["lint", "format", "types"],
)
def test_tool_is_content(arguments: list[str]) -> None:
    program = Path(sys.executable).parent / arguments[0]
    outcome = subprocess.run([program, *arguments[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_plugins_have_strict_types(tmp_path: Path) -> None:
    """Plugins are installed as workbench_plugins; mypy finds them under that name through a link."""
    (tmp_path / "workbench_plugins").symlink_to(ROOT / "plugins", target_is_directory=True)
    command = [
        Path(sys.executable).parent / "mypy",
        "-p",
        "workbench_plugins",
        "--config-file",
        ROOT / "pyproject.toml",
    ]
    environment = {**os.environ, "MYPYPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    outcome = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
