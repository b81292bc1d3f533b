"""scan, explain: what a study's data are, and what each runtime would refuse or change; nothing is run."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.common import EXIT_OK, EXIT_USER, add_json, aligned, print_json, print_text
from workbench.cli.inputs import PARTS, Part, check_inputs
from workbench.cli.progress import Progress
from workbench.errors import DataError, ModelError, UserError
from workbench.execution.artifacts import announced_deviations
from workbench.execution.discovery import Manifest, discover
from workbench.execution.native import Tool, tool_of, why_not_read
from workbench.execution.probing import RuntimeState, find_runtime
from workbench.execution.study import Candidate, RuntimeSection, Study, load_study
from workbench.model.data import SampleIndex, overlap, scan
from workbench.spi import Deviation

if TYPE_CHECKING:
    from workbench.model.graph import GraphSummary
    from workbench.quant.select import Selection

FIRST_FILES = 200
SHOWN = 20
NATIVE_CHOOSES = "the tool-chain chooses by itself; what it chose is read back after the run"


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    scanner = commands.add_parser("scan", help="a study's samples: classes, overlap, what cannot be decoded")
    scanner.add_argument("study", type=Path, metavar="STUDY.toml")
    add_json(scanner)
    scanner.set_defaults(run_command=run_scan)
    explain = commands.add_parser(
        "explain", help="per candidate and runtime: what would be refused or changed, and why"
    )
    explain.add_argument("study", type=Path, metavar="STUDY.toml", help="without [[runtimes]] all are asked")
    add_json(explain)
    explain.set_defaults(run_command=run_explain)


def run_scan(options: argparse.Namespace) -> int:
    """Read every sample of a study once and print what they are."""
    study = load_study(options.study)
    if not options.json:
        check_inputs(study)
    document = scan_document(study)
    if options.json:
        print_json(document)
    else:
        print_text("\n\n".join(_part_text(name, part) for name, part in document["parts"].items() if part))
        if document["overlap"] is not None:
            print_text(f"\noverlap: {document['overlap']} evaluation samples are also in the calibration set")
    return EXIT_USER if any(part and part.get("error") for part in document["parts"].values()) else EXIT_OK


def scan_document(study: Study) -> dict[str, Any]:
    """Return per part the facts of its samples (or its error), and the overlap; a part not named is None."""
    found: dict[Part, SampleIndex] = {}
    parts: dict[str, Any] = {}
    for part in PARTS:
        try:
            index = _scanned(study, part)
        except DataError as error:
            parts[part] = {"error": str(error)}
            continue
        parts[part] = None if index is None else _part_document(index)
        if index is not None:
            found[part] = index
    both = len(found) == len(PARTS)
    return {"parts": parts, "overlap": overlap(found["calibration"], found["evaluation"]) if both else None}


def _scanned(study: Study, part: Part) -> SampleIndex | None:
    spec = study.data_spec(part)
    if spec is None:
        return None
    progress = Progress()
    try:
        return scan(spec, lambda done, total, text: progress(_event(done, total, text)))
    finally:
        progress.close()


def _event(done: int, total: int, text: str) -> dict[str, Any]:
    return {"event": "progress", "done": done, "total": total, "text": text}


def _part_document(index: SampleIndex) -> dict[str, Any]:
    counts = Counter(index.labels) if index.labels is not None else None
    classes = (
        None if counts is None else [[_class_name(index, label), count] for label, count in sorted(counts.items())]
    )
    return {
        "kind": index.kind,
        "n": index.n,
        "available": index.available,
        "selection": index.selection,
        "classes": classes,
        "undecodable": [list(entry) for entry in index.undecodable],
        "duplicates": index.duplicates,
        "nonfinite": index.nonfinite,
        "arrays": [
            {"name": item.name, "dtype": item.dtype, "row_shape": list(item.row_shape)} for item in index.arrays
        ],
        "notes": list(index.notes),
        "files": list(index.files[:FIRST_FILES]),
        "sha256": index.sha256,
    }


def _class_name(index: SampleIndex, label: int) -> str:
    return index.label_names[label] if 0 <= label < len(index.label_names) else str(label)


def _part_text(name: str, part: dict[str, Any]) -> str:
    if "error" in part:
        return f"{name}: {part['error']}"
    rows = [["samples", f"{part['n']} of {part['available']}, {part['selection']}"], ["SHA-256", part["sha256"]]]
    if part["classes"] is not None:
        smallest, largest = (pick(count for _, count in part["classes"]) for pick in (min, max))
        rows.append(["classes", f"{len(part['classes'])}, {smallest} to {largest} samples each"])
    rows += [["duplicates", str(part["duplicates"])]] if part["duplicates"] else []
    rows += [["not finite", f"{part['nonfinite']} values are NaN or infinite"]] if part["nonfinite"] else []
    rows += [["cannot be decoded", f"{file}: {reason}"] for file, reason in part["undecodable"][:SHOWN]]
    rows += [["note", note] for note in part["notes"]]
    return f"{name}\n{aligned(rows)}"


def run_explain(options: argparse.Namespace) -> int:
    """Ask every runtime of a study, without running it, what it would make of each candidate's scheme."""
    study = load_study(options.study)
    if not options.json:
        check_inputs(study)
    document = explain_document(study)
    if options.json:
        print_json(document)
        return EXIT_OK  # what could not be explained is told in it, beside what could
    print_text("\n\n".join(_candidate_text(item) for item in document["candidates"]))
    return EXIT_USER if any("error" in item for item in document["candidates"]) else EXIT_OK


