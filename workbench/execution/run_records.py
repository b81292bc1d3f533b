"""Records of one run in `result.json`: accuracy, distances, placement, speed, and how it ended.

Pydantic models that refuse unknown keys and numbers that are not finite. The whole file is `result.Result`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Interval = tuple[float, float]
Status = Literal["ok", "failed", "crashed", "timed_out", "cancelled", "not_available"]
Precision = Literal["fp32", "fp16", "int8", "simulated", "reference"]
Verdict = Literal["PASS", "FAIL", "CANNOT TELL"]


class Record(BaseModel):
    """Base of all records: frozen, unknown keys refused, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Estimate(Record):
    """A figure with its 95 % interval and the number of samples behind it."""

    value: float
    interval: Interval | None = None
    n: int | None = None


class Accuracy(Record):
    """Task metric of one run, such as top-1 accuracy."""

    metric: str
    value: float
    interval: Interval


class AnswersChanged(Record):
    """Counts of samples whose answer differs from the FP32 reference; without labels only `changed` is known."""

    changed: int
    right_to_wrong: int | None = None
    wrong_to_right: int | None = None
    wrong_to_other: int | None = None


class MismatchRecord(Record):
    """One difference between plan and artifact (see quant.parity.Mismatch)."""

    kind: str
    name: str
    field: str
    planned: str
    found: str


class Parity(Record):
    """Parameters read back from the artifact against the plan.

    Attributes:
        checked: number of tensors, weights and biases.
        declared: how many of them were compared with what a deviation declares in place of the plan's numbers.
    """

    checked: int
    mismatches: list[MismatchRecord] = Field(default_factory=list)
    declared: int = 0


class DeviationRecord(Record):
    """Requested, realised, reason (see spi.Deviation)."""

    node: str | None
    requested: str
    realised: str
    reason: str
    codes_change: bool | None = None
    refuses: bool = False


class PlacementRecord(Record):
    """Where one node really ran (see spi.Placement); `macs` per sample."""

    node: str
    op_type: str
    device: str
    precision: str
    fused_into: str = ""
    reason: str = ""
    time_share: float | None = None
    macs: int = 0
    quantized: bool = False


class FloatLeftover(Record):
    """A float op that sits between INT8 ops: the row "why not INT8-fast?"."""

    node: str
    op_type: str
    reason: str
    time_share: float | None = None


class Latency(Record):
    """Latency percentiles in ms per run of one batch; null below the percentile's floor of runs.

    Attributes:
        n: runs behind the percentiles.
        p50_interval, p90_interval, p99_interval: 95 %, from order statistics (measure.latency.percentile_intervals_ms).
    """

    p50: float | None
    p90: float | None
    p99: float | None
    n: int
    p50_interval: Interval | None = None
    p90_interval: Interval | None = None
    p99_interval: Interval | None = None


class Throughput(Record):
    """Samples per second.

    Attributes:
        sustained: median over the steady 1-s windows, `windows_per_s[steady_from:]`; interval: of the same windows.
        first_5s: rate of the first 5 s after load.
        measured_s: timed seconds; label_reason: why the label, in words.
        label: SUSTAINED | SHORT | DISTURBED; conditions: scenario, batch, threads, profile, interleaving, in words.
    """

    sustained: float
    interval: Interval | None
    first_5s: float | None
    peak: float | None
    label: Literal["SUSTAINED", "SHORT", "DISTURBED"]
    warm_up_s: float
    warm_up_runs: int
    windows_per_s: list[float]
    answers_checked: int
    answers_differing: int
    measured_s: float = 0.0
    label_reason: str = ""
    conditions: dict[str, str] = Field(default_factory=dict)
    steady_from: int = 0

    @property
    def n(self) -> int:
        """Number of steady windows: those behind `sustained` and its interval."""
        return len(self.windows_per_s) - self.steady_from


class Speedup(Record):
    """Ratio of sustained throughput to a named baseline on the same machine, with its interval.

    Attributes:
        windows: steady windows of the run and of its baseline; the ratio and its interval are of these alone.
    """

    baseline: Literal["own_fp32", "own_fp16", "fastest_float"]
    baseline_label: str
    value: float
    interval: Interval | None
    interleaved: bool
    windows: tuple[int, int] | None = None


class TensorDivergence(Record):
    """Divergence of one compared output from the FP32 reference."""

    output: str
    sqnr_db: float | None
    nmse: float | None
    cosine_similarity: float | None
    max_abs_error: float | None
    mean_abs_error: float | None
    nonfinite: int
    constant: bool = False


class Divergence(Record):
    """Distances that tell where a difference comes from (numerics: scheme, execution, platform, total), NMSE."""

    scheme_nmse: float | None = None
    execution_nmse: float | None = None
    platform_nmse: float | None = None
    total_nmse: float | None = None


class PositionErrors(Record):
    """Error of the headline output against the position in the sequence (see measure.positions).

    Attributes:
        first_frames: first frame of each stretch of positions; nmse, sqnr_db: of the stretch over all sequences.
    """

    output: str
    sequences: int
    frames: int
    first_frames: list[int]
    nmse: list[float | None]
    sqnr_db: list[float | None]


class Problem(Record):
    """Why a run did not finish, for a person: one line, how to mend it, and the last log lines."""

    message: str
    remedy: str = ""
    signal: str = ""
    log_tail: list[str] = Field(default_factory=list)


class Run(Record):
    """One cell: (label, candidate, precision).

    Attributes:
        sqnr_db_interval, nmse_interval: 95 %, by the paired bootstrap over samples; null where nothing differs, and
            with a reason under "sqnr_db_interval" where they cannot be told. The SQNR's is null too where its upper end
            is infinite; the NMSE's then starts at 0.
        error_by_position: of recurrent models alone; their samples are frames, and intervals are over sequences.
    """

    runtime: str
    label: str
    candidate: str
    precision: Precision
    machine: str
    required: bool = True
    threads: int
    batch: int
    status: Status
    problem: Problem | None = None
    plan_sha256: str | None = None
    artifact_sha256: str | None = None
    artifact_bytes: int | None = None
    outputs_sha256: str | None = None
    n: int = 0
    accuracy: Accuracy | None = None
    accuracy_change_points: Estimate | None = None
    mcnemar_p: float | None = None
    mcnemar_p_holm: float | None = None
    top1_agreement: Estimate | None = None
    top5_overlap: float | None = None
    answers_changed: AnswersChanged | None = None
    sqnr_db: float | None = None
    sqnr_db_interval: Interval | None = None
    nmse: float | None = None
    nmse_interval: Interval | None = None
    kl_mean: float | None = None
    kl_median: float | None = None
    kl_p99: float | None = None
    kl_max: float | None = None
    outputs: list[TensorDivergence] = Field(default_factory=list)
    divergence: Divergence | None = None
    error_by_position: PositionErrors | None = None
    int8_mac_share: float | None = None
    float_leftovers: list[FloatLeftover] = Field(default_factory=list)
    placement: list[PlacementRecord] = Field(default_factory=list)
    parity: Parity | None = None
    deviations: list[DeviationRecord] = Field(default_factory=list)
    latency_ms: Latency | None = None
    throughput_per_s: Throughput | None = None
    speedup: list[Speedup] = Field(default_factory=list)
    load_s: float | None = None
    build_s: float | None = None
    first_inference_ms: float | None = None
    peak_rss_bytes: int | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    facts: dict[str, str] = Field(default_factory=dict)
    worst_samples: list[dict[str, Any]] = Field(default_factory=list)
    findings: list[str] = Field(default_factory=list)
    reasons: dict[str, str] = Field(default_factory=dict)
