"""A worker's job kinds called in this process: answers as JSON, artifacts checked and hashed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.workers import Files, plugin, write_files

from workbench.errors import ContractError
from workbench.execution import handlers
from workbench.execution.handlers import HANDLERS, artifact_sha256, prepare, probe, read_back, realise
from workbench.execution.jobs import PluginRef
from workbench.execution.realised import load_realised
from workbench.execution.worker import Channel
from workbench.quant.plan import load_plan
from workbench.quant.scheme import Scheme
from workbench.spi import Prepared


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return Channel(io.StringIO(), tmp_path)


def test_every_kind_is_registered() -> None:
    assert set(HANDLERS) == {"probe", "realise", "prepare", "read_back", "cell"}


def test_probe_and_realise_answer_in_json(files: Files, channel: Channel) -> None:
    assert json.loads(json.dumps(probe(plugin("echo"), {}, channel)))["ok"] is True
    arguments = {"canonical": str(files.canonical), "scheme": Scheme("S1").to_json(), "settings": {}}
    assert realise(plugin("echo"), arguments, channel) == {"deviations": []}
    with pytest.raises(ContractError, match="needs a plugin"):
        probe(None, {}, channel)


@pytest.mark.parametrize(
    ("method", "value", "text"),
    [
        ("probe", None, "echo: probe returned nothing, not an Availability"),
        ("realise", None, "echo: realise returned nothing, not a list of Deviation"),
        ("prepare", Path("a.onnx"), "echo: prepare returned a PosixPath, not a Prepared"),
        ("prepare", Prepared("a.onnx"), "echo: prepare: artifact returned a str, not a Path"),  # type: ignore[arg-type]
        ("read_back", {}, "echo: read_back returned a dict, not a RealisedParameters"),
    ],
)
def test_a_wrong_answer_is_named_where_it_was_given(
    files: Files, channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, value: Any, text: str
) -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: value

    monkeypatch.setattr(handlers, "load_plugin", lambda _: Odd())
    monkeypatch.setattr(handlers, "load_runtime", lambda _: Odd())
    arguments = {
        "probe": {},
        "realise": {"canonical": str(files.canonical), "scheme": Scheme("S1").to_json(), "settings": {}},
        "prepare": files.prepare_arguments(tmp_path / "work"),
        "read_back": {"artifact": "a.onnx"},
    }[method]
    with pytest.raises(ContractError) as caught:
        HANDLERS[method](plugin("echo"), arguments, channel)
    assert str(caught.value) == text


def test_prepare_empties_its_folder_and_hashes_the_artifact(files: Files, channel: Channel, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    (work_dir / "old").write_text("left by a killed run", encoding="utf-8")
    answer = prepare(plugin("echo"), files.prepare_arguments(work_dir, "int8"), channel)
    artifact = Path(answer["artifact"])
    assert not (work_dir / "old").exists()
    assert answer["artifact_sha256"] == artifact_sha256(artifact)
    assert answer["artifact_bytes"] == sum(path.stat().st_size for path in artifact.iterdir())
    assert answer["build_s"] > 0
    assert answer["notes"] == {"opset": "17"}
    parameters = read_back(plugin("echo"), {"artifact": str(artifact)}, channel)["parameters"]
    assert set(load_realised(Path(parameters)).tensors) == set(load_plan(files.plan).tensors)


def test_a_folders_hash_covers_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a").write_bytes(b"1")
    first = artifact_sha256(folder)
    (folder / "inner" / "a").rename(folder / "inner" / "b")
    renamed = artifact_sha256(folder)
    (folder / "inner" / "b").write_bytes(b"2")
    assert len({first, renamed, artifact_sha256(folder), artifact_sha256(folder / "inner" / "b")}) == 4


@pytest.mark.parametrize(("name", "text"), [("../elsewhere", "outside its work_dir"), ("absent", "does not exist")])
def test_artifacts_that_are_not_there_are_refused(
    files: Files, channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    class Faulty:
        def prepare(self, model: Path, plan: Any, context: Any) -> Prepared:
            return Prepared(context.work_dir / name)

    monkeypatch.setattr(handlers, "load_runtime", lambda reference: Faulty())
    with pytest.raises(ContractError, match=f"faulty: .*{text}"):
        prepare(PluginRef("faulty", tmp_path), files.prepare_arguments(tmp_path / "work"), channel)
