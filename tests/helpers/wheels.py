"""What goes into the wheel, and running commands as somebody does who has no checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"workbench": "workbench", "plugins": "workbench_plugins", "resources": "workbench_resources"}
"""Folder of the checkout -> package in the wheel."""


def run(command: Sequence[str | Path], folder: Path, limit_s: float = 240) -> str:
    """Run a command outside the checkout and return what it prints; it must end with 0."""
    hidden = ("PYTHON", "INT8_WORKBENCH_", "PIP_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    outcome = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout
