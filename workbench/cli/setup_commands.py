"""doctor, runtimes, inspect: what is here, what is missing, what a model is."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.cli.common import add_json, aligned, print_json, print_text
from workbench.cli.onnx_source import onnx_of
from workbench.execution.probing import RuntimeState, probe_all
from workbench.parts import install_line, into_this_interpreter, package_line

PARTS = (
    "numpy", "onnx", "llvmlite", "pydantic", "scipy", "pillow", "pandas", "jinja2", "typst", "psutil", "tomli-w",
)  # fmt: skip

OPTIONAL = (
    ("torch", "torch", "PyTorch models can be imported", "only needed to import PyTorch models"),
    ("pynvml", "nvidia", "NVIDIA GPUs are read beside timed runs", "only needed to read NVIDIA GPUs beside timed runs"),
)
"""Module, extra of this program that brings it, what it does, what is not done without it."""

SHOWN_NODES = 4
TOOL_CHAINS = '\nnative tool-chains, as candidates (native = "ID", native_options = {...}):'


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: is it there, what is it, how to mend it."""

    ok: bool
    name: str
    text: str
    remedy: str = ""
    needed: bool = True


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    doctor = commands.add_parser("doctor", help="what is missing, and the exact line that mends it")
    add_json(doctor)
    doctor.set_defaults(run_command=run_doctor)
    runtimes = commands.add_parser("runtimes", help="which runtimes are usable here, and why others are not")
    add_json(runtimes)
    runtimes.set_defaults(run_command=run_runtimes)
    inspect = commands.add_parser("inspect", help="a model's signature, ops, and what can be quantized")
    inspect.add_argument("model", metavar="MODEL", help="an .onnx file (or PyTorch, with --allow-code)")
    inspect.add_argument("--allow-code", action="store_true", help="allow a model that is code to run")
    add_json(inspect)
    inspect.set_defaults(run_command=run_inspect)


def run_runtimes(options: argparse.Namespace) -> int:
    """Print every plugin and its state: runtimes, then native tool-chains under their own heading."""
    states = probe_all()
    if options.json:
        print_json([state.to_json() for state in states])
        return 0
    for kind, heading in (("runtime", ""), ("quantizer", TOOL_CHAINS)):
        listed = [runtime_text(state) for state in states if state.kind == kind]
        print_text("\n".join([heading, *listed] if heading and listed else listed))
    return 0


def runtime_text(state: RuntimeState) -> str:
    """Return one runtime's state: a line, then versions, devices, reason and remedy indented."""
    lines = [f"{'usable ' if state.ok else 'missing'}  {state.id}  {state.title}"]
    if state.versions:
        lines.append("         " + ", ".join(f"{name} {value}" for name, value in state.versions.items()))
    lines += [f"         {device}" for device in state.devices]
    if state.ok and state.kind == "runtime":
        lines.append(f"         precisions {', '.join(state.precisions)}; schemes {', '.join(state.schemes)}")
    lines += [f"         option {key} = {_choices(value)}" for key, value in state.options.items()]
    if _reason(state):
        lines.append(f"         {_reason(state)}")
    if state.remedy:
        lines.append(f"         remedy: {into_this_interpreter(state.remedy)}")
    return "\n".join(lines)


def _choices(declared: Any) -> str:
    """Return what an option may be, its default first."""
    if isinstance(declared, list) and declared:
        return " | ".join(str(item).lower() if isinstance(item, bool) else str(item) for item in declared)
    return "[] (a list of names)" if isinstance(declared, list) else str(declared)


def _reason(state: RuntimeState) -> str:
    """Return why a runtime cannot be used, without the remedy, which has a line of its own."""
    return state.reason.replace(state.remedy, "").strip()


def run_doctor(options: argparse.Namespace) -> int:
    """Check the installation; exit code 1 when something needed is missing."""
    findings = [_python(), _writable(), *map(_package, PARTS), *map(_optional, OPTIONAL), *map(_runtime, probe_all())]
    ready = all(finding.ok for finding in findings if finding.needed)
    if options.json:
        print_json({"ready_without_network": ready, "findings": [vars(finding) for finding in findings]})
        return 0 if ready else 1
    for finding in findings:
        mark = "ok     " if finding.ok else ("MISSING" if finding.needed else "absent ")
        print_text(f"{mark}  {finding.name:<22} {finding.text}")
        if finding.remedy:
            print_text(f"         remedy: {finding.remedy}")
    print_text(f"ready without network: {'yes' if ready else 'no'}")
    return 0 if ready else 1


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    remedy = "" if ok else "Install Python 3.11 or newer."
    return Finding(ok, "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", remedy)


def _writable() -> Finding:
    folder = tempfile.gettempdir()
    ok = os.access(folder, os.W_OK)
    return Finding(ok, "temporary folder", "writable" if ok else "cannot be written", "" if ok else "Set TMPDIR.")


def _package(name: str) -> Finding:
    try:
        return Finding(True, name, version(name))
    except PackageNotFoundError:
        return Finding(False, name, "not installed", package_line(name))


def _optional(part: tuple[str, str, str, str]) -> Finding:
    module, extra, with_it, without = part
    found = importlib.util.find_spec(module) is not None
    remedy = "" if found else install_line(extra)
    return Finding(found, f"{extra} (optional)", with_it if found else without, remedy, needed=False)


def _runtime(state: RuntimeState) -> Finding:
    text = (
        ", ".join(f"{name} {value}" for name, value in state.versions.items())
        if state.ok
        else state.reason.replace(state.remedy, "").strip()
    )
    word = "runtime" if state.kind == "runtime" else "tool-chain"
    return Finding(state.ok, f"{word} {state.id}", text, into_this_interpreter(state.remedy), needed=False)


