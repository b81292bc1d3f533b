"""What is usable here, asked in workers; broken plugins are listed with their reason."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from workbench.errors import JobCancelledError, StudyError
from workbench.execution import probing
from workbench.execution.discovery import Manifest, find_plugin
from workbench.execution.probing import RuntimeState, find_runtime, probe

MANIFEST = 'id = "{0}"\ntitle = "{0}"\nkind = "{1}"\nspi_version = 1\nschemes = ["S1"]\n'


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plugins of another platform, kind and manners."""
    code = "RUNTIME = None\n"
    sleepy = (
        "import time\n\nclass R:\n    prepare = read_back = open = realise = None\n\n"
        "    def probe(self):\n        time.sleep(60)\n\nRUNTIME = R()\n"
    ).replace("= None", "= print")
    odd = "from workbench.spi import Availability\n" + sleepy.replace(
        "time.sleep(60)", "return Availability(True, versions={'a': 1})"
    )
    for name, kind, tail, source in (
        ("elsewhere", "runtime", 'platforms = ["windows"]\n', code),
        ("maker", "quantizer", "", code),
        ("sleepy", "runtime", "", sleepy),
        ("odd", "runtime", "", odd),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plugin.toml").write_text(MANIFEST.format(name, kind) + tail)
        (tmp_path / name / "runtime.py").write_text(source)
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(tmp_path))
    return tmp_path


def test_a_plugin_for_another_system_keeps_its_row_with_the_reason(extra: Path) -> None:
    state = find_runtime("elsewhere")
    assert isinstance(state, RuntimeState)
    assert not state.ok
    assert "windows" in state.reason


def test_a_wrong_id_is_the_users_mistake(extra: Path) -> None:
    with pytest.raises(StudyError, match="Did you mean 'sleepy'"):
        find_runtime("sleepi")
    with pytest.raises(StudyError, match="is a quantizer, not a runtime"):
        find_runtime("maker")


def test_an_answer_of_a_wrong_form_is_a_reason(extra: Path) -> None:
    state = probe(find_plugin("odd"))
    assert not state.ok
    assert "versions.a" in state.reason


def test_a_probe_that_hangs_can_be_cancelled(extra: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    start = time.monotonic()
    with pytest.raises(JobCancelledError):
        probe(find_plugin("sleepy"), cancel=cancel)
    assert time.monotonic() - start < 10


def test_a_good_plugin_tells_versions_and_precisions(known_plugins: Path) -> None:
    manifest = find_runtime("echo")
    assert isinstance(manifest, Manifest)
    state = probe(manifest)
    assert state.ok
    assert set(state.versions) == {"onnx"}
    assert state.precisions == ("fp32", "int8")
    assert state.to_json()["schemes"] == ["S1", "fp32"]


def test_a_missing_library_is_named_with_its_install_line(known_plugins: Path) -> None:
    state = probe(find_plugin("missing_library"))
    assert not state.ok
    assert "no_such_runtime_library" in state.reason
    assert "pip install no-such-runtime-library==1.0" in state.remedy


def test_a_missing_interpreter_is_a_reason(known_plugins: Path) -> None:
    state = probe(find_plugin("echo"), "/nowhere/python")
    assert not state.ok
    assert "cannot be started" in state.reason


def test_broken_plugins_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "plugin.toml").write_text("id = 3")
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(tmp_path))
    monkeypatch.setattr(probing, "probe", lambda manifest: RuntimeState(manifest.id, manifest.title, ok=True))
    states = {state.id: state for state in probing.probe_all()}
    assert not states["bad"].ok
    assert states["bad"].reason
    assert states["ort_cpu"].ok
