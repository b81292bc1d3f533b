"""The job that runs probe graphs, called in this process: files, events, refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.workers import plugin

from workbench.errors import ContractError
from workbench.execution.handlers_probe import FEEDS, HANDLERS, MODEL, OUTPUT, PLAN, probe_patterns
from workbench.execution.worker import Channel, find_handler
from workbench.model.load import save_proto
from workbench.quant.integer_graph import IntegerGraph
from workbench.quant.plan import save_plan
from workbench.quant.probe_graphs import PATTERNS, SAMPLES, Probe, make_probe
from workbench.spi import Deviation


@pytest.fixture
def probe(tmp_path: Path) -> Probe:
    made = make_probe(PATTERNS[0])
    place = tmp_path / "conv"
    place.mkdir()
    save_proto(made.model, place / MODEL)
    save_plan(made.plan, place / PLAN)
    np.savez(place / FEEDS, **made.feeds)
    return made


def events(folder: Path, patterns: list[str]) -> list[dict[str, Any]]:
    out = io.StringIO()
    arguments = {"folder": str(folder), "patterns": patterns, "output": "y", "batch": SAMPLES, "target": "x64"}
    assert probe_patterns(plugin("echo"), arguments, Channel(out, folder)) == {}
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_worker_finds_it() -> None:
    assert find_handler("probe_patterns") is HANDLERS["probe_patterns"]


def test_outputs_lie_in_the_patterns_folder_and_placement_is_told(probe: Probe, tmp_path: Path) -> None:
    told = [event for event in events(tmp_path, ["conv"]) if event["event"] == "pattern"]
    assert [event["pattern"] for event in told] == ["conv"]
    assert [row["node"] for row in told[0]["placement"]] == ["y_conv"]
    expected = IntegerGraph(probe.model, probe.plan).run(probe.feeds)["y"]
    np.testing.assert_array_equal(np.load(tmp_path / "conv" / OUTPUT), expected)


@pytest.mark.usefixtures("probe")
def test_a_refusal_is_told_and_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.execution.discovery import load_runtime

    refusal = Deviation(None, "S1", "nothing", "no integers here", refuses=True)
    monkeypatch.setattr(load_runtime(plugin("echo")), "realise", lambda *_: [refusal], raising=False)
    told = [event for event in events(tmp_path, ["conv"]) if event["event"] == "pattern"]
    assert told == [{"event": "pattern", "pattern": "conv", "refused": "no integers here"}]
    assert not (tmp_path / "conv" / OUTPUT).exists()


def test_it_needs_a_plugin(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="needs a plugin"):
        probe_patterns(None, {"patterns": []}, Channel(io.StringIO(), tmp_path))
