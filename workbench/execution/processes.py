"""A worker's processes seen from outside: its environment, the mark its children inherit, finding and killing them."""

from __future__ import annotations

from collections.abc import Mapping

import psutil

from workbench.execution.bootstrap import MARK_VARIABLE

ENVIRONMENT: frozenset[str] = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME",
        "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
        "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
        "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
        "PROGRAMFILES", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    }
)  # fmt: skip
ENVIRONMENT_PREFIXES: tuple[str, ...] = ("LC_", "INT8_WORKBENCH_")
FIXED: Mapping[str, str] = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "OPENBLAS_THREAD_TIMEOUT": "4"}
"""Fixed hashing, UTF-8, and idle threads of numpy's OpenBLAS that sleep: by default each spins for 2^26 cycles after
numpy is imported, which is nearly half of a worker's processor time and takes cores from what is measured beside it."""


def worker_environment(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Return the worker's environment: an allow-list, `FIXED`, and the job's mark."""
    kept = {
        key: value
        for key, value in environment.items()
        if key.upper() in ENVIRONMENT or key.upper().startswith(ENVIRONMENT_PREFIXES)
    }
    return {**kept, **FIXED, MARK_VARIABLE: mark}


def marked_processes(mark: str) -> list[psutil.Process]:
    """Return living processes that carry a job's mark in their environment, wherever they were re-parented to."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK_VARIABLE) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return found


def name_of(process: psutil.Process) -> str:
    """Return a process's name, "?" when it is gone."""
    try:
        return str(process.name())
    except psutil.Error:
        return "?"


def kill(process: psutil.Process) -> None:
    """Kill a process that may be gone already."""
    try:
        process.kill()
    except psutil.Error:
        return  # gone meanwhile
