"""Which multiplications of a saved package are of codes: what an INT8 kernel could take, read from the program.

Core ML tells no precision of what it runs, and the reference evaluator is no runtime; the program itself can be read.
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench_plugins.coreml.package.program import Literal, Operation, Program, operations
from workbench_plugins.coreml.placement import plain
from workbench_plugins.coreml.read_back import MOVES
from workbench_plugins.coreml.sidecar import Sidecar

from workbench.spi import GraphSummary

OPERANDS: Mapping[str, tuple[str, str]] = {
    "conv": ("x", "weight"),
    "conv_transpose": ("x", "weight"),
    "linear": ("x", "weight"),
    "matmul": ("x", "y"),
}
"""Op that multiplies -> its two operands."""


def int8_share(program: Program, sidecar: Sidecar, graph: GraphSummary) -> float | None:
    """Return the share (0..1) of the graph's multiply-accumulates that are products of codes; None without any."""
    if not graph.macs:
        return None
    found = products_of_codes(program)
    coded = {node.name for node in sidecar.nodes if found & {plain(name) for name in node.ops}}
    return sum(node.macs for node in graph.nodes if node.name in coded) / graph.macs


def products_of_codes(program: Program) -> frozenset[str]:
    """Return the operations both of whose operands are codes, a dequantize's or a weight's behind a constexpr op.

    Names are without coremltools' mark of float16. Whether the result becomes codes too is not asked.
    """
    ops = list(operations(program.main.block))
    producers = {out.name: op for op in ops for out in op.outputs}
    return frozenset(plain(op.name) for op in ops if op.type in OPERANDS and _are_codes(op, producers))


def _are_codes(op: Operation, producers: Mapping[str, Operation]) -> bool:
    operands = [op.inputs.get(name, ()) for name in OPERANDS[op.type]]
    return all(len(given) == 1 and _is_from_codes(given[0], producers) for given in operands)


def _is_from_codes(argument: str | Literal, producers: Mapping[str, Operation]) -> bool:
    """Whether a value is that of codes, moved or cast on the way."""
    op = producers.get(argument) if isinstance(argument, str) else None
    while op is not None and op.type in MOVES:
        source = op.inputs["x"][0]
        op = producers.get(source) if isinstance(source, str) else None
    return op is not None and (op.type == "dequantize" or op.type.startswith("constexpr_"))
