"""packaging/dev.py: what it starts, what it says is missing, and when it installs; nothing here touches the network."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module whose .venv and pins lie in a temporary folder."""
    spec = importlib.util.spec_from_file_location("dev_under_test", ROOT / "packaging" / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("base.txt", "test.txt"):
        (tmp_path / name).write_text(f"{name} 1\n", encoding="utf-8")
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PINS", tmp_path)
    return module


@pytest.fixture
def calls(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Programs that would have been started; making the environment leaves its interpreter behind."""
    found: list[list[str]] = []

    def start(command: list[str], **_: object) -> int:
        found.append([str(part) for part in command])
        if "venv" in command:
            dev.venv_python().parent.mkdir(parents=True, exist_ok=True)
            dev.venv_python().write_text("", encoding="utf-8")
        return 0

    monkeypatch.setattr(subprocess, "check_call", start)
    monkeypatch.setattr(subprocess, "call", start)
    return found


def installed(calls: list[list[str]]) -> list[str]:
    return [Path(command[-1]).name for command in calls if "install" in command]


def test_standard_library_only() -> None:
    lines = (ROOT / "packaging" / "dev.py").read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= {*sys.stdlib_module_names, "__future__"}


def test_each_command_starts_its_program(dev: ModuleType) -> None:
    python = str(dev.venv_python())
    assert dev.command_line("demo", ["-o", "x"]) == [python, "-m", "workbench", "demo", "-o", "x"]
    assert dev.command_line("run", ["doctor", "--json"]) == [python, "-m", "workbench", "doctor", "--json"]
    assert dev.command_line("test", ["-x"]) == [python, "-m", "pytest", "-x"]


def test_every_file_of_tests_is_in_one_part(dev: ModuleType) -> None:
    taken: list[Path] = []
    for part in dev.PARTS:
        left_out = [ROOT / word.removeprefix("--ignore=") for word in part if word.startswith("--ignore=")]
        folders = [ROOT / word for word in part if not word.startswith("--")]
        files = [path for folder in folders for path in folder.rglob("test_*.py")]
        taken += [path for path in files if not any(path.is_relative_to(folder) for folder in left_out)]
    assert sorted(taken) == sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("cores", [1, 2, 64])
@pytest.mark.parametrize(("failing", "expected"), [({}, 0), ({1: 1}, 1), ({3: 3}, 3), ({0: -6}, -6), ({1: 2, 4: 1}, 2)])
def test_all_parts_run_and_a_failed_one_is_not_lost(
    dev: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    cores: int,
    failing: dict[int, int],
    expected: int,
) -> None:
    def command(_command: str, part: list[str]) -> list[str]:
        which = [list(one) for one in dev.PARTS].index(part)
        code = failing.get(which, 0)
        leave = "os.abort()" if code < 0 else f"sys.exit({code})"
        said = f"print('test_{which}.py ... [ 50%]'); print('part', {which}, flush=True)"
        return [sys.executable, "-S", "-c", f"import os, sys; {said}; {leave}"]

    monkeypatch.setattr(dev, "command_line", command)
    monkeypatch.setattr(dev.os, "cpu_count", lambda: cores)
    assert dev.start("test", []) == expected
    printed = capfd.readouterr().out
    for number, part in enumerate(dev.PARTS):
        assert f"\ntest_{number}.py ... [ 50%]\n" in printed
        assert f"\n{' '.join(part)}\npart {number}\n" in printed


def test_after_ctrl_c_no_further_part_begins(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []

    def interrupted(part: object) -> int:
        begun.append(part)
        time.sleep(len(begun) - 1)  # time to notice the first one
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "run_part", interrupted)
    monkeypatch.setattr(dev.os, "cpu_count", lambda: 1)
    assert dev.run_parts() == 130
    assert len(begun) < len(dev.PARTS)


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["walk"], 2), (["--help"], 0), (["-h"], 0)])
def test_unknown_commands_print_how_to_use_it(
    dev: ModuleType, calls: list[list[str]], capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert dev.main(arguments) == code
    assert "packaging/dev.py demo" in capsys.readouterr().out
    assert calls == []


def test_the_first_start_installs_and_the_second_does_not(dev: ModuleType, calls: list[list[str]]) -> None:
    dev.set_up("base")
    assert "venv" in calls[0]
    assert installed(calls) == ["base.txt", ROOT.name]
    calls.clear()
    dev.set_up("base")
    assert calls == []


def test_a_changed_pin_installs_again(dev: ModuleType, calls: list[list[str]]) -> None:
    dev.set_up("base")
    calls.clear()
    (dev.PINS / "base.txt").write_text("base.txt 2\n", encoding="utf-8")
    dev.set_up("base")
    assert installed(calls) == ["base.txt", ROOT.name]


def test_the_test_set_holds_the_base(dev: ModuleType, calls: list[list[str]]) -> None:
    dev.set_up("test")
    assert installed(calls)[:2] == ["base.txt", "test.txt"]
    calls.clear()
    dev.set_up("base")
    assert calls == []


def test_a_failed_install_is_one_line_and_leaves_no_stamp(
    dev: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _pip_ends(monkeypatch, 1)
    assert dev.main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Set-up failed: `")
    assert "network" in error
    assert error.count("\n") == 1
    assert not dev.is_current("base")
    assert all("workbench" not in command for command in calls)


def _pip_ends(monkeypatch: pytest.MonkeyPatch, code: int | BaseException) -> None:
    """Let every start of pip end with an exit code or in an exception."""
    started = subprocess.check_call

    def start(command: list[str], **options: object) -> int:
        if "pip" not in command:
            return started(command, **options)
        raise code if isinstance(code, BaseException) else subprocess.CalledProcessError(code, command)

    monkeypatch.setattr(subprocess, "check_call", start)


@pytest.mark.parametrize(("ending", "anew"), [(1, False), (-9, True), (KeyboardInterrupt(), True)])
def test_after_a_set_up_that_was_killed_the_environment_is_made_anew(
    dev: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, ending: int | BaseException, anew: bool
) -> None:
    with monkeypatch.context() as patch:
        _pip_ends(patch, ending)
        assert dev.main(["demo"]) == (130 if isinstance(ending, KeyboardInterrupt) else 1)
    half_written = dev.VENV / "package"
    half_written.touch()
    calls.clear()
    dev.set_up("base")
    assert ("venv" in calls[0], half_written.exists()) == (anew, not anew)
    assert installed(calls) == ["base.txt", ROOT.name]
    assert dev.is_current("base")
    calls.clear()
    dev.set_up("base")
    assert calls == []


def test_a_folder_that_cannot_be_written_is_one_line(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(dev, "VENV", tmp_path / "file" / ".venv")
    assert dev.main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Set-up failed: ")
    assert "must be writable" in error
    assert error.count("\n") == 1


def test_a_moved_checkout_installs_again(
    dev: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.set_up("base")
    before = dev.wanted("base")
    calls.clear()
    monkeypatch.setattr(dev, "ROOT", dev.VENV.parent)
    (dev.VENV.parent / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    assert dev.wanted("base") != before
    dev.set_up("base")
    assert installed(calls) == ["base.txt", dev.VENV.parent.name]


def test_what_python_lacks_is_named_with_its_line(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dev.missing_for_set_up() == ""
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert dev.missing_for_set_up().endswith(f"sudo apt-get install python{version}-venv")
    monkeypatch.setattr(dev, "MINIMUM", (99, 0))
    assert "too old" in dev.missing_for_set_up()


def test_a_missing_system_library_gives_one_install_line(dev: ModuleType) -> None:
    line = dev.install_line("ImportError: libEGL.so.1: cannot open shared object file")
    assert line.startswith("sudo apt-get install -y ")
    assert "libegl1" in line.split()
    with pytest.raises(SystemExit, match="No module named"):
        dev.install_line("Traceback\nModuleNotFoundError: No module named 'PySide6'")


def test_the_real_pins_are_exact() -> None:
    for name in ("base.txt", "test.txt"):
        lines = (ROOT / "packaging" / "pins" / name).read_text(encoding="utf-8").splitlines()
        wanted = [line.partition("#")[0].strip() for line in lines]
        bare = [line for line in wanted if line and not line.startswith("-") and "==" not in line and "@" not in line]
        assert bare == [], name


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux desktop."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":7")


@pytest.mark.parametrize("arguments", [["--headless"], ["-o", "x"], ["-ox"], ["--json"], ["--help"]])
def test_these_arguments_need_no_window(dev: ModuleType, display: None, arguments: list[str]) -> None:
    assert dev.wants_window([])
    assert not dev.wants_window(arguments)


def test_without_a_display_no_window_is_wanted(dev: ModuleType, display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    assert not dev.wants_window([])
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert dev.wants_window([])


def _qt_ends(monkeypatch: pytest.MonkeyPatch, code: int, error: str) -> None:
    ended = subprocess.CompletedProcess([], code, "", error)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)


def test_the_demo_goes_on_without_window_and_says_what_to_install(
    dev: ModuleType,
    display: None,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _qt_ends(monkeypatch, -6, "xcb-cursor0 or libxcb-cursor0 is needed to load the Qt xcb platform plugin.")
    assert dev.main(["demo"]) == 0
    assert calls[-1][1:] == ["-m", "workbench", "demo", "--headless"]
    error = capsys.readouterr().err
    assert "sudo apt-get install -y libgl1" in error
    assert "libxcb-cursor0" in error


@pytest.mark.parametrize(("code", "error"), [(0, ""), (-6, "qt.qpa.xcb: could not connect to display :7")])
def test_the_demo_opens_its_window_where_qt_has_all_it_needs(
    dev: ModuleType,
    display: None,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    error: str,
) -> None:
    _qt_ends(monkeypatch, code, error)
    assert dev.main(["demo"]) == 0
    assert calls[-1][1:] == ["-m", "workbench", "demo"]
