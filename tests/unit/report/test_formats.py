"""Sheet values as text."""

from __future__ import annotations

import pytest

from workbench.report.fields import BY_KEY, NOT_DISCLOSED
from workbench.report.formats import format_value, number_of, pair_of, unit_of

CASES = [
    ("accuracy_change_points", {"value": -0.2, "interval": [-0.6, 0.2], "n": 2000}, "−0.2 [−0.6, +0.2] (n = 2,000)"),
    ("accuracy_change_points", {"value": -0.2, "interval": None, "n": 2000}, "not shown: no interval (n = 2,000)"),
    ("accuracy", {"value": 0.5, "interval": [0.4, 0.6], "n": 10}, "50.0 % [40.0, 60.0] (n = 10)"),
    ("parity", {"checked": 113, "mismatches": 0}, "yes: 113 parameters read back, none differs"),
    (
        "parity",
        {"checked": 113, "mismatches": 0, "declared": 9},
        "but for 9 that a deviation declares: 113 parameters read back",
    ),
    ("parity", {"checked": 113, "mismatches": 3}, "no: 3 of 113 parameters differ"),
    ("latency.p99", {"not_applicable": "300 runs are below the floor"}, "does not apply: 300 runs are below the floor"),
    ("nmse", {"value": 0.0263, "interval": [0.0255, 0.0271], "n": 2000}, "2.6e−02 [2.5e−02, 2.7e−02] (n = 2,000)"),
    ("nmse", {"value": 0.0263, "interval": None, "n": 2000}, "not shown: no interval (n = 2,000)"),
    ("nmse", {"value": 0.0, "interval": None, "n": 2000}, "0 (n = 2,000)"),
    ("divergence.total", 0.0263, "2.6e−02"),
    ("sqnr_db", {"value": 15.8, "interval": [15.66, 15.95], "n": 2000}, "15.8 [15.7, 15.9] (n = 2,000)"),
    ("sqnr_db", {"value": 15.8, "interval": None, "n": 2000}, "not shown: no interval (n = 2,000)"),
    ("latency.p50", {"value": 0.867, "interval": [0.865, 0.868], "n": 300}, "0.867 [0.865, 0.868] (n = 300)"),
    ("latency.p50", {"value": 0.867, "interval": None, "n": 300}, "not shown: no interval (n = 300)"),
    ("speedup.own_fp32", {"value": 2.8, "interval": [2.7, 2.9], "baseline": "A FP32", "windows": [58, 60]},
     "2.8× [2.7, 2.9] against A FP32, 58 and 60 steady windows"),
    ("mcnemar_p_holm", 0.0001, "< 0.001"),
    ("versions", {"onnx": "1.22.0", "numpy": "2.4"}, "onnx: 1.22.0; numpy: 2.4"),
    ("artifact_bytes", 560_000, "547 KiB"),
    ("answers_changed", {"changed": 31, "n": 2000, "right_to_wrong": None}, "31 of 2,000"),
    ("throughput", "about 900 per second", "about 900 per second"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "expected"), CASES)
def test_format_value(key: str, value: object, expected: str) -> None:
    assert format_value(BY_KEY["run", key], value) == expected


def test_nodes_are_grouped_by_reason() -> None:
    nodes = {**{f"n{i}": "after the last INT8 layer" for i in range(5)}, "s": "Softmax stays float"}
    expected = "after the last INT8 layer: n0, n1, n2 and 2 more; Softmax stays float: s"
    assert format_value(BY_KEY["candidate", "scheme.float_nodes"], nodes) == expected
    assert format_value(BY_KEY["candidate", "scheme.float_nodes"], "none") == "none"


@pytest.mark.parametrize("value", [None, "", NOT_DISCLOSED])
def test_missing_is_never_blank(value: object) -> None:
    assert format_value(BY_KEY["run", "nmse"], value) == NOT_DISCLOSED


def test_throughput_names_label_and_windows() -> None:
    value = {"value": 1154.0, "interval": [1144.0, 1162.0], "n": 58, "label": "SHORT"}
    expected = "1,154 [1,144, 1,162] samples/s, SHORT, 58 steady windows of about 1 s"
    assert format_value(BY_KEY["run", "throughput"], value) == expected


def test_number_and_interval_of_a_value() -> None:
    assert number_of({"value": 2, "interval": [1, 3]}) == 2.0
    assert number_of(True) is None
    assert number_of("2") is None
    assert pair_of({"value": 2, "interval": [1, 3]}) == (1.0, 3.0)
    assert pair_of(2) is None
    assert unit_of(BY_KEY["run", "latency.p50"]) == "ms"
