"""The same assertions for every native tool-chain: what `workbench.spi.Quantizer` promises; runtimes run it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.contexts import PlainContext
from helpers.plans import run_graph
from helpers.quantizers import quantize_arguments
from helpers.workers import PLUGINS, Files, N, run, write_files

from workbench.execution.discovery import Manifest, discover, load_quantizer, load_runtime
from workbench.execution.handlers import artifact_sha256
from workbench.files import sha256_of_file
from workbench.spi import Availability, OpenOptions, Placement

SMALL = "tiny_quantizer"
PROBE = """
import json, sys
from pathlib import Path
from workbench.execution.discovery import load_quantizer
from workbench.execution.jobs import PluginRef
availability = load_quantizer(PluginRef(sys.argv[1], Path(sys.argv[2]), (), sys.argv[3])).probe()
print(json.dumps([name for name in ("onnxruntime", "openvino", "nncf", "torch") if name in sys.modules]))
"""


def plugins_of(kind: str) -> list[Manifest]:
    """All usable plugins of a kind: those of the program, third parties', and the small pattern to start from."""
    found = [manifest for manifest, _, error in discover([PLUGINS]) if manifest and not error]
    return [each for each in found if each.kind == kind and (each.folder.parent != PLUGINS or each.id == SMALL)]


@dataclass(frozen=True)
class Tool:
    """One tool-chain and what it made of the small model in a worker."""

    manifest: Manifest
    files: Files
    record: dict[str, Any]
    facts: dict[str, str]

    @property
    def artifact(self) -> Path:
        return Path(self.record["artifact"])


@pytest.fixture(scope="module")
def tool_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A network of convolutions and a matrix product, and its samples."""
    return write_files(tmp_path_factory.mktemp("tool_model"))


@pytest.fixture(scope="module", params=plugins_of("quantizer"), ids=lambda manifest: manifest.id)
def tool(request: pytest.FixtureRequest, tool_files: Files, tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Each tool-chain in turn; skipped with its own reason where it is not usable."""
    manifest: Manifest = request.param
    availability = load_quantizer(manifest.ref).probe()
    assert isinstance(availability, Availability)
    if not availability.ok:
        assert availability.reason
        assert availability.remedy
        pytest.skip(f"{availability.reason}: {availability.remedy}")
    folder = tmp_path_factory.mktemp(manifest.id)
    record = quantize(manifest, tool_files, folder)
    facts = run("tool_facts", manifest.ref, {"artifact": record["artifact"]}, folder / "read", 300).require()["facts"]
    return Tool(manifest, tool_files, record, facts)


def quantize(manifest: Manifest, files: Files, folder: Path) -> dict[str, Any]:
    arguments = quantize_arguments(files, manifest, folder / "artifact")
    return run("quantize", manifest.ref, arguments, folder / "work", 300).require()


def test_probing_loads_no_tool_chain(tool: Tool) -> None:
    reference = tool.manifest.ref
    command = [sys.executable, "-c", PROBE, reference.id, str(reference.folder), reference.module]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_it_read_every_sample_of_ours(tool: Tool) -> None:
    assert tool.record["n_samples"] == N
    assert len(tool.record["samples_sha256"]) == 64


def test_what_it_chose_is_told_in_texts(tool: Tool) -> None:
    assert {"weights", "activations", "float nodes"} <= set(tool.facts)
    assert all(isinstance(text, str) and text for text in tool.facts.values())
    assert all(isinstance(text, str) for text in tool.record["notes"].values())


def test_a_second_worker_writes_the_same_bytes_and_leaves_the_model_alone(tool: Tool, tmp_path: Path) -> None:
    before = sha256_of_file(tool.files.model)
    again = quantize(tool.manifest, tool.files, tmp_path)
    assert again["artifact_sha256"] == tool.record["artifact_sha256"]
    assert again["samples_sha256"] == tool.record["samples_sha256"]
    assert sha256_of_file(tool.files.model) == before


def test_its_format_is_read_by_a_runtime(tool: Tool) -> None:
    assert any(tool.manifest.writes in runtime.reads for runtime in plugins_of("runtime"))


@pytest.mark.parametrize("manifest", [each for each in plugins_of("runtime") if each.reads], ids=lambda each: each.id)
def test_every_runtime_that_reads_it_runs_it(tool: Tool, manifest: Manifest, tmp_path: Path) -> None:
    if tool.manifest.writes not in manifest.reads:
        pytest.skip(f"{manifest.title} does not read {tool.manifest.writes}")
    runtime = load_runtime(manifest.ref)
    if not runtime.probe().ok:
        pytest.skip(runtime.probe().reason)
    canonical = onnx.load(tool.files.canonical)
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made.append(runtime.prepare(tool.artifact, None, PlainContext(tmp_path / name, "int8", canonical)))
    assert artifact_sha256(made[0].artifact) == artifact_sha256(made[1].artifact)
    feeds = {name: value[:1] for name, value in np.load(tool.files.folder / "samples.npz").items()}
    with runtime.open(made[0], OpenOptions("int8", threads=1, batch=1, work_dir=tmp_path)) as session:
        found = session.run(feeds)
        placement = session.placement()
    assert all(isinstance(row, Placement) for row in placement)
    assert sorted(row.node for row in placement if row.node) == sorted(node.name for node in canonical.graph.node)
    for name, value in run_graph(canonical, feeds).items():
        assert found[name].shape == value.shape
        assert float(np.sum((value - found[name]) ** 2) / np.sum(value**2)) < 0.05
