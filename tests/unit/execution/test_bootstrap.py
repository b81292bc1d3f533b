"""The first code of a worker: its finder, its streams, and a foreign interpreter that has numpy and onnx only."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.workers import plugin, write_files

from workbench.execution import bootstrap
from workbench.execution.bootstrap import FolderFinder, install_finder, marked_elsewhere
from workbench.execution.host import run_job
from workbench.execution.jobs import Job

NEEDED = ("numpy", "onnx", "google", "ml_dtypes", "typing_extensions", "PIL")


@pytest.fixture
def clean_finders() -> Iterator[None]:
    before = list(sys.meta_path)
    folders = {id(finder): dict(finder.folders) for finder in before if isinstance(finder, FolderFinder)}
    yield
    sys.meta_path[:] = before
    for finder in before:
        if isinstance(finder, FolderFinder):
            finder.folders = folders[id(finder)]


def test_the_finder_knows_its_names_only(tmp_path: Path) -> None:
    finder = FolderFinder({"some_package": str(tmp_path)})
    assert finder.find_spec("numpy") is None
    assert finder.find_spec("some_package.inner") is None
    found = finder.find_spec("some_package")
    assert found is not None
    assert list(found.submodule_search_locations or ()) == [str(tmp_path)]


def test_folders_with_and_without_init_are_importable(tmp_path: Path, clean_finders: None) -> None:
    for name in ("with_init", "without_init"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inner.py").write_text(f"NAME = {name!r}\n", encoding="utf-8")
    (tmp_path / "with_init" / "__init__.py").write_text("VALUE = 1\n", encoding="utf-8")
    install_finder({"zz_with": str(tmp_path / "with_init")})
    install_finder({"zz_without": str(tmp_path / "without_init")})
    assert sum(isinstance(finder, FolderFinder) for finder in sys.meta_path) == 1
    assert importlib.import_module("zz_with").VALUE == 1
    assert importlib.import_module("zz_with.inner").NAME == "with_init"
    assert importlib.import_module("zz_without.inner").NAME == "without_init"


def test_streams_are_private_and_stdout_is_the_log() -> None:
    code = (
        "import sys, os; from workbench.execution.bootstrap import reserve_streams\n"
        "channel, commands = reserve_streams()\n"
        "print('noise', flush=True); os.write(channel, b'message'); os.write(2, os.read(commands, 9) + os.read(0, 9))\n"
        "assert not os.get_inheritable(channel) and not os.get_inheritable(commands)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"command", capture_output=True, check=True)
    assert done.stdout == b"message"
    assert done.stderr.split() == [b"noise", b"command"]


def test_no_mark_finds_nobody() -> None:
    assert marked_elsewhere("") == []
    assert marked_elsewhere("a mark that nobody carries") == []


def test_the_sentinel_is_absent_without_a_lifeline() -> None:
    assert bootstrap.start_sentinel(-1, ()) == 0


def test_a_foreign_interpreter_with_numpy_and_onnx_runs_a_cell(tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    own = Path(importlib.util.find_spec("numpy").origin).parents[1]  # type: ignore[union-attr, arg-type]
    for name in (name for each in NEEDED for name in (each, f"{each}.libs", f"{each}.py")):
        if (own / name).exists():
            (site / name).symlink_to(own / name)
    (site / "pillow.libs").symlink_to(own / "pillow.libs")
    python = str(folder / "bin" / "python")
    absent = "import importlib.util as u; print([n for n in ('psutil', 'pydantic', 'workbench') if u.find_spec(n)])"
    done = subprocess.run([python, "-c", absent], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]", "the interpreter is not foreign enough"

    files = write_files(tmp_path / "files")
    made = run_job(
        Job("prepare", plugin("echo"), files.prepare_arguments(tmp_path / "made", "int8"), tmp_path, 60, python)
    )
    assert made.is_ok, f"{made}\n{made.remote_traceback}"
    artifact = Path(made.value["artifact"])
    back = run_job(Job("read_back", plugin("echo"), {"artifact": str(artifact)}, tmp_path, 60, python))
    assert back.is_ok, f"{back}\n{back.remote_traceback}"
    arguments = files.cell_arguments(artifact, tmp_path / "outputs", precision="int8")
    done_cell = run_job(Job("cell", plugin("echo"), arguments, tmp_path, 60, python))
    assert done_cell.is_ok, f"{done_cell}\n{done_cell.remote_traceback}"
