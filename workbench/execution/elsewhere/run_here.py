"""Runs a bundle on this machine with this program's own runner: code in an archive is never started."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.errors import FileFormatError
from workbench.execution.elsewhere.archive import member_names, read_list, unpack
from workbench.execution.elsewhere.pack import RUNNER_NAME
from workbench.execution.elsewhere.records import JOB_NAME, RETURNED_NAME, Job, parsed


def run_bundle(path: Path, out: Path, python: str = sys.executable) -> int:
    """Unpack a bundle, every byte compared with its list, and run it; returns the runner's exit code.

    Args:
        out: where the result goes. python: an interpreter that has numpy and the runtime.

    Raises:
        FileFormatError: it is no bundle, one byte was changed, or it is not safe to unpack.
    """
    if RETURNED_NAME in member_names(path):
        raise FileFormatError(f"{path.name} is a result already", how="Import it: int8-workbench import-result.")
    job = parsed(read_list(path, JOB_NAME), Job, JOB_NAME)
    with TemporaryDirectory(prefix="int8-workbench-") as scratch, as_file(_runner()) as runner:
        unpack(path, Path(scratch), job.files, (JOB_NAME,))
        command = [python, "-I", str(runner), scratch, "-o", str(out.absolute())]
        return subprocess.run(command, check=False).returncode


def _runner() -> Traversable:
    return files("workbench_resources") / "runner" / RUNNER_NAME
