"""Core ML's preferences, operation by operation, as placements of the canonical graph's nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workbench_plugins.coreml.mac import NOT_TOLD, Preference
from workbench_plugins.coreml.read_back import HALF_SUFFIXES
from workbench_plugins.coreml.sidecar import Node, Sidecar

from workbench.spi import Placement

LABEL = "preference before the run"
EVALUATED = "evaluated in float32 between codes; no runtime ran"
_FLOATS = {"float32": "fp32", "float16": "fp16"}
_MULTIPLIES = frozenset({"conv", "conv_transpose", "gru", "linear", "lstm", "matmul", "rnn"})


def place(sidecar: Sidecar, preferences: Iterable[Preference]) -> list[Placement]:
    """Give every canonical node one placement, then list operations that belong to none (quantize, casts).

    Core ML tells no precision: a node between codes is "unknown", any other computes in the type it declares.
    """
    found = {plain(name): item for item in preferences for name in item.outputs}
    used: set[Preference] = set()
    rows = [_row(node, found, used, sidecar.compute) for node in sidecar.nodes]
    rest = [item for item in dict.fromkeys(found.values()) if item not in used and not item.op_type.startswith("const")]
    return rows + [_added(item) for item in rest]


def evaluated(sidecar: Sidecar) -> list[Placement]:
    """Return the placements of the reference evaluator."""
    precision = _FLOATS[sidecar.compute]
    return [
        Placement(node.name, _op_type(node), "CPU", precision, "", _why(node) or EVALUATED) for node in sidecar.nodes
    ]


def _row(node: Node, found: Mapping[str, Preference], used: set[Preference], compute: str) -> Placement:
    mine = [found[plain(name)] for name in node.ops if plain(name) in found]
    used.update(mine)
    if not mine:
        return Placement(node.name, "removed", NOT_TOLD, "none", "", "has no operation of its own in the program")
    main = next((item for item in mine if item.op_type in _MULTIPLIES), mine[-1])
    costs = [item.cost for item in mine if item.cost is not None]
    return Placement(
        node=node.name,
        op_type=main.op_type,
        device=main.device,
        precision=NOT_TOLD if node.quantized else _FLOATS[compute],
        reason="; ".join(part for part in (LABEL, _why(node)) if part),
        time_share=min(1.0, sum(costs)) if costs else None,
    )


def _added(item: Preference) -> Placement:
    return Placement("", item.op_type, item.device, NOT_TOLD, "", LABEL, item.cost)


def _why(node: Node) -> str:
    return "" if node.quantized else node.why_float


def _op_type(node: Node) -> str:
    return node.op_type if node.ops else "removed"


def plain(name: str) -> str:
    """Return a name without coremltools' mark of float16."""
    for suffix in HALF_SUFFIXES:
        name = name.removesuffix(suffix)
    return name
