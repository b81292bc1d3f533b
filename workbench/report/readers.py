"""How the sheet's fields are read from a result: one small function per field that is not a plain attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.execution.result import CandidateFacts, DataFacts, Estimate, Machine, Result, Run, Speedup
from workbench.report import numbers
from workbench.report.positions import position_text
from workbench.report.transforms import transform_lines

Reader = Callable[[Any, Result], Any]
_SHARE_KEYS = ("share_beyond_clip", "beyond_clip", "share")
_ACTIVATIONS = {"S1": "s8, per tensor, zero point 0", "S2": "u8, per tensor, affine", "S3": "float32"}


def figure(estimate: Estimate | None) -> dict[str, Any] | None:
    """Return an estimate as a sheet value."""
    if estimate is None:
        return None
    return {"value": estimate.value, "interval": estimate.interval and list(estimate.interval), "n": estimate.n}


def calibration(key: str) -> Reader:
    """Return a reader of one entry of the plan's calibration record."""
    return if_quantized(lambda candidate, _result: (candidate.calibration or {}).get(key))


def calibration_parameters(candidate: CandidateFacts, _result: Result) -> Any:
    """Parameters of the calibration method that have an effect; None where the plan tells nothing of them."""
    given = (candidate.calibration or {}).get("parameters")
    if given is None:
        return None
    return {key: _option(value) for key, value in given.items()} or "the method has none"


def _option(value: Any) -> Any:
    """Return a parameter as a sheet value: lists and truth values as words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _quantized(candidate: CandidateFacts) -> bool:
    return str(candidate.scheme.get("name", "")) not in ("fp32", "fp16")


def if_quantized(read: Callable[[CandidateFacts, Result], Any]) -> Reader:
    """Return a reader that says so where a candidate quantizes nothing, or its native tool-chain made nothing."""

    def reader(candidate: CandidateFacts, result: Result) -> Any:
        if not _quantized(candidate):
            return {"not_applicable": "nothing is quantized in this candidate"}
        if candidate.native and candidate.native.artifact_sha256 is None:
            return {"not_applicable": "the native tool-chain made nothing"}
        return read(candidate, result)

    return reader


def data(role: str, read: Callable[[DataFacts], Any]) -> Reader:
    """Return a reader of one set of samples ("calibration" | "evaluation")."""

    def reader(_source: Any, result: Result) -> Any:
        facts = result.data.get(role)
        return read(facts) if facts else None

    return reader


def precision_format(candidate: CandidateFacts, _result: Result) -> str:
    """Number formats of weights and activations."""
    name = str(candidate.scheme.get("name", ""))
    if candidate.native:
        facts = candidate.native.facts
        found = [f"{kind} {facts[kind]}" for kind in ("weights", "activations") if kind in facts]
        return f"INT8 as the tool-chain chose: {'; '.join(found) or 'nothing was made'}"
    if name in ("fp32", "fp16"):
        return {"fp32": "float32", "fp16": "float16"}[name]
    return f"INT8: weights s8, per output channel, symmetric; activations {_ACTIVATIONS.get(name, 'see the plan')}"


def tensors(candidate: CandidateFacts, _result: Result) -> str | None:
    """Which tensors are quantized; of a native tool-chain, what was read back from its artifact."""
    if candidate.native:
        return "; ".join([*(f"{kind}: {text}" for kind, text in candidate.native.facts.items()), "KV cache: none"])
    if not candidate.quantized_weights:
        return None
    left = len(candidate.float_nodes)
    return (
        f"{candidate.quantized_weights} weights, {candidate.quantized_tensors} activations; "
        f"{numbers.number(left)} {'node' if left == 1 else 'nodes'} left in float; KV cache: none"
    )


def float_nodes(candidate: CandidateFacts, _result: Result) -> dict[str, str] | str:
    """Nodes left in float, with the reason of each; of a native tool-chain, what was read back."""
    if candidate.native:
        return candidate.native.facts.get("float nodes", "not told")
    return dict(candidate.float_nodes) or "none"


def transforms(candidate: CandidateFacts, _result: Result) -> list[str] | str:
    """Changes to the graph and to the plan's numbers after calibration; of a native tool-chain, in its words."""
    if candidate.native:
        return [f"{key}: {text}" for key, text in candidate.native.notes.items()] or "not told"
    return transform_lines(candidate.transforms) or "none"


def plan_sha256(candidate: CandidateFacts, _result: Result) -> Any:
    """Hash of the plan; a native tool-chain has none, its own artifact is named instead."""
    if candidate.native:
        artifact = numbers.short_hash(candidate.native.artifact_sha256 or "")
        return {"not_applicable": f"no plan: the tool-chain chose the numbers; its artifact is {artifact}"}
    return candidate.plan_sha256


