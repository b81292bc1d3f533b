"""A tool-chain's jobs called in this process: artifact, hash of the samples, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.quantizers import quantize_arguments, tiny
from helpers.workers import Files, N, write_files

from workbench.errors import ContractError, JobCancelledError
from workbench.execution.bundle import open_bundle
from workbench.execution.handlers import artifact_sha256
from workbench.execution.handlers_native import HANDLERS, quantize, tool_facts
from workbench.execution.worker import Channel, find_handler


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return Channel(io.StringIO(), tmp_path)


def test_workers_know_both_kinds() -> None:
    assert {find_handler(kind) for kind in HANDLERS} == {quantize, tool_facts}


def test_the_record_tells_artifact_samples_and_notes(files: Files, channel: Channel, tmp_path: Path) -> None:
    arguments = quantize_arguments(files, tiny(), tmp_path / "work")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "old").write_text("left by a killed run", encoding="utf-8")
    record = json.loads(json.dumps(quantize(tiny().ref, arguments, channel)))
    artifact = Path(record["artifact"])
    assert not (tmp_path / "work" / "old").exists()
    assert record["artifact_sha256"] == artifact_sha256(artifact)
    assert record["artifact_bytes"] == artifact.stat().st_size
    assert record["samples_sha256"] == open_bundle(arguments["samples"]).sha256
    assert record["n_samples"] == N
    assert record["notes"] == {"format": "ONNX with one Q/DQ pair"}
    facts = tool_facts(tiny().ref, {"artifact": str(artifact)}, channel)["facts"]
    assert facts["activations"] == "1 int8, symmetric, per tensor"


def test_only_the_samples_that_were_read_count(files: Files, channel: Channel, tmp_path: Path) -> None:
    arguments = quantize_arguments(files, tiny(), tmp_path / "work", range="first")
    assert quantize(tiny().ref, arguments, channel)["n_samples"] == 1


@pytest.mark.parametrize(
    ("fault", "text"),
    [("reads_nothing", "read no calibration sample"), ("writes_nothing", "absent.onnx that it named does not exist")],
)
def test_a_broken_contract_is_named(files: Files, channel: Channel, tmp_path: Path, fault: str, text: str) -> None:
    arguments = quantize_arguments(files, tiny(), tmp_path / "work", fault=fault)
    with pytest.raises(ContractError, match=f"tiny_quantizer: .*{text}"):
        quantize(tiny().ref, arguments, channel)


def test_facts_that_the_sheet_needs_are_not_left_out(files: Files, channel: Channel) -> None:
    with pytest.raises(ContractError, match="tells nothing of activations, float nodes"):
        tool_facts(tiny().ref, {"artifact": str(files.model)}, channel)


def test_a_cancel_ends_it_at_the_next_sample(files: Files, channel: Channel, tmp_path: Path) -> None:
    channel.take({"command": "cancel"})
    with pytest.raises(JobCancelledError):
        quantize(tiny().ref, quantize_arguments(files, tiny(), tmp_path / "work"), channel)


def test_without_a_plugin_there_is_nothing_to_do(channel: Channel) -> None:
    arguments: dict[str, Any] = {"artifact": "x"}
    with pytest.raises(ContractError, match="needs a plugin"):
        tool_facts(None, arguments, channel)
