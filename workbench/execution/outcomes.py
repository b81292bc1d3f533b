"""What the end of a worker means: from final message, exit code and the host's own reason to one Outcome."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from workbench.execution.jobs import Job, Outcome, Status

_FAULT = "Try another version of it, or other options or fewer threads; its log has its last words."
REMEDIES: Mapping[str, str] = {
    "SIGKILL": "It may have run out of memory.",
    "SIGSEGV": _FAULT,
    "SIGABRT": _FAULT,
    "SIGBUS": _FAULT,
    "SIGFPE": _FAULT,
    "SIGILL": "It may be built for another processor: look for a build that suits this one.",
}
"""What helps after a signal; a fault of the runtime itself is nothing that the study could mend."""
LONGEST = 600
"""Letters of a worker's error in a result and on a terminal."""


def outcome_of(
    job: Job,
    final: Mapping[str, Any],
    exit_code: int,
    stopped: tuple[Status, str] | None,
    common: dict[str, Any],
) -> Outcome:
    """Return the outcome of a worker that has ended.

    Args:
        final: its final message, empty when there was none.
        exit_code: as subprocess gives it; negative for a signal.
        stopped: why the host stopped it, and what did not come in time ("" for the job's own limit); None when it
            ended by itself.
        common: fields that every outcome has.
    """
    if final.get("final") == "ok":
        return Outcome("ok", value=final["value"], exit_code=exit_code, **common)
    status, waited_for = stopped or (final.get("final"), "")
    if status == "cancelled":
        return Outcome("cancelled", error_kind="JobCancelledError", message="stopped on request", **common)
    if status == "timed_out":
        return _timed_out(job, waited_for, common)
    if final:
        return _failed(final["error"], exit_code, common)
    return _died(job, exit_code, common)


def _timed_out(job: Job, waited_for: str, common: dict[str, Any]) -> Outcome:
    message = f"{who(job)}: {waited_for or f'no answer within its limit of {job.timeout_s:g} s'}"
    return Outcome("timed_out", error_kind="TimeoutError", message=message, **common)


def _failed(error: Mapping[str, str], exit_code: int, common: dict[str, Any]) -> Outcome:
    what = ": ".join(part.rstrip(".") for part in (error["what"], error["why"]) if part) or error.get("message", "")
    return Outcome(
        "failed",
        error_kind=error["kind"],
        message=shortened(what),
        remedy=error["how"],
        exit_code=exit_code,
        remote_traceback=error["traceback"],
        **common,
    )


def _died(job: Job, exit_code: int, common: dict[str, Any]) -> Outcome:
    """Return the outcome of a worker that ended without a final message."""
    if exit_code == 0:
        message = f"{who(job)} ended without an answer (exit code 0)"
        return Outcome("failed", error_kind="NoAnswer", message=message, exit_code=0, **common)
    if exit_code > 0:
        message = f"{who(job)} ended with exit code {exit_code}"
        return Outcome("crashed", error_kind="ExitCode", message=message, exit_code=exit_code, **common)
    name = signal_name(-exit_code)
    remedy = REMEDIES.get(name, "")
    message = f"{who(job)} was ended by {name}"
    return Outcome("crashed", error_kind="Crash", message=message, remedy=remedy, signal=name, **common)


def shortened(text: str) -> str:
    """Return a text as one line; of a very long one, such as a whole graph that a runtime prints, its beginning."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()} ... ({len(line):,} letters)"


def signal_name(number: int) -> str:
    """Return a signal's name, such as "SIGSEGV"; "signal 99" for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def not_started(job: Job, error: OSError) -> Outcome:
    """Return the outcome of a job whose interpreter could not be started."""
    return Outcome(
        "failed",
        error_kind=type(error).__name__,
        message=f"the interpreter {job.python} cannot be started: {error.strerror or error}",
        remedy="Give the path of a Python interpreter in the row's `python`.",
    )


def damaged_line(line: bytes) -> dict[str, Any]:
    """Return the final message that stands for a line which is no JSON object."""
    text = repr(line[:80])
    error = {"kind": "ContractError", "what": f"The worker's channel carries no JSON object: {text}"}
    return {"final": "failed", "error": {**error, "why": "", "how": "", "message": "", "traceback": ""}}


def who(job: Job) -> str:
    """Return a job's name in messages."""
    return f"{job.plugin.id} ({job.kind})" if job.plugin else f"the job {job.kind}"
