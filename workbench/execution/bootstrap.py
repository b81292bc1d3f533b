"""First code of every worker process, run by path in any interpreter: reserves the pipe, then finds the program.

File descriptor 1 is the channel to the host. It is moved to a private descriptor before anything else is imported,
and 1 becomes the log, so no print of a library can damage a message. Only `workbench`, `workbench_plugins` and
`workbench_resources` are taken from the program's own folders; everything else comes from the interpreter's own
site-packages. Arguments: folders as JSON, and the descriptor number of the lifeline (-1 where there is none).
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # This folder would make `jobs`, `host`, `result`, ... importable as top-level names.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != os.path.dirname(os.path.abspath(__file__))]

import importlib.machinery
import importlib.util
import json
import signal
from collections.abc import Mapping, Sequence
from types import ModuleType

MARK_VARIABLE = "INT8_WORKBENCH_JOB"


class FolderFinder:
    """Meta-path finder that resolves given dotted package names from given folders, and nothing else."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self.folders = dict(folders)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a package this finder knows, with or without `__init__.py`."""
        folder = self.folders.get(name)
        if folder is None:
            return None
        init = os.path.join(folder, "__init__.py")
        if os.path.isfile(init):
            return importlib.util.spec_from_file_location(name, init, submodule_search_locations=[folder])
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [folder]
        return spec


def install_finder(folders: Mapping[str, str]) -> None:
    """Make `folders` (dotted package name -> folder) importable in this process; later calls add to earlier ones."""
    for finder in sys.meta_path:
        if isinstance(finder, FolderFinder):
            finder.folders.update(folders)
            return
    sys.meta_path.insert(0, FolderFinder(folders))


def reserve_streams() -> tuple[int, int]:
    """Return private descriptors (channel, commands); afterwards 0 is empty and 1 goes to the log.

    Children of the worker inherit neither of them.
    """
    channel, commands = os.dup(1), os.dup(0)
    os.dup2(2, 1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return channel, commands


def start_sentinel(lifeline: int, private: Sequence[int]) -> int:
    """Fork a process that kills the worker's whole group when the host is gone, even by SIGKILL.

    It needs no interpreter lock of the worker, so a runtime stuck in C code cannot outlive the program.
    Returns its process id, or 0 where there is no fork.
    """
    if lifeline < 0 or not hasattr(os, "fork"):
        return 0
    sentinel = os.fork()
    if sentinel:
        os.close(lifeline)
        return sentinel
    for descriptor in private:
        os.close(descriptor)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.read(lifeline, 1):
        pass
    for stray in marked_elsewhere(os.environ.get(MARK_VARIABLE, "")):
        os.kill(stray, signal.SIGKILL)
    os.killpg(0, signal.SIGKILL)
    os._exit(0)


def marked_elsewhere(mark: str) -> list[int]:
    """Return ids of processes outside this group that carry the job's mark; empty where there is no /proc."""
    if not mark or not os.path.isdir("/proc/self"):
        return []
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as stream:
                is_marked = f"{MARK_VARIABLE}={mark}".encode() in stream.read().split(b"\0")
            if is_marked and os.getpgid(int(name)) != os.getpgrp():
                found.append(int(name))
        except OSError:
            continue  # gone meanwhile, or another user's
    return found


def main(arguments: Sequence[str]) -> None:
    """Run one worker; never returns."""
    channel, commands = reserve_streams()
    sentinel = start_sentinel(int(arguments[1]), (channel, commands))
    install_finder(json.loads(arguments[0]))
    from workbench.execution.worker import run  # noqa: PLC0415  (found only through the finder above)

    run(channel, commands, sentinel)


if __name__ == "__main__":
    main(sys.argv[1:])
