"""Runs a bundle here with the program's own runner and its own plugin's file: code in an archive is never started."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.errors import FileFormatError, StudyError
from workbench.execution.elsewhere.archive import member_names, read_list, unpack
from workbench.execution.elsewhere.names import ELSEWHERE_NAME, JOB_NAME, RETURNED_NAME, RUNNER_NAME
from workbench.execution.elsewhere.records import Job, parsed
from workbench.execution.elsewhere.standalone import standalone_file
from workbench.execution.probing import RuntimeState, find_runtime


def run_bundle(path: Path, out: Path, python: str = sys.executable) -> int:
    """Unpack a bundle, every byte compared with its list, and run it; returns the runner's exit code.

    Args:
        out: where the result goes. python: an interpreter that has numpy and the runtime.

    Raises:
        FileFormatError: it is no bundle, one byte was changed, or it is not safe to unpack.
        StudyError: no plugin here has the bundle's runtime, or a file that opens its models.
    """
    if RETURNED_NAME in member_names(path):
        raise FileFormatError(f"{path.name} is a result already", how="Import it: int8-workbench import-result.")
    job = parsed(read_list(path, JOB_NAME), Job)
    opens = _opens(job.runtime)
    with TemporaryDirectory(prefix="int8-workbench-") as scratch, as_file(_runner()) as runner:
        place, own = Path(scratch) / "job", Path(scratch) / ELSEWHERE_NAME
        unpack(path, place, job.files, (JOB_NAME,))
        own.write_bytes(opens)
        command = [python, "-I", str(runner), str(place), "-o", str(out.absolute()), "--elsewhere", str(own)]
        return subprocess.run(command, check=False).returncode


def _opens(runtime: str) -> bytes:
    """Return the installed plugin's file; a runtime that is not usable by this program still has one."""
    found = find_runtime(runtime)
    if isinstance(found, RuntimeState):
        raise StudyError(f"{found.title} cannot run here", why=found.reason, how=found.remedy)
    return standalone_file(found)


def _runner() -> Traversable:
    return files("workbench_resources") / "runner" / RUNNER_NAME
