"""Set-up and start in one command, standard library only.

    python3 packaging/dev.py demo      set up, then open the window on the bundled study, or run it without a display
    python3 packaging/dev.py test      set up, then the whole test run, a process per core (with arguments: one pytest)
    python3 packaging/dev.py run ...   set up, then int8-workbench with these arguments

Makes `.venv` beside the code, installs an exact pinned set and stamps it, so that the next start takes seconds.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PINS = ROOT / "packaging" / "pins"
SIZES = {"base": "about 1.7 GB", "test": "about 2.8 GB, on Linux several more where pip finds only PyTorch with CUDA"}
"""What a set takes on disk."""
MINIMUM = (3, 11)
QT_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
DISPLAY_LIBRARIES = (
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-xkb1",
    "libxkbcommon-x11-0",
    "libxcb-shape0",
)
PARTS = (
    ("tests/e2e",),
    ("tests/unit/execution",),
    ("tests/unit/ui", "tests/ui"),
    ("tests/unit/plugins", "tests/conformance"),
    ("tests/unit", "--ignore=tests/unit/execution", "--ignore=tests/unit/ui", "--ignore=tests/unit/plugins"),
    ("tests/contract", "tests/architecture", "tests/gpu", "tests/mac"),
)
"""What one process of the test run is given, in an order that lets two end together; a test holds that no file of tests
is left out."""
MOST_AT_ONCE = 4
"""Processes of tests; a container may count more cores than it may use."""
WITHOUT_WINDOW = ("--headless", "-o", "--output", "--json", "-h", "--help")


def main(arguments: list[str]) -> int:
    """Set up for the command named first and run it; returns its exit code."""
    if not arguments or arguments[0] not in ("demo", "test", "run"):
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    command, rest = arguments[0], arguments[1:]
    problem = missing_for_set_up()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    try:
        set_up("test" if command == "test" else "base")
    except (subprocess.CalledProcessError, OSError) as error:
        print(failure(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up stopped. The same command starts it anew.", file=sys.stderr)
        return 130
    if command == "test" and (line := missing_system_libraries()):
        if not may_install_packages():
            print(f"The window's tests need system libraries. Install them: {line}", file=sys.stderr)
            return 1
        subprocess.check_call("apt-get update -q && " + line.removeprefix("sudo "), shell=True)
    if command == "demo" and wants_window(rest) and (line := missing_for_window()):
        print(f"The window needs system libraries: {line}\nThe study runs without it.", file=sys.stderr, flush=True)
        rest = [*rest, "--headless"]
    return start(command, rest)


def failure(error: subprocess.CalledProcessError | OSError) -> str:
    """Return what went wrong in the set-up and how to mend it, in one line."""
    if isinstance(error, subprocess.CalledProcessError):
        what = f"`{' '.join(map(str, error.cmd))}` ended with {error.returncode}, for the reason above"
        return f"Set-up failed: {what}. It needs the network and free disk; the same command tries again."
    return f"Set-up failed: {error}. {VENV} must be writable, with room on its disk."


def start(command: str, rest: list[str]) -> int:
    """Start what was asked for and return its exit code."""
    if command == "test" and not rest:
        return run_parts()
    try:
        return subprocess.call(command_line(command, rest), cwd=ROOT if command == "test" else None)
    except KeyboardInterrupt:
        return 130


def command_line(command: str, rest: list[str]) -> list[str]:
    """Return the program and arguments for one of the three commands; the user's own come last and win."""
    if command == "test":
        return [str(venv_python()), "-m", "pytest", *rest]
    if command == "demo":
        rest = ["demo", *rest]
    return [str(venv_python()), "-m", "workbench", *rest]


def run_parts() -> int:
    """Run the tests in processes of their own, one per core and `MOST_AT_ONCE` at most.

    Returns:
        The first exit code that is not 0.
    """
    at_once = min(os.cpu_count() or 1, MOST_AT_ONCE)
    print(f"The tests in {len(PARTS)} parts, {at_once} at once; what each says stands at its end ...", flush=True)
    pool = ThreadPoolExecutor(at_once)
    try:
        codes = list(pool.map(run_part, PARTS))
    except KeyboardInterrupt:
        codes = [130]
    finally:
        pool.shutdown(cancel_futures=True)
    return next((code for code in codes if code), 0)