def explain_document(study: Study) -> dict[str, Any]:
    """Return per candidate what is quantized, what stays float and why, and each runtime row's deviations."""
    rows = [(row, find_runtime(row.id)) for row in study.file.runtimes] or _all_runtimes()
    graphs: dict[str, Any] = {}
    return {"candidates": [_explained(study, candidate, rows, graphs) for candidate in study.candidates]}


def _all_runtimes() -> list[tuple[RuntimeSection, Manifest | RuntimeState]]:
    manifests = [manifest for manifest, _, error in discover() if manifest and not error and manifest.kind == "runtime"]
    return [(RuntimeSection(id=manifest.id, name=manifest.title), manifest) for manifest in manifests]


def _explained(
    study: Study,
    candidate: Candidate,
    rows: list[tuple[RuntimeSection, Manifest | RuntimeState]],
    graphs: dict[str, Any],
) -> dict[str, Any]:
    from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)
    from workbench.quant.build import possible_selection  # noqa: PLC0415  (with the above)

    head = {"name": candidate.name, "scheme": candidate.scheme.title, "native": ""}
    try:
        tool = tool_of(candidate) if candidate.native else None
        if tool:
            head |= {"scheme": f"native tool-chain: {tool.title}", "native": tool.title}
        if candidate.source not in graphs:
            graphs[candidate.source] = _canonical(candidate.source, study)
        graph = graph_summary(graphs[candidate.source])
        has_plan = candidate.scheme.is_quantized and not tool
        selection = possible_selection(graphs[candidate.source], candidate.scheme) if has_plan else None
    except UserError as error:
        return {**head, "error": str(error)}
    asked = [_row(row, runtime, graph, candidate, tool) for row, runtime in rows]
    return {**head, **_selection_document(graph, selection), "rows": asked}


def _canonical(source: str, study: Study) -> Any:
    """Return the canonical graph, an onnx.ModelProto, as the study would build it.

    Raises:
        ModelError: no ONNX file, or damaged.
    """
    from workbench.execution.preparation import load_for  # noqa: PLC0415  (loads onnx)
    from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs  # noqa: PLC0415

    path = Path(source)
    if path.suffix != ".onnx":
        raise ModelError(f"{path.name} is not ONNX", how="It is turned into ONNX when the study runs.")
    model, _ = load_for(study, path)
    compared = compared_outputs(model.proto, study.file.task.compare)
    canonical, _ = canonical_graph(with_extra_outputs(model.proto, compared))
    return canonical


def _selection_document(graph: GraphSummary, selection: Selection | None) -> dict[str, Any]:
    quantized = set(selection.quantized_nodes) if selection else set()
    reasons = selection.float_nodes if selection else {}
    int8_macs = sum(node.macs for node in graph.nodes if node.name in quantized)
    return {
        "quantized_nodes": len(quantized),
        "mac_share": int8_macs / graph.macs if graph.macs else None,
        "float_nodes": [[node.name, node.op_type, reasons[node.name]] for node in graph.nodes if node.name in reasons],
        "op_types": dict(Counter(node.op_type for node in graph.nodes).most_common()),
        "nodes": [[node.name, node.op_type] for node in graph.nodes],
    }


def _row(
    row: RuntimeSection,
    runtime: Manifest | RuntimeState,
    graph: GraphSummary,
    candidate: Candidate,
    tool: Tool | None,
) -> dict[str, Any]:
    head = {"id": row.id, "label": row.label, "unavailable": "", "native": bool(tool), "deviations": []}
    if isinstance(runtime, RuntimeState):
        return {**head, "unavailable": runtime.reason}
    if "int8" not in row.precisions and candidate.is_quantized:
        return head
    found = _unread(tool, runtime) if tool else announced_deviations(runtime, graph, candidate.scheme, row.options)
    return {**head, "deviations": [vars(item) for item in found]}


def _unread(tool: Tool, runtime: Manifest) -> list[Deviation]:
    """Return the refusal of a runtime that cannot run what a tool-chain writes."""
    reason = why_not_read(tool, runtime)
    return [Deviation(None, "what the tool-chain wrote", "nothing is run", reason, refuses=True)] if reason else []


def _candidate_text(item: dict[str, Any]) -> str:
    lines = [f"{item['name']}: {item['scheme']}"]
    if "error" in item:
        return f"{lines[0]}\n  {item['error']}"
    if item["native"]:
        lines.append(f"  INT8: {NATIVE_CHOOSES}")
    elif item["mac_share"] is not None:
        lines.append(f"  INT8: {item['quantized_nodes']} nodes, {100 * item['mac_share']:.1f} % of MACs")
    lines += [f"  stays float: {op_type} {name}: {reason}" for name, op_type, reason in item["float_nodes"][:SHOWN]]
    for row in item["rows"]:
        lines.append(f"  {row['label']}: {_row_words(row)}")
        lines += [f"    {_deviation_text(deviation)}" for deviation in row["deviations"][:SHOWN]]
    return "\n".join(lines)


def _row_words(row: dict[str, Any]) -> str:
    if row["unavailable"]:
        return f"cannot be asked: {row['unavailable']}"
    if any(deviation["refuses"] for deviation in row["deviations"]):
        return "refuses"
    if row["native"]:
        return "runs it as it is"
    count = len(row["deviations"])
    return f"{count} {'thing' if count == 1 else 'things'} changed" if count else "as asked"


def _deviation_text(deviation: dict[str, Any]) -> str:
    where = f"{deviation['node']}: " if deviation["node"] else ""
    return f"{where}{deviation['requested']} -> {deviation['realised']} ({deviation['reason']})"
