"""What is usable here, asked in workers; broken plugins are listed with their reason."""

from __future__ import annotations

import platform
import threading
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from workbench.errors import JobCancelledError, StudyError
from workbench.execution import probing
from workbench.execution.discovery import Manifest, discover, find_plugin
from workbench.execution.probing import RuntimeState, find_quantizer, find_runtime, probe, probe_all

MANIFEST = 'id = "{0}"\ntitle = "{0}"\nkind = "{1}"\nspi_version = 1\n'
OWN = {"runtime": 'schemes = ["S1"]\n', "quantizer": 'writes = "qdq_onnx"\n[options]\nway = ["a", "b"]\n'}


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
    maker = (
        "from workbench.spi import Availability\n\nclass Q:\n    quantize = read_back = print\n\n"
        "    def probe(self):\n        return Availability(False, 'no tool', 'pip install tool')\n\nQUANTIZER = Q()\n"
    )
    for name, kind, tail, source in (
        ("elsewhere", "runtime", 'platforms = ["windows"]\n', code),
        ("maker", "quantizer", "", maker),
        ("sleepy", "runtime", "", sleepy),
        ("odd", "runtime", "", odd),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plugin.toml").write_text(MANIFEST.format(name, kind) + tail + OWN[kind])
        (tmp_path / name / f"{kind}.py").write_text(source)
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
    with pytest.raises(StudyError, match=r"'maker' is a native tool-chain, not a runtime\. Take it out"):
        find_runtime("maker")
    with pytest.raises(StudyError, match="'odd' is a runtime, not a native tool-chain"):
        find_quantizer("odd")
    with pytest.raises(StudyError, match="Did you mean 'maker'"):
        find_quantizer("makr")


def test_a_tool_chain_is_probed_as_a_runtime_is(extra: Path) -> None:
    manifest = find_quantizer("maker")
    assert isinstance(manifest, Manifest)
    state = probe(manifest)
    assert (state.kind, state.ok, state.reason, state.remedy) == ("quantizer", False, "no tool", "pip install tool")
    assert state.to_json()["options"] == {"way": ["a", "b"]}


def test_the_tool_chain_is_the_runtimes_and_the_interpreters(extra: Path) -> None:
    state = probe(find_plugin("maker", kind="quantizer"))
    assert state.interpreter["numpy"] == version("numpy")
    assert state.interpreter["python"] == platform.python_version()
    told = RuntimeState("x", "X", ok=True, versions={"numpy": "1", "tool": "2"}, interpreter={"numpy": "3"})
    assert told.tool_chain == {"interpreter's numpy": "3", "numpy": "1", "tool": "2"}


def test_runtimes_are_listed_before_tool_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [manifest for manifest, _, error in discover() if manifest and not error]
    monkeypatch.setattr(probing, "probe", lambda manifest: RuntimeState(manifest.id, "", ok=True, kind=manifest.kind))
    monkeypatch.setattr(probing, "discover", lambda: [(item, item.folder, "") for item in reversed(found)])
    kinds = [state.kind for state in probe_all()]
    assert kinds == sorted(kinds, key=["runtime", "quantizer"].index)
    assert kinds.count("quantizer") >= 2


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