def _no_activations(candidate: CandidateFacts) -> dict[str, str] | None:
    """Why nothing is clipped, or why it is not known; None where the plan tells."""
    if candidate.native:
        return {"not_applicable": "the native tool-chain keeps its ranges to itself"}
    weight_only = candidate.scheme.get("name") == "S3"
    return {"not_applicable": "activations stay float32, nothing is clipped"} if weight_only else None


def beyond_clip(candidate: CandidateFacts, _result: Result) -> Any:
    """Share of evaluation values beyond the clip, from calibration alone."""
    facts = candidate.representation
    return (
        _no_activations(candidate)
        if facts is None
        else {"value": facts.share_beyond_clip, "interval": None, "n": facts.n}
    )


def worst_tensors(candidate: CandidateFacts, _result: Result) -> Any:
    """The three tensors that calibration represents worst."""
    if candidate.representation is None:
        return _no_activations(candidate)
    return [_worst_tensor(entry) for entry in candidate.representation.worst_tensors[:3]] or "none beyond the clip"


def _worst_tensor(entry: dict[str, Any]) -> str:
    name = str(entry.get("name", entry.get("tensor", "?")))
    shares = [value for key, value in entry.items() if isinstance(value, float) and key in _SHARE_KEYS]
    return f"{name}: {numbers.percent(shares[0], 2)}" if shares else name


def overlap(_source: Any, result: Result) -> str | None:
    """Samples of equal content in both sets."""
    return None if result.overlap is None else f"{numbers.number(result.overlap)} samples in both sets"


def undecodable(_source: Any, result: Result) -> str:
    """Samples that could not be decoded, counted per set."""
    counts = {role: len(facts.undecodable) for role, facts in result.data.items() if facts.undecodable}
    return ", ".join(f"{count} in {role}" for role, count in counts.items()) or "none"


def _metric(_source: Any, result: Result) -> str | None:
    names = {run.accuracy.metric for run in result.runs if run.accuracy}
    return ", ".join(sorted(names)) or None


def metric_or_reason(source: Any, result: Result) -> Any:
    """Name of the task metric, or why there is none."""
    return _metric(source, result) or _no_labels(result)


def _no_labels(result: Result) -> dict[str, str] | None:
    evaluation = result.data.get("evaluation")
    if evaluation is not None and not evaluation.labelled:
        return {"not_applicable": "the evaluation set has no labels"}
    return None


def preprocess(_source: Any, result: Result) -> dict[str, str] | str:
    """Declared preprocessing, key by key."""
    given = {key: str(value) for key, value in result.preprocess.items() if value not in (None, [], {}, "")}
    return given or "none: arrays as they are"


def reproduce(_source: Any, result: Result) -> str:
    """How to run the same study again."""
    return (
        f"int8-workbench {result.program_version}: run STUDY.toml; study {result.study_name}, "
        f"SHA-256 {numbers.short_hash(result.study_sha256)}, profile {result.profile}"
    )


def deviations(run: Run, result: Result) -> list[str] | str:
    """What the runtime could not honour: requested, realised, reason; of a native tool-chain, what it chose itself."""
    native = next((entry.native for entry in result.candidates if entry.name == run.candidate), None)
    if native:
        return [f"native tool-chain: {native.title}", *(f"{kind}: {text}" for kind, text in native.facts.items())]
    lines = [f"{_where(one.node)}{one.requested} became {one.realised}: {one.reason}" for one in run.deviations]
    return lines or "as requested, no deviation"


def _where(node: str | None) -> str:
    return f"{node}: " if node else ""


def leftovers(run: Run, _result: Result) -> list[str] | str | None:
    """Float ops between INT8 ops: the row "why not INT8-fast?"."""
    if run.precision != "int8" or run.int8_mac_share is None:
        return None
    lines = [f"{entry.op_type} {entry.node}: {entry.reason}{_time(entry.time_share)}" for entry in run.float_leftovers]
    return lines or "none"


def _time(share: float | None) -> str:
    return "" if share is None else f" ({numbers.percent(share)} of the time)"


def parity(run: Run, _result: Result) -> Any:
    """Parameters read back from the artifact against the plan, as counts."""
    if run.parity is None:
        return None
    declared = {"declared": run.parity.declared} if run.parity.declared else {}
    return {"checked": run.parity.checked, "mismatches": len(run.parity.mismatches), **declared}


def accuracy(run: Run, result: Result) -> Any:
    """Task metric as a figure."""
    if run.accuracy is None:
        return None if run.reasons.get("accuracy") else _no_labels(result)
    return {"value": run.accuracy.value, "interval": list(run.accuracy.interval), "n": run.n}


