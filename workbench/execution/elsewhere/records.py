"""What stands in the list that a bundle carries, and in the one that comes back; both are versioned.

Pydantic models that refuse unknown keys and numbers that are not finite, and publish the JSON Schema.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from workbench.errors import FileFormatError
from workbench.execution.elsewhere.names import JOB_NAME, RETURNED_NAME
from workbench.execution.run_records import DeviationRecord, Parity, Record
from workbench.files import migrate

JOB_VERSION = 2
"""Version 2 names the file that opens the models; in version 1 the runner itself knew five runtimes."""
RETURNED_VERSION = 2
"""Version 2 tells which file opened the models."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
Text = Annotated[str, Field(max_length=10_000)]
"""What another machine tells in words."""


class FileFacts(Record):
    """What a file must be: every member of an archive but the list itself has one."""

    sha256: Sha256
    bytes: Count


class ArrayFacts(Record):
    """One .npy file: the name of the model's input, its dtype, and its shape over all samples."""

    name: str
    path: str
    dtype: str
    shape: list[Count]


class OutputSpec(Record):
    """A compared output; symbolic axes are names."""

    name: str
    dtype: str
    shape: list[int | str]


class MeasureFacts(Record):
    """Timed seconds per model, in so many blocks that take turns."""

    profile: str
    seconds: Seconds
    rounds: Count


class JobCell(Record):
    """One model to run.

    Attributes:
        artifact: file or folder in the bundle; artifact_sha256: as in a result's run.
        linear_nodes: Gemms and MatMuls with a constant input, by which a runtime's faults may be told.
        parity: of the artifact, read back where it was made.
    """

    number: Count
    label: str
    candidate: str
    precision: Literal["fp32", "fp16", "int8"]
    plan_sha256: Sha256 | None
    artifact: str
    artifact_sha256: Sha256
    artifact_bytes: Count
    build_s: Seconds
    threads: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    settings: dict[str, Any]
    notes: dict[str, str]
    deviations: list[DeviationRecord]
    parity: Parity | None
    linear_nodes: list[str]


class Job(Record):
    """What a bundle is.

    Attributes:
        elsewhere: the file that opens the models; null in a job of version 1.
        versions: of the runtime's tool-chain where the job was made.
        data_sha256: of the samples' list; samples_sha256: of it with preprocessing.
        n: rows of the inputs: samples, or frames of all sequences; frames: per sequence, else 1.
        state: of a recurrent model, input -> output fed back; start: its values where a sequence starts.
    """

    schema_version: int = JOB_VERSION
    program_version: str
    study_name: str
    runtime: str
    elsewhere: str | None
    versions: dict[str, str]
    model_sha256: Sha256
    data_sha256: Sha256
    samples_sha256: Sha256
    n: Annotated[int, Field(ge=1)]
    frames: Annotated[int, Field(ge=1)] = 1
    state: dict[str, str] = Field(default_factory=dict)
    inputs: list[ArrayFacts]
    start: list[ArrayFacts] = Field(default_factory=list)
    outputs: list[OutputSpec]
    measure: MeasureFacts
    cells: list[JobCell]
    files: dict[str, FileFacts]


class ReturnedOutput(Record):
    """One compared output in a .npy file inside the cell's folder."""

    name: str
    path: Annotated[str, Field(pattern=r"^outputs/\d+\.npy$")]
    dtype: str
    shape: list[Count]
    per_sample: bool


class WarmUpFacts(Record):
    """The discarded runs; their latencies lie in `warm_up.npy`."""

    seconds: Seconds
    runs: Count
    steady: bool


class LoadFacts(Record):
    """Shares of that machine's whole CPU capacity (see measure.load.LoadReport)."""

    others_mean: Annotated[float, Field(ge=0, le=1)]
    others_peak: Annotated[float, Field(ge=0, le=1)]
    steal: Annotated[float, Field(ge=0)]
    seconds: Seconds
    cores: Count


class BlockFacts(Record):
    """One timed block; its latencies lie in `block_<number>.npy`. `load` is null where the system does not tell."""

    start_ns: int
    wall_ns: Annotated[int, Field(gt=0)]
    runs: Annotated[int, Field(ge=1)]
    load: LoadFacts | None


class KernelFacts(Record):
    """A kernel that ran: the nodes it stands for, by the names that the runtime gives them."""

    nodes: list[str]
    op_type: str
    device: str
    precision: str


class ReturnedCell(Record):
    """What became of one model; where it failed `message` says why, and nothing else counts."""

    number: Count
    status: Literal["ok", "failed"]
    message: Text = ""
    load_s: Seconds | None = None
    first_inference_ms: Seconds | None = None
    n: Count = 0
    wall_s: Seconds = 0.0
    run_s: Seconds = 0.0
    outputs: list[ReturnedOutput] = Field(default_factory=list)
    facts: dict[Text, Text] = Field(default_factory=dict)
    kernels: list[KernelFacts] = Field(default_factory=list)
    warm_up: WarmUpFacts | None = None
    blocks: list[BlockFacts] = Field(default_factory=list)
    answers_checked: Count = 0
    answers_differing: Count = 0


class Returned(Record):
    """What came back.

    Attributes:
        elsewhere_sha256: of the file that opened the models; null where a runner of version 1 did it.
        job_sha256: of the bytes of the job's list; session: one per run of the runner.
        machine: facts by the keys of measure.machine; versions: of the tool-chain there.
    """

    schema_version: int = RETURNED_VERSION
    runner_version: int
    elsewhere_sha256: Sha256 | None
    job_sha256: Sha256
    started_utc: Moment
    finished_utc: Moment
    session: str
    machine: dict[Text, Text]
    versions: dict[Text, Text]
    cells: list[ReturnedCell]
    files: dict[str, FileFacts]


Document = TypeVar("Document", Job, Returned)
_KINDS: dict[type[Record], tuple[str, str, int, str]] = {
    Job: (JOB_NAME, "job", JOB_VERSION, "elsewhere"),
    Returned: (RETURNED_NAME, "job result", RETURNED_VERSION, "elsewhere_sha256"),
}
"""File, words, version, and the key that version 2 added."""


def parsed(data: bytes, kind: type[Document]) -> Document:
    """Read a job's list or its result's, of any version. Raises FileFormatError: damaged, foreign, or newer."""
    name, words, version, added = _KINDS[kind]
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{name} is not a {words}", why="it is not JSON, or it is cut off") from error
    if not isinstance(document, dict):
        raise FileFormatError(f"{name} is not a {words}", why="its top level is not an object")
    document = migrate(document, name, words, version, {1: lambda old: {**old, added: None}})
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise FileFormatError(f"{name} is damaged", why=f"{where}: {first['msg']}") from error
