"""Which nodes to leave in float, searched in one worker on held calibration samples."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from workbench.execution.jobs import PluginRef
from workbench.execution.worker import Channel, Handler

if TYPE_CHECKING:
    from workbench.quant.float_sets import FloatSets


class OutOfTimeError(Exception):
    """The search's time is up; what was measured is kept."""


def search_float_nodes(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Measure what nodes left in float give, and find the sets to look at.

    Arguments: canonical, model_sha256, scheme, calibration (bundle), outputs (names of the compared outputs), nodes
    (candidates in the graph's order), samples (how many at most), most_float_nodes, measured (file that keeps
    measurements), budget_s (null: no limit).

    Returns:
        n (samples used), all_int8 (NMSE without float nodes), singles (node -> NMSE), both of plans without bias
        correction and null or short where time was up; path (the best list of nodes
        of each size, small ones first), complete.
    """
    from workbench.quant.sensitivity import Nodes, frontier, search  # noqa: PLC0415  (with numpy, only here)

    sets, nodes = _float_sets(arguments, channel), list(arguments["nodes"])
    found: dict[Nodes, float] = {}

    def measure(floats: Nodes) -> float:
        found[floats] = sets.as_asked(floats)
        return found[floats]

    is_complete = True
    try:
        search(nodes, sets.plain, measure, arguments["most_float_nodes"])
    except OutOfTimeError:
        is_complete = False
    measured = {node: sets.known_plain((node,)) for node in nodes}
    return {
        "n": sets.samples.n,
        "all_int8": sets.known_plain(()),
        "singles": {node: error for node, error in measured.items() if error is not None},
        "path": [list(floats) for floats in frontier(found)],
        "complete": is_complete,
    }


def _float_sets(arguments: dict[str, Any], channel: Channel) -> FloatSets:
    import onnx  # noqa: PLC0415  (only here)

    from workbench.execution.bundle import open_bundle  # noqa: PLC0415  (loads numpy)
    from workbench.quant.calibrate import fixed_batch  # noqa: PLC0415  (loads onnx)
    from workbench.quant.float_sets import FloatSets, HeldSamples  # noqa: PLC0415  (with the above)
    from workbench.quant.refine import held_runs  # noqa: PLC0415  (with the above)
    from workbench.quant.scheme import scheme_from_json  # noqa: PLC0415  (with the above)
    from workbench.quant.sensitivity import most_measurements  # noqa: PLC0415  (with the above)
    from workbench.reference import give_large_blocks_back  # noqa: PLC0415  (loads numpy)

    give_large_blocks_back()
    canonical = onnx.load(arguments["canonical"])
    step = fixed_batch(canonical) or 1
    runs = held_runs(canonical, open_bundle(arguments["calibration"]))[: max(1, arguments["samples"] // step)]
    total = most_measurements(len(arguments["nodes"]), arguments["most_float_nodes"])
    start, budget_s = perf_counter(), arguments["budget_s"]

    def before(done: int) -> None:
        channel.check_cancelled()
        channel.progress(done, max(total, done), "measurements")
        if budget_s is not None and perf_counter() - start >= budget_s:
            raise OutOfTimeError

    return FloatSets(
        canonical,
        arguments["model_sha256"],
        scheme_from_json(arguments["scheme"]),
        HeldSamples(runs, step),
        arguments["outputs"],
        Path(arguments["measured"]),
        before,
        channel.check_cancelled,
    )


HANDLERS: dict[str, Handler] = {"search_float_nodes": search_float_nodes}