def changed(run: Run, _result: Result) -> Any:
    """Counts of changed answers."""
    return None if run.answers_changed is None else {**run.answers_changed.model_dump(), "n": run.n}


def divergence(name: str) -> Reader:
    """Return a reader of one NMSE of the error split."""

    def reader(run: Run, _result: Result) -> Any:
        return None if run.divergence is None else getattr(run.divergence, name)

    return reader


def throughput(run: Run, _result: Result) -> Any:
    """Sustained throughput as a figure with its validity label; n counts the steady 1-s windows behind it."""
    found = run.throughput_per_s
    if found is None:
        return None
    return {
        "value": found.sustained,
        "interval": found.interval and list(found.interval),
        "n": found.n,
        "label": found.label,
    }


def of_throughput(name: str) -> Reader:
    """Return a reader of one attribute of the throughput."""

    def reader(run: Run, _result: Result) -> Any:
        return None if run.throughput_per_s is None else getattr(run.throughput_per_s, name)

    return reader


def conditions(run: Run, _result: Result) -> Any:
    """Batch, threads and scenario of the speed figures."""
    found = run.throughput_per_s
    if found is None:
        return None
    return {"batch": str(run.batch), "threads": str(run.threads), **found.conditions}


def answers_checked(run: Run, _result: Result) -> Any:
    """Answers checked during the timed run."""
    found = run.throughput_per_s
    if found is None:
        return None
    return f"{numbers.number(found.answers_checked)} checked, {numbers.number(found.answers_differing)} differ"


def speedup_of(run: Run, baseline: str) -> Speedup | None:
    """Return the run's ratio to a baseline ("own_fp32" | "own_fp16" | "fastest_float")."""
    return next((entry for entry in run.speedup if entry.baseline == baseline), None)


def speedup(baseline: str) -> Reader:
    """Return a reader of the ratio to one baseline."""

    def reader(run: Run, _result: Result) -> Any:
        found = speedup_of(run, baseline)
        if found is None:
            return None
        pair = found.interval and list(found.interval)
        return {
            "value": found.value,
            "interval": pair,
            "baseline": found.baseline_label,
            "interleaved": found.interleaved,
            "windows": found.windows and list(found.windows),
        }

    return reader


def latency(name: str) -> Reader:
    """Return a reader of one percentile; below its floor of runs it says so."""

    def reader(run: Run, _result: Result) -> Any:
        found = run.latency_ms
        if found is None:
            return None
        value = getattr(found, name)
        if value is None:
            return {"not_applicable": f"{numbers.number(found.n)} runs are below the floor of {name.upper()}"}
        pair = getattr(found, f"{name}_interval")
        return {"value": value, "interval": pair and list(pair), "n": found.n}

    return reader


def error(name: str) -> Reader:
    """Return a reader of "sqnr_db" or "nmse" with its interval; where there is none it gives the reason."""

    def reader(run: Run, _result: Result) -> Any:
        value, pair = getattr(run, name), getattr(run, f"{name}_interval")
        if value is None:
            return None
        reason = run.reasons.get("sqnr_db_interval")
        if pair is None and reason:
            return {"not_applicable": f"no interval: {reason}"}
        return {"value": value, "interval": pair and list(pair), "n": run.n}

    return reader


def by_position(run: Run, _result: Result) -> str | None:
    """SQNR at the first, the middle and the last position of the sequences; None for independent samples."""
    return None if run.error_by_position is None else position_text(run.error_by_position)


def fact(*keys: str) -> Reader:
    """Return a reader of the first machine fact that is known under one of `keys`."""

    def reader(machine: Machine, _result: Result) -> Any:
        return next((machine.facts[key] for key in keys if machine.facts.get(key)), None)

    return reader


def accuracy_change(run: Run, result: Result) -> Any:
    """Paired change of the task metric against FP32, in points."""
    found = figure(run.accuracy_change_points)
    return found or (None if run.reasons.get("accuracy_change_points") else _no_labels(result))


def driver(machine: Machine, _result: Result) -> Any:
    """Driver of the accelerator; does not apply where none is listed."""
    found = machine.facts.get("driver") or machine.facts.get("gpu_driver")
    listed = machine.facts.get("gpu") or machine.facts.get("accelerator")
    return found or (None if listed else {"not_applicable": "no accelerator is listed"})


def attribute(name: str) -> Reader:
    """Return a reader of a plain attribute."""

    def reader(source: Any, _result: Result) -> Any:
        return getattr(source, name)

    return reader


def study(read: Callable[[Result], Any]) -> Reader:
    """Return a reader of the result as a whole."""
    return lambda _source, result: read(result)
