"""Results as pandas frames: one row per run or per gate, for the `table` command and for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.execution.result import Latency, Result, Run
from workbench.report import names
from workbench.report.readers import speedup_of
from workbench.report.render_csv import safe

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = (
    "runtime", "label", "candidate", "precision", "machine", "status", "required", "threads", "batch", "n", "sqnr_db",
    "nmse", "kl_mean", "int8_mac_share", "load_s", "build_s", "first_inference_ms", "peak_rss_bytes", "artifact_bytes",
    "mcnemar_p", "mcnemar_p_holm", "top5_overlap",
)  # fmt: skip
_INTEGERS = (
    "n", "peak_rss_bytes", "artifact_bytes", "answers_changed", "right_to_wrong", "wrong_to_right", "latency_n",
    "threads", "batch", "parity_checked", "parity_mismatches",
)  # fmt: skip


def runs_frame(result: Result) -> pd.DataFrame:
    """Return one row per run, one column per figure, `<figure>_low` and `_high` for its 95 % interval.

    `study`, `study_sha256` and `created_utc` tell rows of several studies apart.
    Shares are 0 to 1, changes in percentage points, rates in samples per second. Counts are nullable integers, other
    figures float64 with NaN where a run has none.
    """
    import pandas as pd  # noqa: PLC0415  (450 ms to import)

    rows = [{**_study(result), **_row(run)} for run in result.runs]
    frame = pd.DataFrame(rows, columns=list(_row_keys()))
    floats = [name for name in frame.columns if name not in _TEXTS and name not in _INTEGERS]
    return frame.astype({**dict.fromkeys(_INTEGERS, "Int64"), **dict.fromkeys(floats, "float64")})


def verdicts_frame(result: Result) -> pd.DataFrame:
    """Return one row per gate and run, with the same first columns."""
    import pandas as pd  # noqa: PLC0415  (450 ms to import)

    columns = [*_STUDY, "gate", "label", "candidate", "verdict", "limit", "value", "low", "high", "needs_n"]
    rows = [
        (
            *_study(result).values(),
            v.gate,
            v.label,
            v.candidate,
            v.verdict,
            v.limit,
            v.value,
            *(v.interval or (None, None)),
            v.needs_n,
        )
        for v in result.verdicts
    ]
    kinds = {"limit": "float64", "value": "float64", "low": "float64", "high": "float64", "needs_n": "Int64"}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


def csv_of(frames: Iterable[pd.DataFrame]) -> str:
    """Return frames of one kind below each other as CSV with Unix line ends, cells empty where there is no figure.

    Texts that a spreadsheet would take for a formula get a quote in front.
    """
    import pandas as pd  # noqa: PLC0415  (450 ms to import)

    together = pd.concat(frames, ignore_index=True)
    return str(together.map(safe).to_csv(index=False, lineterminator="\n"))


_STUDY = ("study", "study_sha256", "created_utc")
_PERCENTILES = ("p50", "p90", "p99")
_TEXTS = (
    *_STUDY, "runtime", "label", "candidate", "precision", "machine", "status", "required", "word", "title",
    "rate_label",
)  # fmt: skip


def _row_keys() -> tuple[str, ...]:
    intervals = ("accuracy", "accuracy_change_points", "top1_agreement", "rate_per_s", "own_fp32", "fastest_float")
    figures = [key for name in intervals for key in (name, f"{name}_low", f"{name}_high")]
    counts = ["answers_changed", "right_to_wrong", "wrong_to_right", "parity_checked", "parity_mismatches"]
    ends = [f"{name}_{end}" for name in ("sqnr_db", "nmse") for end in ("low", "high")]
    latency = [f"latency_{name}_ms{end}" for name in _PERCENTILES for end in ("", "_low", "_high")]
    return (*_STUDY, *_PLAIN, "word", "title", *figures, *ends, *counts, *latency, "latency_n", "rate_label")


def _study(result: Result) -> dict[str, str]:
    """Return the first columns of every row."""
    values = (result.study_name, result.study_sha256, result.created_utc)
    return dict(zip(_STUDY, values, strict=True))


def _row(run: Run) -> dict[str, Any]:
    rate = run.throughput_per_s
    changed, parity, latency = run.answers_changed, run.parity, run.latency_ms
    own, fastest = speedup_of(run, "own_fp32"), speedup_of(run, "fastest_float")
    return {
        **{key: getattr(run, key) for key in _PLAIN},
        "word": names.word_of(run),
        "title": names.run_title(run),
        **_figure("accuracy", run.accuracy),
        **_figure("accuracy_change_points", run.accuracy_change_points),
        **_figure("top1_agreement", run.top1_agreement),
        **_figure("own_fp32", own),
        **_figure("fastest_float", fastest),
        **({"rate_per_s": rate.sustained, "rate_label": rate.label, **_ends("rate_per_s", rate)} if rate else {}),
        **(changed.model_dump(include={"right_to_wrong", "wrong_to_right"}) if changed else {}),
        "answers_changed": changed.changed if changed else None,
        **({"parity_checked": parity.checked, "parity_mismatches": len(parity.mismatches)} if parity else {}),
        **_pair("sqnr_db", run.sqnr_db_interval),
        **_pair("nmse", run.nmse_interval),
        **({f"latency_{name}_ms": getattr(latency, name) for name in _PERCENTILES} if latency else {}),
        **_latency_ends(latency),
        "latency_n": latency.n if latency else None,
    }


def _figure(name: str, estimate: Any) -> dict[str, Any]:
    return {} if estimate is None else {name: estimate.value, **_ends(name, estimate)}


def _ends(name: str, estimate: Any) -> dict[str, Any]:
    return _pair(name, estimate.interval)


def _latency_ends(latency: Latency | None) -> dict[str, Any]:
    found = {} if latency is None else {name: getattr(latency, f"{name}_interval") for name in _PERCENTILES}
    return {key: end for name, pair in found.items() for key, end in _pair(f"latency_{name}_ms", pair).items()}


def _pair(name: str, interval: tuple[float, float] | None) -> dict[str, Any]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
