"""One program at a time in a study folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from workbench.errors import StudyError


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system frees it when the program ends, however it ends.

    Raises:
        StudyError: another program runs a study in this folder.
    """
    with (folder / ".lock").open("a+b") as stream:
        if not _try_lock(stream):
            raise StudyError(
                f"{folder.name} is in use",
                why="another int8-workbench runs a study in it",
                how="Wait for it, or choose another folder.",
            )
        yield


def _try_lock(stream: IO[bytes]) -> bool:
    try:
        if os.name == "nt":  # pragma: no cover  (Windows)
            import msvcrt  # noqa: PLC0415  (exists on Windows only)

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl  # noqa: PLC0415  (absent on Windows)

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
