"""What the window's set-up pages are told by commands, with names and counts that are hard to show; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.results import digest

LONG = "a_model_name_from_some_export_script_that_never_ends_" * 2 + "final_v2_fixed"
NODE = "/model/decoder/layers.11/self_attn/rotary_embedding/Concat_output_0_" + "x" * 60
CLASSES = 1000


def study(folder: Path, *, hard: bool) -> dict[str, Any]:
    """A study document, its files made; hard: a name of 120 characters, six rows with long names, every gate."""
    name = LONG if hard else "digits"
    labels = [f"runtime {LONG} {number}" for number in range(6)] if hard else ["ONNX Runtime", "OpenVINO"]
    images, model = folder / name / "images", folder / f"{name}.onnx"
    images.mkdir(parents=True, exist_ok=True)
    model.touch()
    part = {"kind": "images", "path": str(images)}
    return {
        "schema_version": 1,
        "name": name,
        "model": {"path": str(model)},
        "data": {"calibration": dict(part), "evaluation": dict(part)},
        "task": {"kind": "classification"},
        "scheme": {"name": "S1", "method": "mse"},
        "gates": {"max_accuracy_drop_points": 1.0, **({"min_speedup": 1.5, "min_sqnr_db": 20.0} if hard else {})},
        "runtimes": [{"id": "ort_cpu", "name": label} for label in labels],
    }


def inspection(*, hard: bool) -> dict[str, Any]:
    """The answer of `inspect`."""
    node, count = (NODE, 50) if hard else ("probabilities", 1)
    floats = {f"{node}_{n}": {"op_type": "Softmax", "reason": "not part of the scheme's ops"} for n in range(count)}
    shape = ["N", 3, 224, 224]
    return {
        "name": LONG if hard else "digits",
        "sha256": digest("model"),
        "format": "ONNX",
        "family": "convolutional",
        "opset": 17,
        "parameters": 7_000_000_000 if hard else 178_812,
        "macs": 72_127_360,
        "inputs": [{"name": node, "dtype": "float32", "shape": shape} for _ in range(4 if hard else 1)],
        "outputs": [{"name": node, "dtype": "float32", "shape": ["N", 1000]} for _ in range(4 if hard else 1)],
        "fixed_batch": None,
        "notes": [],
        "compared_outputs": [node],
        "op_counts": {"Conv": 14, "Clip": 9, **({f"com.example.{LONG}": 1} if hard else {})},
        "quantized_nodes": 29,
        "quantizable_mac_share": 1.0,
        "float_nodes": floats,
        "proposed": {
            "preprocess": {"resize": [224, 224], "color": "RGB", "mean": [127.5], "std": [127.5]},
            "task": {"kind": "classification"},
            "notes": ["Size, layout and number of channels follow from the input's shape."],
        },
    }


def scan(*, hard: bool) -> dict[str, Any]:
    """The answer of `scan`; hard: 1,000 classes in one set, no sample at all in the other."""
    classes = [[f"{LONG} {n}" if hard else str(n), 3 + n % 7] for n in range(CLASSES if hard else 10)]
    full = {
        "kind": "images",
        "n": 50_000,
        "available": 50_000,
        "selection": "all after a shuffle with seed 0",
        "classes": classes,
        "duplicates": 3,
        "undecodable": [[f"{LONG}/{LONG}.png", "cannot identify the file"]] if hard else [],
        "nonfinite": 0,
        "files": [f"{LONG}.png" if hard else "1.png"],
    }
    none = {**full, "n": 0, "available": 0, "classes": [], "undecodable": [], "duplicates": 0, "files": []}
    return {"parts": {"calibration": none if hard else full, "evaluation": full}, "overlap": 12 if hard else 0}


def forecast(*, hard: bool) -> dict[str, Any]:
    """The answer of `explain`."""
    node, count = (NODE, 20) if hard else ("block1.add", 2)
    changes = [
        {
            "node": f"{node}_{n}",
            "requested": "rounding after the convolution",
            "realised": "rounding after the sum",
            "reason": "Conv and Add are one kernel",
            "refuses": hard and n == 0,
        }
        for n in range(count)
    ]
    rows = [
        {"label": f"runtime {LONG} {n}" if hard else "OpenVINO", "unavailable": "", "deviations": changes}
        for n in range(6 if hard else 1)
    ]
    item = {
        "name": "S1",
        "quantized_nodes": 29,
        "mac_share": 1.0,
        "float_nodes": [[node, "Softmax", "Softmax is not part of the scheme's quantized ops"]],
        "nodes": [[f"{node}_{n}", "Conv"] for n in range(count)],
        "rows": rows,
    }
    return {"candidates": [item]}


def runtimes(*, hard: bool) -> list[dict[str, Any]]:
    """The answer of `runtimes`; hard: none can be used."""
    reason = f"{LONG}.so cannot be loaded: no such file" if hard else ""
    return [
        {
            "id": name,
            "title": f"{name} {LONG}" if hard else name,
            "ok": not hard,
            "reason": reason,
            "remedy": "pip install something-that-is-needed" if hard else "",
            "versions": {name: "1.31.1"},
            "devices": ["CPU: x86_64"],
            "precisions": ["fp32", "int8"],
            "schemes": ["S1", "S2", "S3", "fp32"],
        }
        for name in ("ort_cpu", "openvino")
    ]


def events(cells: Sequence[str]) -> list[dict[str, Any]]:
    """What a study tells until its second round: the first cell crashed, the others were timed, one after the other."""
    crash = {"reason": f"{LONG} was ended by SIGSEGV", "remedy": "Try another version of it.", "status": "crashed"}
    found: list[dict[str, Any]] = [
        _stage("Scan evaluation data", "done"),
        {**_stage(f"Run {cells[0]}", "failed"), **crash, "log_tail": ["the first line", f"the last line {LONG}"]},
        *(_stage(f"Run {cell}", "start") for cell in cells[1:]),
    ]
    for number, cell in enumerate(cells[1:]):
        found += [_stage(f"Warm up {cell}", "start"), *(_rate(cell, at, number, None) for at in range(2 + number % 2))]
    found.append(_stage("Speed, round 1 of 5", "start"))
    return found + [_rate(cell, 0, number, 0) for number, cell in enumerate(cells[1:])]


def _stage(name: str, state: str) -> dict[str, Any]:
    return {"event": "stage", "name": name, "state": state, "remaining_s": 40.0}


def _rate(cell: str, at: int, number: int, block: int | None) -> dict[str, Any]:
    phase = {"phase": "warm_up"} if block is None else {"phase": "block", "block": block}
    per_s = 900.0 + 60 * number + 10 * at
    return {"event": "rate", "cell": cell, "start_s": at, "seconds": 1.0, "per_s": per_s, **phase, "remaining_s": 30.0}
