"""Gates that could not be judged, in a line that stays short."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workbench.execution.result import GateVerdict
from workbench.measure.gates import GATES
from workbench.report.open_gates import gate_text, open_words, short_list, true_minus


def entry(gate: str, text: str, needs_n: int | None = None) -> GateVerdict:
    common: dict[str, Any] = {"label": "a", "candidate": "b", "limit": 1, "value": 1, "interval": None}
    return GateVerdict(gate=gate, verdict="CANNOT TELL", text=text, needs_n=needs_n, **common)


def test_a_gate_says_what_it_judges_with_a_true_minus() -> None:
    assert gate_text(entry("min_sqnr_db", "-3 dB, at least 2 dB asked.")) == "SQNR −3 dB, at least 2 dB asked"
    assert gate_text(entry("min_sqnr_db", "no figure: not measured")) == "SQNR: no figure: not measured"
    assert true_minus("S-1 fell by -2") == "S-1 fell by −2"


def test_one_open_gate_keeps_its_figure() -> None:
    text = "80 [65.2, 89.5] %, at least 75 % asked: needs about 349 samples, has 40"
    assert open_words([entry("min_top1_agreement", text, 349)], "images") == [f"same answer as FP32 {text}"]


def test_gates_that_lack_the_same_are_named_together() -> None:
    busy = "other processes took 64 % of 2 CPU threads"
    gates = [
        entry("min_top1_agreement", "80 %, at least 75 % asked: needs about 349 samples, has 40", 349),
        entry("min_sqnr_db", "15.9 dB, at least 16 dB asked: needs about 2,299 samples, has 40", 2299),
        entry("min_speedup", f"0.9x, at least 1.2x asked: {busy}"),
        entry("max_latency_ms_p90", f"9.3 ms, at most 8 ms asked: {busy}"),
        entry("max_latency_ms_p99", f"13.9 ms, at most 9 ms asked: {busy}"),
        entry("min_throughput_per_s", f"175 per s, at least 180 per s asked: {busy}"),
    ]
    assert open_words(gates, "images") == [
        "same answer as FP32 and SQNR: about 2,300 images needed",
        f"speed against its own FP32 and 3 more gates: {busy}",
    ]


def test_windows_needed_are_not_called_samples() -> None:
    gates = [
        entry("min_speedup", "2x, at least 2x asked: needs about 32 1-s windows, has 5", 32),
        entry("min_sqnr_db", "15.9 dB, at least 16 dB asked: needs about 99 samples, has 40", 99),
    ]
    assert open_words(gates, "images")[0].endswith("needs about 32 1-s windows, has 5")


def test_what_is_left_out_is_counted() -> None:
    assert short_list(["a", "b", "c"]) == ["a", "b", "c"]
    assert short_list(["a", "b", "c", "d"]) == ["a", "b", "c", "1 more gate"]
    assert short_list(["a", "b", "c", "d", "e"], [1, 1, 1, 2, 4]) == ["a", "b", "c", "6 more gates"]


@given(st.lists(st.tuples(st.sampled_from(sorted(GATES)), st.text(max_size=900), st.none() | st.integers(1, 10**7))))
def test_whatever_is_open_the_line_stays_short(found: list[tuple[str, str, int | None]]) -> None:
    words = open_words([entry(gate, f"no figure: {reason}", needs) for gate, reason, needs in found], "images")
    assert len("; ".join(words)) < 900
    assert (words == []) == (found == [])
