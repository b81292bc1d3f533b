"""The worker's environment, and finding processes by the mark they carry."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from workbench.execution.bootstrap import MARK_VARIABLE
from workbench.execution.processes import kill, marked_processes, name_of, worker_environment


def test_the_environment_is_an_allow_list() -> None:
    given = {"PATH": "/bin", "LC_ALL": "C", "INT8_WORKBENCH_X": "1", "PYTHONPATH": "/p", "SECRET_TOKEN": "s"}
    environment = worker_environment(given, "mark")
    assert environment.pop(MARK_VARIABLE) == "mark"
    assert environment.pop("PYTHONHASHSEED") == "0"
    assert environment.pop("PYTHONUTF8") == "1"
    assert environment.pop("OPENBLAS_THREAD_TIMEOUT") == "4"
    assert environment == {"PATH": "/bin", "LC_ALL": "C", "INT8_WORKBENCH_X": "1"}


def test_a_marked_process_is_found_wherever_it_hangs_and_killed() -> None:
    environment = {**os.environ, MARK_VARIABLE: "mark-of-this-test"}
    command = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(100)"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = marked_processes("mark-of-this-test")
        assert [each.pid for each in found] == [process.pid]
        assert name_of(found[0]).startswith("python")
        kill(found[0])
        assert process.wait() == -9
    assert marked_processes("mark-of-this-test") == []
    kill(found[0])
    assert isinstance(name_of(psutil.Process()), str)
