"""The answer of `inspect --json` as lines and rows for the Model page; plain functions without Qt."""

from __future__ import annotations

from typing import Any

from workbench.ui.tables.rows import TableCell, TableRow, text_row

Document = dict[str, Any]


def fact_pairs(document: Document) -> list[tuple[str, str]]:
    """Return names and values of the model's facts, in the order they are read."""
    fixed = document["fixed_batch"]
    pairs = [
        ("Model", f"{document['name']} · {document['format']} opset {document['opset']} · {document['family']}"),
        *(("Input", tensor_text(value)) for value in document["inputs"]),
        *(("Output", tensor_text(value)) for value in document["outputs"]),
        ("Compared", f"{', '.join(document['compared_outputs'])} (before a last Softmax or Sigmoid)"),
        ("Batch", "any" if fixed is None else f"fixed at {fixed}"),
        ("Size", f"{document['parameters']:,} parameters · {document['macs']:,} MACs per sample"),
        ("SHA-256", document["sha256"]),
    ]
    return pairs + [("Note", note) for note in document["notes"]]


def tensor_text(value: Document) -> str:
    """Return a tensor's name, type and shape in a line."""
    return f"{value['name']} · {value['dtype']} [{', '.join(str(axis) for axis in value['shape'])}]"


def op_rows(document: Document) -> list[TableRow]:
    """Return a row per op type with its number of nodes."""
    return [
        TableRow((TableCell(name), TableCell(f"{count:,}", sort=float(count))))
        for name, count in document["op_counts"].items()
    ]


def float_rows(document: Document) -> list[TableRow]:
    """Return a row per node that stays float: name, op, reason."""
    return [text_row(name, item["op_type"], item["reason"]) for name, item in document["float_nodes"].items()]


def share_line(document: Document) -> str:
    """Return in a sentence how much of the model becomes INT8 under the default scheme."""
    count, share, floats = document["quantized_nodes"], document["quantizable_mac_share"], len(document["float_nodes"])
    if not count or share is None:
        return "Nothing in this model can be quantized by scheme S1."
    rest = f"{floats:,} {'node stays' if floats == 1 else 'nodes stay'} float" if floats else "nothing stays float"
    return f"Under scheme S1 {count:,} nodes with {100 * share:.1f} % of all MACs become INT8; {rest}."


def proposal_lines(document: Document) -> list[str]:
    """Return the proposed tables as they would stand in the study file; [] where nothing is proposed."""
    proposed = document["proposed"]
    lines: list[str] = []
    for name in ("preprocess", "task"):
        if proposed[name]:
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in proposed[name].items()), ""]
    return lines[:-1]


def proposal_notes(document: Document) -> str:
    """Return in sentences what the proposal was taken from, and what in it is a guess."""
    nothing = [] if proposal_lines(document) else ["No proposal: nothing in the model tells."]
    return " ".join([*nothing, *document["proposed"]["notes"]])


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else str(value)
