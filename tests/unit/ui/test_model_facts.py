"""The answer of `inspect` as lines and rows."""

from __future__ import annotations

from typing import Any

from workbench.ui.model_facts import fact_pairs, float_rows, op_rows, proposal_lines, proposal_notes, share_line

DOCUMENT: dict[str, Any] = {
    "name": "net",
    "format": "ONNX",
    "opset": 17,
    "family": "convolutional",
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["N", 3, 8, 8]}],
    "outputs": [{"name": "y", "dtype": "float32", "shape": ["N", 10]}],
    "compared_outputs": ["logits"],
    "fixed_batch": 4,
    "parameters": 1234567,
    "macs": 89,
    "sha256": "ab" * 32,
    "notes": ["opset raised"],
    "quantized_nodes": 3,
    "quantizable_mac_share": 0.5,
    "float_nodes": {"s": {"op_type": "Softmax", "reason": "not part of the scheme"}},
    "op_counts": {"Conv": 1200, "Softmax": 1},
    "proposed": {
        "preprocess": {"mean": [1.0], "color": "RGB", "letterbox": {"size": 640}},
        "task": {},
        "notes": ["a guess"],
    },
}


def test_facts_name_everything() -> None:
    pairs = fact_pairs(DOCUMENT)
    assert ("Input", "x · float32 [N, 3, 8, 8]") in pairs
    assert ("Batch", "fixed at 4") in pairs
    assert ("Note", "opset raised") in pairs
    assert dict(pairs)["Size"].startswith("1,234,567 parameters")


def test_rows() -> None:
    assert [cell.text for cell in float_rows(DOCUMENT)[0].cells] == ["s", "Softmax", "not part of the scheme"]
    assert op_rows(DOCUMENT)[0].cells[1].text == "1,200"
    assert op_rows(DOCUMENT)[0].cells[1].sort == 1200.0


def test_share_in_a_sentence() -> None:
    assert share_line(DOCUMENT) == "Under scheme S1 3 nodes with 50.0 % of all MACs become INT8; 1 node stays float."
    assert share_line({**DOCUMENT, "quantized_nodes": 0}).startswith("Nothing in this model")


def test_proposal_reads_like_the_study_file() -> None:
    lines = proposal_lines(DOCUMENT)
    assert lines[0] == "[preprocess]"
    assert 'color = "RGB"' in lines
    assert "letterbox = {size = 640}" in lines
    assert "a guess" not in lines
    assert proposal_notes(DOCUMENT) == "a guess"
    nothing = {"proposed": {"preprocess": {}, "task": {}, "notes": ["No image."]}}
    assert proposal_lines(nothing) == []
    assert proposal_notes(nothing) == "No proposal: nothing in the model tells. No image."
