"""The finding in words: title, chips, one verdict sentence per INT8 run, the first line of the sheet.

Pure functions of a result. They return plain dicts in the shape of report.sheet's records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.execution.result import GateVerdict, Result, Run
from workbench.report import numbers
from workbench.report.exchanges import exchange_lines
from workbench.report.names import (
    EVALUATED,
    SIMULATED_INT8,
    difference_words,
    precision_title,
    row_name,
    sample_word,
    several_candidates,
    word_of,
)
from workbench.report.open_gates import gate_text, open_words, short_list
from workbench.report.positions import position_lines
from workbench.report.readers import speedup_of

DOT = " \N{MIDDLE DOT} "
WORDS = {"pass": "ship", "fail": "do not ship", "unknown": "cannot tell", "none": "no gates set"}
STATUS_WORDS = {
    "failed": "failed",
    "crashed": "crashed",
    "timed_out": "timed out",
    "cancelled": "cancelled",
    "not_available": "not measured",
}
NOTHING_INT8 = "Nothing of it ran in INT8."
NO_RUNTIME = "The package was executed op by op to check it: no runtime ran, and there is no speed."
ACCURACY_GATE = "max_accuracy_drop_points"


def title(result: Result) -> str:
    """Return the title, such as "MobileNet · INT8 S1 against FP32 · 2,000 images · what differs: the runtime"."""
    name = numbers.shorten(result.model.name, 60)
    parts = [name, _scheme_words(result), _sample_words(result), _what_differs(result)]
    return DOT.join(part for part in parts if part)


def chips(result: Result) -> list[dict[str, str]]:
    """Return the facts beside the title: plan, same numbers, overlap, resolution, profile."""
    found = [
        *_plan_chips(result),
        *_native_chip(result),
        *_parity_chip(result),
        *_overlap_chip(result),
        *_resolution_chip(result),
    ]
    if result.profile:
        found.append({"text": f"profile {result.profile}", "state": "plain"})
    return found


def sentences(result: Result) -> list[dict[str, Any]]:
    """Return one verdict sentence per INT8 run, failed and unavailable ones in their place.

    Where a row has no INT8 run at all (an FP32 study, or a runtime that failed before), its other run speaks.
    """
    return [_sentence(run, result) for run in _speaking_runs(result.runs)]


def overall(verdicts: Iterable[GateVerdict]) -> str:
    """Return "fail", "unknown", "pass" or "none" (no gates) for the gates of one run; the worst one counts."""
    found = {entry.verdict for entry in verdicts}
    if "FAIL" in found:
        return "fail"
    if "CANNOT TELL" in found:
        return "unknown"
    return "pass" if found else "none"


def disagreements(result: Result) -> list[str]:
    """Return "They disagree on 31 of 2,000." lines of the INT8 runs; names stand where there are several pairs."""
    pairs = [entry for entry in result.disagreements if entry.precision == "int8" and entry.answers_differ is not None]
    several = several_candidates(result)
    lines = []
    for entry in pairs:
        who = "They" if len(pairs) == 1 else _pair_name(entry.label_a, entry.label_b, entry.candidate, several)
        lines.append(f"{who} {difference_words(entry.answers_differ or 0, entry.n)}")
    return lines


def resolution(result: Result) -> str:
    """Return "This set resolves 0.7 points.", "" where it is unknown."""
    if result.resolution_points is None:
        return ""
    return f"This set resolves {numbers.number(result.resolution_points, 1)} points."


def notes(result: Result) -> list[str]:
    """Return the lines under the verdicts: disagreement, tool-chains, resolution, speed labels not SUSTAINED."""
    about_answers = [*disagreements(result), *exchange_lines(result), *position_lines(result)]
    return [*about_answers, *filter(None, [resolution(result)]), *_speed_notes(result)]


def headline(result: Result, spoken: Sequence[dict[str, Any]]) -> str:
    """Return the first line of the sheet without its hash: one sentence fit for a slide."""
    head = f"{numbers.shorten(result.model.name, 40)}, {_scheme_words(result) or 'no runs'}, {_sample_words(result)}"
    body = "; ".join(_headline_part(entry, result) for entry in spoken)
    return f"{head}. {body or 'Nothing was measured'}."


def _headline_part(entry: dict[str, Any], result: Result) -> str:
    several = several_candidates(result)
    name = row_name(entry["label"], entry["candidate"], several)
    run = next(
        (r for r in _speaking_runs(result.runs) if (r.label, r.candidate) == (entry["label"], entry["candidate"])), None
    )
    figures = [] if run is None or run.status != "ok" else [_change_words(run), *_speed_words(run)[:1]]
    shown = ", ".join(part for part in figures if part)
    if entry["state"] == "none" and entry["word"] not in (SIMULATED_INT8, EVALUATED) and shown:
        return f"{name}: {shown}"
    return f"{name}: {entry['word']} ({shown})" if shown else f"{name}: {entry['word']}"


def _speaking_runs(runs: Sequence[Run]) -> list[Run]:
    rows: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.runtime == "reference" or run.precision in ("simulated", "reference"):
            continue
        key = (run.label, run.candidate)
        if key not in rows or run.precision == "int8" or (rows[key].status == "ok" and run.status != "ok"):
            rows[key] = rows[key] if key in rows and rows[key].precision == "int8" else run
    return list(rows.values())


def _sentence(run: Run, result: Result) -> dict[str, Any]:
    name = row_name(run.label, run.candidate, several_candidates(result))
    refused = next((entry.reason for entry in run.deviations if entry.refuses), "")
    if run.status != "ok":
        return _record(run, "missing", *_not_finished(run, refused), name)
    if word_of(run) == EVALUATED:
        return _record(run, "none", EVALUATED, f"{_capital(_stop(_change_words(run)))} {NO_RUNTIME}".strip(), name)
    if precision_title(run.precision, word_of(run)) == SIMULATED_INT8:
        return _record(run, "none", SIMULATED_INT8, _capital(_stop(_change_words(run))), name)
    gates = [entry for entry in result.verdicts if (entry.label, entry.candidate) == (run.label, run.candidate)]
    state = overall(gates)
    word = WORDS[state] if run.precision == "int8" or state != "none" else f"{run.precision.upper()} only"
    detail = {"pass": _passed, "fail": _failed, "unknown": _unknown, "none": _no_gates}[state](
        run, gates, sample_word(result)
    )
    is_float = run.precision == "int8" and run.int8_mac_share == 0
    return _record(run, state, word, f"{NOTHING_INT8} {_capital(detail)}" if is_float else _capital(detail), name)


def _record(run: Run, state: str, word: str, detail: str, name: str) -> dict[str, Any]:
    return {
        "label": run.label,
        "candidate": run.candidate,
        "state": state,
        "word": word,
        "lead": f"{name}: {word}.",
        "detail": detail,
    }


def _not_finished(run: Run, refused: str) -> tuple[str, str]:
    if refused:
        return "refused", f"Not realisable: {_stop(refused)}"
    if run.problem is None:
        return STATUS_WORDS[run.status], ""
    if run.status == "not_available":
        # The first clause says what is missing; details and remedy stand with the run itself.
        missing = run.problem.message.partition(";")[0]
        return STATUS_WORDS[run.status], f"{_artifact_words(run)} {_capital(_stop(missing))}".strip()
    signal = f" ({run.problem.signal})" if run.problem.signal and run.status == "crashed" else ""
    parts = (_capital(_stop(run.problem.message)), _stop(run.problem.remedy))
    return STATUS_WORDS[run.status] + signal, " ".join(part for part in parts if part)


def _artifact_words(run: Run) -> str:
    """Return what is known of the artifact of a run that could not take place."""
    if run.parity is None:
        return ""
    wrong = numbers.number(len(run.parity.mismatches))
    return f"Its artifact differs from the plan in {wrong} places." if run.parity.mismatches else "Artifact verified."


def _passed(run: Run, gates: Sequence[GateVerdict], _samples: str) -> str:
    gate = _gate(gates, ACCURACY_GATE) if _has_change(run) else None
    change = _change_words(run, bare=gate is not None)
    accuracy = f"keeps accuracy within {_limit_words(gate.limit)} ({change})" if gate else change
    return _joined([accuracy, *_speed_words(run)])


def _failed(run: Run, gates: Sequence[GateVerdict], _samples: str) -> str:
    broken = [entry for entry in gates if entry.verdict == "FAIL"]
    words = short_list(
        [
            f"{_change_words(run)}, more than the {_limit_words(entry.limit)} allowed"
            if entry.gate == ACCURACY_GATE and _has_change(run)
            else gate_text(entry)
            for entry in broken
        ]
    )
    first = [] if any(entry.gate == ACCURACY_GATE for entry in broken) else [_change_words(run)]
    return _joined([*words, *first, *_speed_words(run)])


def _unknown(run: Run, gates: Sequence[GateVerdict], samples: str) -> str:
    open_gates = [entry for entry in gates if entry.verdict == "CANNOT TELL"]
    accuracy = _gate(open_gates, ACCURACY_GATE) if _has_change(run) else None
    change = _change_words(run)
    if accuracy:
        change = f"{change} against a limit of {_limit_words(accuracy.limit)}"
    if accuracy and len([entry for entry in open_gates if entry.needs_n]) <= 1:
        open_gates.remove(accuracy)
        change += f"; needs about {numbers.about(accuracy.needs_n)} {samples}" if accuracy.needs_n else ""
    words = _stop("; ".join(part for part in (change, *open_words(open_gates, samples)) if part))
    return f"{words} {_capital(_joined(_speed_words(run)))}".strip()


def _no_gates(run: Run, _gates: Sequence[GateVerdict], _samples: str) -> str:
    return _joined([_change_words(run), *_speed_words(run)]) or "No figure with an interval is on record."


def _has_change(run: Run) -> bool:
    return run.accuracy_change_points is not None and run.accuracy_change_points.interval is not None


def _change_words(run: Run, *, bare: bool = False) -> str:
    change = run.accuracy_change_points
    if change is not None and change.interval is not None:
        return numbers.points(change.value, change.interval) + ("" if bare else " points")
    agreement = run.top1_agreement
    if agreement is not None and agreement.interval is not None:
        return f"same answer as FP32 on {numbers.percent_with_interval(agreement.value, agreement.interval)}"
    if run.sqnr_db is not None and run.sqnr_db_interval is not None and run.precision != "fp32":
        return f"{numbers.decibels(run.sqnr_db, run.sqnr_db_interval)} dB SQNR against FP32"
    return ""


def _speed_words(run: Run) -> list[str]:
    own, fastest = speedup_of(run, "own_fp32"), speedup_of(run, "fastest_float")
    words = []
    if own is not None and own.interval is not None:
        label = run.throughput_per_s.label if run.throughput_per_s else "SUSTAINED"
        caveat = "" if label == "SUSTAINED" else f" ({label})"
        words.append(f"{numbers.ratio(own.value, own.interval)} its own FP32{caveat}")
    if fastest is not None and fastest.interval is not None:
        digits = numbers.ratio_digits(fastest.value, fastest.interval)
        words.append(f"{numbers.number(fastest.value, digits)}{numbers.TIMES} the fastest float here")
    return words


def _speed_notes(result: Result) -> list[str]:
    labels = {run.throughput_per_s.label for run in result.runs if run.throughput_per_s}
    found = []
    if "SHORT" in labels:
        found.append("Speeds marked SHORT come from a run too short to be called sustained.")
    disturbed = [run for run in result.runs if run.throughput_per_s and run.throughput_per_s.label == "DISTURBED"]
    if disturbed:
        found.append(f"Speeds marked DISTURBED are not steady: {_disturbance(disturbed, result)}.")
    return found


def _disturbance(runs: Sequence[Run], result: Result) -> str:
    """Return why the first of these runs was disturbed, and how many more were."""
    first, more = runs[0], len(runs) - 1
    name = f"{row_name(first.label, first.candidate, several_candidates(result))} {first.precision.upper()}"
    reason = (first.throughput_per_s.label_reason if first.throughput_per_s else "") or "the cause is not known"
    others = f"; {numbers.number(more)} more {'run' if more == 1 else 'runs'}" if more else ""
    return f"{name}: {reason.rstrip('.')}{others}"


def _scheme_words(result: Result) -> str:
    quantized = [entry for entry in result.candidates if entry.scheme.get("name") not in ("fp32", "fp16")]
    titles = list(dict.fromkeys(str(entry.scheme.get("name", entry.scheme_title)) for entry in quantized))
    if titles:
        return f"INT8 {' / '.join(titles)} against FP32"
    return " / ".join(dict.fromkeys(entry.scheme_title for entry in result.candidates))


def _sample_words(result: Result) -> str:
    evaluation = result.data.get("evaluation")
    if evaluation is None:
        return "no samples"
    frames = f" of {numbers.number(evaluation.frames)} frames" if evaluation.frames else ""
    return f"{numbers.number(evaluation.n)} {sample_word(result)}{frames}"


def _what_differs(result: Result) -> str:
    runs = [run for run in result.runs if run.runtime != "reference"]
    runtimes = len({(run.runtime, run.label) for run in runs})
    found = ["the runtime"] if runtimes > 1 else []
    found += _differing_candidates(result, {run.candidate for run in runs})
    found += ["the machine"] if len({run.machine for run in runs}) > 1 else []
    return f"what differs: {', '.join(found)}" if found else ""


def _differing_candidates(result: Result, names: set[str]) -> list[str]:
    """Return "the candidate" where several of ours were run, "the tool-chain" where one of them is a native one."""
    native = {entry.name for entry in result.candidates if entry.native}
    several = ["the candidate"] if len(names - native) > 1 else []
    return several + (["the tool-chain"] if names & native and len(names) > 1 else [])


def _plan_chips(result: Result) -> list[dict[str, str]]:
    plans = [entry.plan_sha256 for entry in result.candidates if entry.plan_sha256]
    return [{"text": f"plan {numbers.short_hash(plan, 10)}", "state": "plain"} for plan in dict.fromkeys(plans)]


def _native_chip(result: Result) -> list[dict[str, str]]:
    count = sum(entry.native is not None for entry in result.candidates)
    words = "native tool-chain" if count == 1 else "native tool-chains"
    return [{"text": f"{numbers.number(count)} {words}, numbers of its own", "state": "plain"}] if count else []


def _parity_chip(result: Result) -> list[dict[str, str]]:
    checks = [run.parity for run in result.runs if run.parity is not None]
    if not checks:
        return []
    wrong, declared = sum(len(check.mismatches) for check in checks), sum(check.declared for check in checks)
    if wrong == 0 and declared:
        text = f"same numbers in every artifact but for {numbers.number(declared)} that a deviation declares"
        return [{"text": text, "state": "plain"}]
    answer = "yes" if wrong == 0 else f"no, {numbers.number(wrong)} differ"
    return [{"text": f"same numbers in every artifact: {answer}", "state": "good" if wrong == 0 else "bad"}]


def _overlap_chip(result: Result) -> list[dict[str, str]]:
    if result.overlap is None:
        return []
    return [{"text": f"overlap {numbers.number(result.overlap)}", "state": "bad" if result.overlap else "plain"}]


def _resolution_chip(result: Result) -> list[dict[str, str]]:
    if result.resolution_points is None:
        return []
    return [{"text": f"resolves {numbers.number(result.resolution_points, 1)} points", "state": "plain"}]


def _pair_name(label_a: str, label_b: str, candidate: str, several: bool) -> str:
    pair = f"{numbers.shorten(label_a, 40)} and {numbers.shorten(label_b, 40)}"
    return f"{pair} ({candidate})" if several else pair


def _gate(gates: Sequence[GateVerdict], name: str) -> GateVerdict | None:
    return next((entry for entry in gates if entry.gate == name), None)


def _limit_words(limit: float) -> str:
    text = numbers.number(limit, 0 if limit == int(limit) else 1 if round(limit, 1) == limit else 2)
    return f"{text} point" if limit == 1 else f"{text} points"


def _joined(parts: Iterable[str]) -> str:
    text = ", ".join(part for part in parts if part)
    return _stop(text)


def _stop(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
