"""One program at a time in a study folder; the system frees the lock however the program ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import StudyError
from workbench.execution.folder_lock import folder_lock

HOLD = """
import sys, time
from pathlib import Path
from workbench.execution.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_program_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match="is in use"), folder_lock(tmp_path):
            pass
        process.kill()
        process.wait()
    with folder_lock(tmp_path):
        assert (tmp_path / ".lock").is_file()


def test_the_lock_is_free_again_afterwards_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder_lock(tmp_path):
        _ = 1 / 0
    with folder_lock(tmp_path), pytest.raises(StudyError), folder_lock(tmp_path):
        pass