def run_inspect(options: argparse.Namespace) -> int:
    """Print what a model is and what the default scheme would quantize."""
    with onnx_of(options.model, options.allow_code) as (path, words):
        document = inspect_document(path)
    document["notes"] = [*words, *document["notes"]]
    if options.json:
        print_json(document)
    else:
        print_text(inspect_text(document))
    return 0


def inspect_document(path: Path) -> dict[str, Any]:
    """Return a model's facts, op counts, quantizable and float nodes, and proposed tables. Raises ModelError."""
    from workbench.execution.preparation import model_facts  # noqa: PLC0415  (loads onnx)
    from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs  # noqa: PLC0415
    from workbench.model.family import propose_preprocess, propose_state, propose_task  # noqa: PLC0415  (with the above)
    from workbench.model.load import load_model  # noqa: PLC0415  (loads onnx)
    from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)
    from workbench.quant.build import possible_selection  # noqa: PLC0415  (with the above)
    from workbench.quant.scheme import Scheme  # noqa: PLC0415  (with the above)

    model = load_model(path)
    compared = compared_outputs(model.proto, "logits")
    canonical, _ = canonical_graph(with_extra_outputs(model.proto, compared))
    graph = graph_summary(canonical)
    selection = possible_selection(canonical, Scheme())
    preprocess, task = propose_preprocess(graph_summary(model.proto)), propose_task(graph_summary(model.proto))
    quantized = set(selection.quantized_nodes)
    int8_macs = sum(node.macs for node in graph.nodes if node.name in quantized)
    return {
        **model_facts(model),
        "compared_outputs": list(compared),
        "op_counts": dict(Counter(node.op_type for node in model.proto.graph.node).most_common()),
        "quantized_nodes": len(quantized),
        "quantizable_mac_share": int8_macs / graph.macs if graph.macs else None,
        "float_nodes": {
            node.name: {"op_type": node.op_type, "reason": selection.float_nodes[node.name]}
            for node in graph.nodes
            if node.name in selection.float_nodes
        },
        "proposed": {
            "preprocess": {**preprocess.values},
            "task": {**task.values},
            "notes": [*preprocess.notes, *task.notes, *_state_note(propose_state(graph_summary(model.proto)))],
        },
    }


def _state_note(state: dict[str, str]) -> list[str]:
    """Return how to say in a study that outputs are fed back, for a model that looks like that."""
    if not state:
        return []
    table = ", ".join(f'"{name}" = "{output}"' for name, output in state.items())
    return [f"Its state goes in and out: state = {{{table}}} in [model] feeds it back from frame to frame."]


def inspect_text(document: dict[str, Any]) -> str:
    """Return the inspection for a person."""
    share = document["quantizable_mac_share"]
    rows = [
        ["model", f"{document['name']} ({document['format']}, opset {document['opset']}, {document['family']})"],
        ["SHA-256", document["sha256"]],
        *([["input", _tensor(value)] for value in document["inputs"]]),
        *([["output", _tensor(value)] for value in document["outputs"]]),
        ["compared", ", ".join(document["compared_outputs"])],
        ["batch", "any" if document["fixed_batch"] is None else f"fixed at {document['fixed_batch']}"],
        [
            "size",
            f"{document['parameters']:,} parameters, {document['macs']:,} multiply-accumulates {_counted(document)}",
        ],
        ["ops", ", ".join(f"{name} {count}" for name, count in document["op_counts"].items())],
        [
            "INT8",
            f"{document['quantized_nodes']} nodes, {100 * share:.1f} % of MACs" if share is not None else "nothing",
        ],
        *([["note", note] for note in document["notes"]]),
    ]
    head = "stays float under S1:" if document["float_nodes"] else "everything can be INT8 under S1"
    lines = [aligned(rows), "", head, *_float_lines(document["float_nodes"])]
    return "\n".join([*lines, "", *_proposal(document["proposed"])])


def _counted(document: dict[str, Any]) -> str:
    """Return what the multiply-accumulates are counted for: without samples an axis of any size has no other than 1."""
    axes = [axis for value in document["inputs"] for axis in value["shape"][1:] if isinstance(axis, str)]
    of_any_size = f" with {', '.join(dict.fromkeys(axes))} at 1; a study takes its samples' sizes" if axes else ""
    return f"per sample{of_any_size}"


def _float_lines(nodes: dict[str, dict[str, str]]) -> list[str]:
    """Return a line per reason and op type with its nodes; long lists are cut, --json has them all."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, value in nodes.items():
        groups.setdefault((value["reason"], value["op_type"]), []).append(name)
    rows = []
    for (reason, op_type), names in groups.items():
        more = f", and {len(names) - SHOWN_NODES} more" if len(names) > SHOWN_NODES else ""
        rows.append([f"  {len(names)}", op_type, reason, ", ".join(names[:SHOWN_NODES]) + more])
    return [aligned(rows)] if rows else []


def _tensor(value: dict[str, Any]) -> str:
    return f"{value['name']}  {value['dtype']}  [{', '.join(str(axis) for axis in value['shape'])}]"


def _proposal(proposed: dict[str, Any]) -> list[str]:
    import tomli_w  # noqa: PLC0415  (only here)

    lines = ["proposed for the study file (check it, it is a guess from shapes):"]
    for name in ("preprocess", "task"):
        values = proposed[name]
        lines += [f"  [{name}]"] if values else []
        lines += [f"  {_on_one_line(tomli_w.dumps({key: value}))}" for key, value in values.items()]
    return lines + [f"  # {note}" for note in proposed["notes"]]


def _on_one_line(toml: str) -> str:
    return " ".join(toml.split()).replace("[ ", "[").replace(", ]", "]")
