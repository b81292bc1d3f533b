"""Native candidates: their names, what is refused early, kept stages, and every way a tool-chain can end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.quantizers import candidate
from helpers.workers import living_children

from workbench.errors import JobCancelledError, StudyError
from workbench.execution import native
from workbench.execution.discovery import find_plugin
from workbench.execution.engine import RunOptions, run_study
from workbench.execution.native import Tool, tool_of, tools_of, why_not_read, with_tool_names
from workbench.execution.probing import RuntimeState
from workbench.execution.result import Result
from workbench.execution.study import Study, load_study, study_from_document

S1 = {"name": "S1", "scheme": {"name": "S1", "method": "minmax"}}
TINY = "Tiny quantizer, minmax"
ECHO_INT8 = {"id": "echo", "name": "echo", "precisions": ["int8"]}


@pytest.fixture(autouse=True)
def plugins(known_plugins: Path) -> Iterator[None]:
    yield
    assert living_children() == []


def study_of(*candidates: Mapping[str, Any], **tables: Any) -> Study:
    return study_from_document(
        studies.document([ECHO_INT8], candidates=[*candidates], **tables), Path("base"), "s.toml"
    )


def run_of(tmp_path: Path, *candidates: Mapping[str, Any], folder: str = "run") -> tuple[Result, list[dict[str, Any]]]:
    path = studies.write_study(tmp_path, studies.document([ECHO_INT8], candidates=[*candidates]))
    return studies.run(path, tmp_path / folder)


def int8_runs(result: Result) -> dict[str, Any]:
    return {run.candidate: run for run in result.runs if run.precision == "int8"}


def test_a_native_candidate_is_called_by_its_tool_chain() -> None:
    named = with_tool_names(study_of(S1, candidate("tiny_quantizer"), candidate("mine", range="first")))
    assert [item.name for item in named.candidates] == ["S1", TINY, "mine (Tiny quantizer, first)"]
    again = with_tool_names(named)
    assert again.file == named.file, "a name that tells the tool-chain stays"


def test_a_name_cannot_hide_another_tool_chain() -> None:
    (found,) = with_tool_names(study_of(candidate(TINY, range="first"))).candidates
    assert found.name == f"{TINY} (Tiny quantizer, first)"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"name": "a", "native": "tiny_quantiser"}, "no native tool-chain 'tiny_quantiser'. Did you mean 'tiny_quant"),
        ({"name": "a", "native": "echo"}, "'echo' is a runtime, not a native tool-chain"),
        (candidate("a", rnge="first"), "Tiny quantizer has no option 'rnge'. Did you mean 'range'?"),
        (candidate("a", range="middle"), "cannot have range = 'middle'. Give one of minmax, first."),
    ],
)
def test_a_mistake_is_one_line(item: Mapping[str, Any], text: str) -> None:
    with pytest.raises(StudyError) as caught:
        tools_of(study_of(item))
    assert text in str(caught.value)


def test_a_tool_chain_of_another_system_keeps_its_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'id = "elsewhere"\ntitle = "Elsewhere"\nkind = "quantizer"\nspi_version = 1\nwrites = "x"\n'
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "plugin.toml").write_text(text + 'platforms = ["windows"]\n', encoding="utf-8")
    (folder / "quantizer.py").write_text("QUANTIZER = None\n", encoding="utf-8")
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(tmp_path))
    (found,) = study_of({"name": "a", "native": "elsewhere"}).candidates
    tool = tool_of(found)
    assert isinstance(tool.found, RuntimeState)
    assert (tool.title, tool.writes) == ("Elsewhere", "")
    assert "windows" in tool.found.reason


def test_which_runtime_reads_what() -> None:
    tool = tool_of(study_of(candidate()).candidates[0])
    assert why_not_read(tool, find_plugin("echo")) == ""
    assert why_not_read(tool, find_plugin("openvino")) == ""
    ir = Tool("nncf", "NNCF", {}, find_plugin("nncf", kind="quantizer"))
    assert why_not_read(ir, find_plugin("openvino")) == ""
    assert (
        why_not_read(ir, find_plugin("echo"))
        == "NNCF writes OpenVINO IR, Echo (ONNX reference evaluator) reads ONNX with Q/DQ nodes"
    )
    assert why_not_read(tool, find_plugin("slow")).endswith("reads no tool-chain's artifact")


def test_the_record_of_a_native_candidate_and_what_is_kept(tmp_path: Path) -> None:
    rows = [ECHO_INT8, {"id": "slow", "name": "slow", "precisions": ["int8"]}]
    path = studies.write_study(tmp_path, studies.document(rows, candidates=[S1, candidate("tiny_quantizer")]))
    result, events = studies.run(path, tmp_path / "run")
    assert studies.states(events, "Quantize") == ["start", "done"]
    check_candidates(result)
    check_runs(result)
    _, events = studies.run(path, tmp_path / "run")
    assert studies.states(events, "Quantize") == ["kept"]
    assert studies.states(events, "Run echo") == ["kept", "kept"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "plugin_sha256", lambda manifest: "other files")
        _, events = studies.run(path, tmp_path / "run")
    assert studies.states(events, "Quantize") == ["start", "done"]
    content = studies.document([ECHO_INT8], candidates=[candidate("tiny_quantizer", range="first")])
    studies.write_study_file(path, content)
    changed, events = studies.run(path, tmp_path / "run")
    assert studies.states(events, "Quantize") == ["start", "done"]
    assert changed.candidates[0].native.artifact_sha256 != result.candidates[1].native.artifact_sha256


def check_candidates(result: Result) -> None:
    ours, tool = result.candidates
    assert (tool.name, tool.scheme_title) == (TINY, f"native tool-chain: {TINY}")
    assert tool.native is not None
    assert ours.native is None
    assert tool.native.facts == {
        "weights": "none", "activations": "1 int8, symmetric, per tensor", "float nodes": "all",
    }  # fmt: skip
    assert tool.native.options == {"range": "minmax", "fault": "none"}
    assert ours.calibration is not None
    assert tool.calibration is not None
    for key in ("n", "sha256"):
        assert tool.calibration[key] == ours.calibration[key], "the same samples in the same order"


def check_runs(result: Result) -> None:
    found = {(run.label, run.candidate): run for run in result.runs if run.precision == "int8"}
    run = found["echo", TINY]
    assert (run.status, run.plan_sha256, run.parity) == ("ok", None, None)
    assert "no plan to compare with" in run.reasons["parity"]
    assert "quantizer onnx" in run.versions
    assert run.divergence is not None
    assert run.divergence.execution_nmse == pytest.approx(0, abs=1e-10), "echo runs what the reference simulates"
    assert [item.candidate for item in result.runs if item.precision == "simulated"] == ["S1", TINY]
    (exchange,) = result.exchanges
    assert (exchange.label, exchange.instead_of, exchange.candidate) == ("echo", "S1", TINY)
    assert exchange.answers_differ is not None
    assert exchange.nmse > 0
    slow = found["slow", TINY]
    assert (slow.status, slow.required) == ("not_available", False), "no runtime is missing here"
    assert slow.problem.message.startswith(f"{TINY} writes ONNX with Q/DQ nodes, ")


FAULTS = {
    "crash": ("crashed", "SIGSEGV"),
    "raise": ("failed", "the tool-chain says no"),
    "writes_nothing": ("failed", "absent.onnx"),
    "tells_nothing": ("failed", "tells nothing of activations"),
}


def test_tool_chains_that_fail_leave_the_rest_alone(tmp_path: Path) -> None:
    result, events = run_of(tmp_path, S1, *(candidate(fault, fault=fault) for fault in FAULTS))
    runs = int8_runs(result)
    assert runs.pop("S1").status == "ok"
    assert len(runs) == len(FAULTS)
    for (fault, (status, text)), (name, run) in zip(FAULTS.items(), runs.items(), strict=True):
        assert name == f"{fault} (Tiny quantizer, minmax, fault {fault})"
        assert (run.status, run.required) == (status, True)
        assert text in run.problem.message
    assert [item.native.artifact_sha256 for item in result.candidates[1:]] == [None] * len(FAULTS)
    assert result.exchanges == []
    assert studies.states(events, "Quantize") == ["start", "failed"] * len(FAULTS)


def test_a_hang_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "QUANTIZE_TIMEOUT_S", 2.0)
    result, _ = run_of(tmp_path, candidate("bad", fault="hang"))
    (run,) = int8_runs(result).values()
    assert run.status == "timed_out"


def test_a_cancel_ends_it(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, studies.document([ECHO_INT8], candidates=[candidate("bad", fault="hang")]))
    cancel = threading.Event()

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "stage" and event["name"].startswith("Quantize"):
            threading.Timer(0.5, cancel.set).start()

    with pytest.raises(JobCancelledError):
        run_study(load_study(path), tmp_path / "run", RunOptions(), on_event, cancel)


def test_without_calibration_data_it_says_so_before_the_long_work(tmp_path: Path) -> None:
    content = studies.document([ECHO_INT8], candidates=[candidate("tiny")])
    del content["data"]["calibration"]
    path = studies.write_study(tmp_path, content)
    with pytest.raises(StudyError, match=r"Tiny quantizer, minmax needs calibration data"):
        studies.run(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