def run_part(part: tuple[str, ...]) -> int:
    """Run one part in its fixed order and return its exit code; its progress is shown at once, the rest at its end."""
    python, *arguments = command_line("test", list(part))
    rest = []
    with subprocess.Popen(
        [python, "-u", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if line.endswith("%]\n"):
                print(line, end="", flush=True)
            else:
                rest.append(line)
    print(f"\n{' '.join(part)}\n{''.join(rest)}", flush=True)
    return process.returncode


def missing_for_set_up() -> str:
    """Return what this Python lacks, with the exact line that mends it, or ""."""
    if sys.version_info < MINIMUM:
        found = platform.python_version()
        return f"Python {found} is too old: 3.11 or newer is needed. Start this script with a newer python3."
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        return (
            f"This Python cannot make virtual environments. Install the part it lacks: sudo apt-get install {package}"
        )
    return ""


def missing_system_libraries() -> str:
    """Return the line that installs what Qt lacks on this system, or "" when the window's library loads."""
    probe = [str(venv_python()), "-c", "import PySide6.QtWidgets"]
    outcome = subprocess.run(probe, capture_output=True, text=True, check=False)
    return install_line(outcome.stderr) if outcome.returncode else ""


def wants_window(arguments: list[str]) -> bool:
    """Whether `demo` with these arguments opens a window: on Linux with a display; other systems have all it needs."""
    has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return sys.platform == "linux" and has_display and not any(item.startswith(WITHOUT_WINDOW) for item in arguments)


def missing_for_window() -> str:
    """Return the line that installs what Qt lacks to show a window on this system, or "" when it can."""
    code = "from PySide6.QtWidgets import QApplication; QApplication([])"
    outcome = subprocess.run([str(venv_python()), "-c", code], capture_output=True, text=True, check=False)
    if not outcome.returncode or "could not connect to display" in outcome.stderr:
        return ""
    return apt_line([*QT_LIBRARIES.values(), *DISPLAY_LIBRARIES])


def apt_line(packages: list[str]) -> str:
    """Return the command that installs packages, each once."""
    return "sudo apt-get install -y " + " ".join(dict.fromkeys(packages))


def install_line(error: str) -> str:
    """Return the apt line for the library that a failed import names; all of Qt's where one of them is named."""
    if not any(library in error for library in QT_LIBRARIES):
        last = error.strip().splitlines()[-1] if error.strip() else "no message"
        raise SystemExit(f"The window's library cannot be loaded: {last}")
    return apt_line(list(QT_LIBRARIES.values()))


def may_install_packages() -> bool:
    """Whether this is a test machine's root, who may install system packages by itself."""
    return os.environ.get("CI") == "true" and os.name == "posix" and os.geteuid() == 0


def set_up(kind: str) -> None:
    """Bring `.venv` to the pinned set `kind` ("base" or "test"); does nothing when its stamp is current."""
    if is_current(kind) or (kind == "base" and is_current("test")):
        return
    if unfinished().exists() or not venv_python().exists():
        make_environment()
    print(f"Installing the pinned {kind} set ({SIZES[kind]}), a few minutes ...", flush=True)
    unfinished().touch()
    for file in pin_files(kind):
        pip("install", "-r", str(file))
    pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    stamp_file(kind).write_text(wanted(kind))
    unfinished().unlink()


def make_environment() -> None:
    """Make an empty `.venv` in the place of what is left of one."""
    shutil.rmtree(VENV, ignore_errors=True)
    print("Making .venv ...", flush=True)
    VENV.mkdir()
    unfinished().touch()
    subprocess.check_call([sys.executable, "-m", "venv", str(VENV)])


def unfinished() -> Path:
    """Return the file that is there while a set-up is under way: one that was killed left packages half written."""
    return VENV / "unfinished"


def is_current(kind: str) -> bool:
    """Whether `.venv` holds the pinned set `kind` as it is now; the test set holds the base."""
    stamp = stamp_file(kind)
    return venv_python().exists() and stamp.is_file() and stamp.read_text() == wanted(kind)


def stamp_file(kind: str) -> Path:
    """Return the file that says which pins were installed."""
    return VENV / f"stamp-{kind}"


def wanted(kind: str) -> str:
    """Return the hash of the pins that a set should have."""
    return digest([*pin_files(kind), ROOT / "pyproject.toml"])


def pin_files(kind: str) -> list[Path]:
    """Return the requirement files of a set, the base first."""
    return [PINS / "base.txt"] + ([PINS / "test.txt"] if kind == "test" else [])


def digest(files: list[Path]) -> str:
    """Return one hash over the files' contents, this interpreter's version, and where the code lies."""
    text = f"{platform.python_version()} {ROOT} " + "".join(file.read_text() for file in files)
    return hashlib.sha256(text.encode()).hexdigest()


def venv_python() -> Path:
    """Return the interpreter inside `.venv`."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(*arguments: str) -> None:
    """Run pip inside `.venv`, quietly; where it gives up by itself it has left no package half written."""
    options = ["--disable-pip-version-check", "--no-input", "-q"]
    try:
        subprocess.check_call([str(venv_python()), "-m", "pip", arguments[0], *options, *arguments[1:]])
    except subprocess.CalledProcessError as error:
        if error.returncode > 0:
            unfinished().unlink()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
