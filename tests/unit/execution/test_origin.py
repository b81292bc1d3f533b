"""What stored answers depend on besides their inputs, each part shown to change the key, and old stores done again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from helpers import studies

import workbench
from workbench.errors import StudyError
from workbench.execution import handlers, origin
from workbench.execution.discovery import find_plugin, read_manifest
from workbench.execution.origin import code_sha256, library_versions, plugin_sha256, program_origin
from workbench.execution.probing import RuntimeState, probe
from workbench.execution.result import Result
from workbench.execution.store import cell_folder

ROWS = [{"id": "mine", "name": "mine", "precisions": ["fp32"]}]
NOTES = 'notes={"opset": str(context.graph.opset)}'


def _version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workbench, "__version__", "99.0")


def _code(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(origin, "own_code_sha256", lambda: "another state of the checkout")


def _onnxruntime(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(origin, "version", lambda name: "1.99.0" if name.startswith("onnxruntime") else version(name))


def _processor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(origin, "isa_flags", lambda: "sse4.2 avx2")


PARTS: Mapping[str, Callable[[pytest.MonkeyPatch], None]] = {
    "version": _version, "code": _code, "onnxruntime": _onnxruntime, "processor": _processor,
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    """A study on the plugin `mine` that was run; tests copy its folder."""

    path: Path
    folder: Path
    result: Result


def write_plugin(root: Path) -> Path:
    """A plugin of somebody's own: the echo runtime under another id."""
    folder = root / "plugins" / "mine"
    shutil.copytree(studies.PLUGINS / "echo", folder, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = (folder / "plugin.toml").read_text(encoding="utf-8")
    (folder / "plugin.toml").write_text(manifest.replace('id = "echo"', 'id = "mine"'), encoding="utf-8")
    return folder


@pytest.fixture
def own_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's own plugin, made known."""
    folder = write_plugin(tmp_path)
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(folder))
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The study, run once."""
    root = tmp_path_factory.mktemp("origin")
    path = studies.write_study(root / "study", studies.document(ROWS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INT8_WORKBENCH_PLUGINS", str(write_plugin(root)))
        result, _ = studies.run(path, root / "run")
    return Done(path, root / "run", result)


@pytest.fixture(autouse=True)
def processor_is_read_anew() -> Any:
    origin.processor.cache_clear()
    yield
    origin.processor.cache_clear()


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_program_is_in_its_origin(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = program_origin()
    assert json.loads(json.dumps(before)) == before
    assert program_origin() == before
    PARTS[part](monkeypatch)
    origin.processor.cache_clear()
    assert program_origin() != before


def test_the_code_that_computes_counts_and_what_shows_it_does_not(tmp_path: Path) -> None:
    for name in ("errors.py", "quant/plan.py", "ui/window.py", "report/sheet.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a = 1\n", encoding="utf-8")
    found = [code_sha256(tmp_path)]
    for name in ("ui/window.py", "report/sheet.py"):
        (tmp_path / name).write_text("a = 2\n", encoding="utf-8")
    assert code_sha256(tmp_path) == found[0]
    for name in ("errors.py", "quant/plan.py"):
        (tmp_path / name).write_text("a = 2\n", encoding="utf-8")
        found.append(code_sha256(tmp_path))
    (tmp_path / "quant" / "plan.py").rename(tmp_path / "quant" / "other.py")
    found.append(code_sha256(tmp_path))
    assert len(set(found)) == 4


def test_libraries_that_are_not_installed_are_left_out() -> None:
    assert library_versions(["numpy", "no-such-distribution"]) == {"numpy": version("numpy")}


def test_a_plugin_is_its_files_and_not_what_python_leaves_beside_them(own_plugin: Path) -> None:
    manifest, _ = read_manifest(own_plugin)
    assert manifest is not None
    found = [plugin_sha256(manifest)]
    (own_plugin / "__pycache__").mkdir(exist_ok=True)
    (own_plugin / "__pycache__" / "runtime.cpython-311.pyc").write_bytes(b"1")
    assert plugin_sha256(manifest) == found[0]
    (own_plugin / "kernels.bin").write_bytes(b"1")
    found.append(plugin_sha256(manifest))
    (own_plugin / "kernels.bin").write_bytes(b"2")
    found.append(plugin_sha256(manifest))
    assert len(set(found)) == 3
    bundled = [plugin_sha256(find_plugin(name)) for name in ("ort_cpu", "openvino")]
    assert bundled[0] == bundled[1] != found[0], "those of the program share code"


def test_a_plugin_that_cannot_be_read_is_one_line(own_plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    manifest, _ = read_manifest(own_plugin)
    assert manifest is not None
    monkeypatch.setattr(origin, "sha256_of_file", refuse)
    with pytest.raises(StudyError, match="The code in mine cannot be read: Permission denied"):
        plugin_sha256(manifest)


def test_what_is_stored_is_done_again_when_its_origin_changed(own_plugin: Path, done: Done, tmp_path: Path) -> None:
    def of_another_interpreter(*arguments: Any) -> RuntimeState:
        return replace(probe(*arguments), interpreter={"python": "3.13.1", "numpy": "9.0"})

    shutil.copytree(done.folder, tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.execution.engine.probe", of_another_interpreter)
        _, events = studies.run(done.path, tmp_path / "run")
    assert studies.states(events, "Build") == studies.states(events, "Run") == ["start", "done"]
    assert studies.states(events, "FP32 reference") == ["kept"]
    with pytest.MonkeyPatch.context() as patch:
        _onnxruntime(patch)
        _, events = studies.run(done.path, tmp_path / "run")
    for name in ("Scan", "Model", "FP32 reference", "Build", "Run"):
        assert studies.states(events, name)[:2] == ["start", "done"], name


def test_a_changed_plugin_file_runs_its_own_rows_again_and_nothing_else(own_plugin: Path, tmp_path: Path) -> None:
    rows = [*ROWS, {"id": "ort_cpu", "name": "other", "precisions": ["fp32"]}]
    path = studies.write_study(tmp_path / "study", studies.document(rows))
    studies.run(path, tmp_path / "run")
    source = (own_plugin / "runtime.py").read_text(encoding="utf-8")
    (own_plugin / "runtime.py").write_text(source.replace(NOTES, 'notes={"opset": "mine"}'), encoding="utf-8")
    result, events = studies.run(path, tmp_path / "run")
    assert result.runs[0].facts["opset"] == "mine"
    assert studies.states(events, "Run mine") == studies.states(events, "Build mine") == ["start", "done"]
    for name in ("Run other", "Build other", "FP32 reference"):
        assert studies.states(events, name) == ["kept"], name


def test_what_lies_beside_an_artifact_is_part_of_a_cells_key(own_plugin: Path, done: Done, tmp_path: Path) -> None:
    shutil.copytree(done.folder, tmp_path / "run")
    place = tmp_path / "run" / "artifacts" / "mine" / "S1" / "fp32" / "stage.json"
    record = json.loads(place.read_text(encoding="utf-8"))
    for key, value in (("beside_sha256", "0" * 64), ("notes", {"opset": "another"})):
        record["value"][key] = value
        place.write_text(json.dumps(record), encoding="utf-8")
        _, events = studies.run(done.path, tmp_path / "run")
        assert (studies.states(events, "Build"), studies.states(events, "Run")) == (["kept"], ["start", "done"]), key


def test_the_hash_of_what_lies_beside_leaves_the_artifact_out(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"1")
    (tmp_path / "names.json").write_bytes(b"1")

    def beside() -> str:
        return handlers._listing_sha256(tmp_path, handlers._beside(tmp_path / "a.onnx", tmp_path))

    before = beside()
    (tmp_path / "a.onnx").write_bytes(b"2")
    assert beside() == before
    (tmp_path / "names.json").write_bytes(b"2")
    assert beside() != before


def test_an_older_programs_store_is_done_again(own_plugin: Path, done: Done, tmp_path: Path) -> None:
    shutil.copytree(done.folder, tmp_path / "run")
    for stage in (tmp_path / "run").rglob("stage.json"):
        record = json.loads(stage.read_text(encoding="utf-8"))
        stage.write_text(json.dumps({**record, "key": "0" * 64, "value": {"n": 3}}), encoding="utf-8")
    result, events = studies.run(done.path, tmp_path / "run")
    assert "kept" not in {event["state"] for event in events if event["event"] == "stage"}
    assert [run.outputs_sha256 for run in result.runs] == [run.outputs_sha256 for run in done.result.runs]
    assert cell_folder(tmp_path / "run", "mine", "S1", "fp32").is_dir()
