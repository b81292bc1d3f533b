"""The finding in words."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import native_results, results

from workbench.execution.result import GateVerdict, Result
from workbench.report import verdicts


def spoken(result: Result) -> list[str]:
    return [f"{entry['lead']} {entry['detail']}" for entry in verdicts.sentences(result)]


def test_a_run_of_which_nothing_is_int8_says_so_first() -> None:
    result = results.ordinary()
    runs = [run.model_copy(update={"int8_mac_share": 0.0}) for run in result.runs]
    found = verdicts.sentences(result.model_copy(update={"runs": runs}))
    finished = [entry for entry in found if entry["state"] != "missing"]
    assert finished
    assert all(entry["detail"].startswith("Nothing of it ran in INT8. ") for entry in finished)
    assert not any("Nothing of it" in entry["detail"] for entry in verdicts.sentences(result))


def test_sentences_in_the_manner_of_the_design() -> None:
    ship, unknown, crashed, absent = spoken(results.ordinary())
    assert ship == (
        "ONNX Runtime: ship. Keeps accuracy within 1 point (−0.2 [−0.6, +0.2]), 2.8× [2.7, 2.9] its own FP32, "
        "1.90× the fastest float here."
    )
    assert unknown.startswith(
        "OpenVINO: cannot tell. −0.9 [−1.6, −0.2] points against a limit of 1 point; needs about 4,900 images."
    )
    assert crashed.startswith("TensorRT: crashed (SIGSEGV). The worker died while building the engine.")
    assert absent == "Core ML: not measured. Core ML needs macOS."


def test_failed_gate_says_by_how_much() -> None:
    document = results.ordinary_document()
    document["verdicts"][0]["verdict"] = "FAIL"
    document["verdicts"][0]["limit"] = 0.1
    line = spoken(Result.model_validate(document))[0]
    assert line.startswith("ONNX Runtime: do not ship. −0.2 [−0.6, +0.2] points, more than the 0.1 points allowed,")


def test_other_gates_speak_with_their_own_text() -> None:
    document = results.ordinary_document()
    document["verdicts"][0].update(gate="min_speedup", verdict="FAIL", text="2.8 times, 3 were asked for.")
    line = spoken(Result.model_validate(document))[0]
    assert line.startswith("ONNX Runtime: do not ship. Speed against its own FP32 2.8 times, 3 were asked for, ")
    assert "asked for, −0.2 [" in line


def test_a_gate_that_could_not_be_judged_says_what_it_is_about() -> None:
    document = results.ordinary_document()
    document["verdicts"][0].update(gate="min_top1_agreement", verdict="CANNOT TELL", text="no figure: not measured")
    line = spoken(Result.model_validate(document))[0]
    assert "; same answer as FP32: no figure: not measured." in line


def test_rows_that_agree_say_so() -> None:
    document = results.ordinary_document()
    document["disagreements"][0]["answers_differ"] = 0
    assert verdicts.disagreements(Result.model_validate(document)) == ["They agree on all 2,000."]


def test_accuracy_gate_without_labels_gives_its_reason() -> None:
    document = results.unlabelled().model_dump(mode="json")
    document["verdicts"] = results.ordinary_document()["verdicts"]
    document["verdicts"][0].update(verdict="CANNOT TELL", value=None, interval=None, text="no figure: no labels, -3")
    line = spoken(Result.model_validate(document))[0]
    assert "against a limit" not in line
    assert "no figure: no labels, −3." in line


def test_without_gates_the_sentence_is_neutral() -> None:
    line = spoken(results.without_gates())[0]
    assert line.startswith("ONNX Runtime: no gates set. −0.2 [−0.6, +0.2] points, 2.8×")


def test_sqnr_speaks_last_and_only_with_its_interval() -> None:
    document = results.unlabelled().model_dump(mode="json")
    for run in document["runs"]:
        run["top1_agreement"] = None
    assert "15.8 [15.7, 16.0] dB SQNR against FP32" in spoken(Result.model_validate(document))[0]
    for run in document["runs"]:
        run["sqnr_db_interval"] = None
    assert "SQNR" not in spoken(Result.model_validate(document))[0]


def test_without_labels_agreement_speaks() -> None:
    assert "Same answer as FP32 on 82.9 % [81.2, 84.5]" in spoken(results.unlabelled())[0]


def test_refused_scheme_is_called_so() -> None:
    document = results.ordinary_document()
    refusing = {"node": None, "requested": "S2", "realised": "nothing", "reason": "symmetric only", "refuses": True}
    document["runs"][-1]["deviations"] = [refusing]
    assert spoken(Result.model_validate(document))[-1] == "Core ML: refused. Not realisable: symmetric only."


def test_figure_without_interval_is_not_said() -> None:
    document = results.ordinary_document()
    for run in document["runs"]:
        for speedup in run.get("speedup", []):
            speedup["interval"] = None
    assert "×" not in spoken(Result.model_validate(document))[0]


@pytest.mark.parametrize(
    ("found", "expected"),
    [([], "none"), (["PASS"], "pass"), (["PASS", "CANNOT TELL"], "unknown"), (["CANNOT TELL", "FAIL"], "fail")],
)
def test_worst_gate_counts(found: list[Any], expected: str) -> None:
    common: dict[str, Any] = {"gate": "g", "label": "a", "candidate": "b", "limit": 1, "value": 1, "interval": None}
    gates = [GateVerdict(**common, text="", verdict=verdict) for verdict in found]
    assert verdicts.overall(gates) == expected


def test_title_names_what_differs() -> None:
    title = "MobileNet · INT8 S1 against FP32 · 2,000 images · what differs: the runtime"
    assert verdicts.title(results.ordinary()) == title


def test_notes_and_resolution() -> None:
    assert verdicts.notes(results.ordinary()) == ["They disagree on 31 of 2,000.", "This set resolves 0.7 points."]


def test_short_runs_are_noted() -> None:
    document = results.ordinary_document()
    document["runs"][3]["throughput_per_s"]["label"] = "SHORT"
    result = Result.model_validate(document)
    assert any("SHORT" in note for note in verdicts.notes(result))
    assert "its own FP32 (SHORT)" in verdicts.headline(result, verdicts.sentences(result))


def test_chips_tell_parity_and_overlap() -> None:
    document = results.ordinary_document()
    document["overlap"] = 3
    document["runs"][3]["parity"]["mismatches"] = [
        {"kind": "weight", "name": "w", "field": "scale", "planned": "1", "found": "2"}
    ]
    chips = {chip["text"]: chip["state"] for chip in verdicts.chips(Result.model_validate(document))}
    assert chips["same numbers in every artifact: no, 1 differ"] == "bad"
    assert chips["overlap 3"] == "bad"
    document["runs"][3]["parity"] = {"checked": 113, "mismatches": [], "declared": 9}
    chips = {chip["text"]: chip["state"] for chip in verdicts.chips(Result.model_validate(document))}
    assert chips["same numbers in every artifact but for 9 that a deviation declares"] == "plain"


@pytest.mark.parametrize("build", [results.all_null, results.no_runtimes, results.long_names])
def test_odd_results_have_a_headline(build: Any) -> None:
    result = build()
    line = verdicts.headline(result, verdicts.sentences(result))
    assert line.endswith(".")
    assert "None" not in line


def test_candidates_are_told_apart() -> None:
    lines = spoken(results.two_candidates())
    assert lines[0].startswith("ONNX Runtime · model: ship.")
    assert lines[-1].startswith("ONNX Runtime · student: ship.")
    assert verdicts.title(results.two_candidates()).endswith("what differs: the runtime, the candidate")


def test_a_disturbed_speed_says_what_disturbed_it() -> None:
    document = results.ordinary_document()
    timed = [run for run in document["runs"] if run.get("throughput_per_s")]
    for run in timed[:2]:
        run["throughput_per_s"].update(label="DISTURBED", label_reason="other processes took 40% of 2 CPU threads")
    last = verdicts.notes(Result.model_validate(document))[-1]
    name = f"{timed[0]['label']} {timed[0]['precision'].upper()}"
    assert last == (
        f"Speeds marked DISTURBED are not steady: {name}: other processes took 40% of 2 CPU threads; 1 more run."
    )


def _first_int8(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(
        run for run in document["runs"] if run["precision"] == "int8" and run["status"] == "ok"
    )
    return found


def test_the_reference_evaluator_is_never_called_a_result_of_a_runtime() -> None:
    document = results.ordinary_document()
    run = _first_int8(document)
    run["facts"] = {"evidence": "reference evaluator"}
    run["int8_mac_share"] = 0.0
    result = Result.model_validate(document)
    line = spoken(result)[0]
    assert line.startswith("ONNX Runtime: reference evaluator. ")
    assert line.endswith(verdicts.NO_RUNTIME)
    assert "Nothing of it ran in INT8" not in line


def test_an_int8_run_in_float_kernels_is_called_a_simulation_and_has_no_speed() -> None:
    document = results.ordinary_document()
    run = _first_int8(document)
    run["facts"] = {**run.get("facts", {}), "evidence": "simulated"}
    run.update(throughput_per_s=None, speedup=[], latency_ms=None)
    result = Result.model_validate(document)
    line = spoken(result)[0]
    assert line == "ONNX Runtime: simulated INT8 (float kernels). −0.2 [−0.6, +0.2] points."
    assert "ONNX Runtime: simulated INT8 (float kernels) (−0.2" in verdicts.headline(result, verdicts.sentences(result))


@pytest.mark.parametrize(("mismatches", "words"), [([], "Artifact verified."), (["x"], "differs from the plan in 1")])
def test_a_run_without_its_device_says_what_is_known_of_the_artifact(mismatches: list[str], words: str) -> None:
    document = results.ordinary_document()
    run = next(run for run in document["runs"] if run["status"] == "not_available")
    wrong = [{"name": name, "kind": "tensor", "field": "scale", "planned": "1", "found": "2"} for name in mismatches]
    run["parity"] = {"checked": 3, "mismatches": wrong}
    run["problem"] = {"message": "no NVIDIA GPU is in this machine; no driver", "remedy": "Use another."}
    line = spoken(Result.model_validate(document))[-1]
    assert words in line
    assert line.endswith("No NVIDIA GPU is in this machine.")


def test_a_native_tool_chain_is_named_in_title_chips_sentences_and_notes() -> None:
    result = native_results.native()
    assert verdicts.title(result).endswith("what differs: the runtime, the tool-chain")
    assert "INT8 S1 / native tool-chain against FP32" in verdicts.title(result)
    assert "1 native tool-chain, numbers of its own" in [chip["text"] for chip in verdicts.chips(result)]
    spoken = next(item for item in verdicts.sentences(result) if item["candidate"] == native_results.TITLE)
    assert spoken["lead"].startswith(f"{results.ORT} \N{MIDDLE DOT} {native_results.TITLE}: ")
    note = f"{results.ORT}: {native_results.TITLE} instead of model changes the answer on 31 of 2,000 images"
    assert any(line.startswith(note) for line in verdicts.notes(result))


def test_many_open_and_many_failed_gates_still_make_a_short_sentence() -> None:
    document = results.ordinary_document()
    template = document["verdicts"][0]
    names = ["max_accuracy_drop_points", "min_top1_agreement", "min_sqnr_db", "min_speedup", "max_latency_ms_p90"]
    names += ["max_latency_ms_p99", "min_throughput_per_s", "max_baseline_answers_changed", "min_baseline_speed_ratio"]
    text = "0.9477 [0.8046, 0.9799]x, at least 1.2x asked: other processes took 64 % of 2 CPU threads, 68 % at most"
    for verdict in ("CANNOT TELL", "FAIL"):
        document["verdicts"] = [{**template, "gate": name, "verdict": verdict, "text": text} for name in names]
        line = spoken(Result.model_validate(document))[0]
        assert len(line) < 550, line
    assert "; 6 more gates" in line or ", 6 more gates" in line
