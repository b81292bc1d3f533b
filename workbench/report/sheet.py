"""The disclosure sheet: one object, built from a result, from which every format is rendered.

`sheet_sha256` is over the canonical JSON of the document without that key. Keys of `study`, candidates', machines'
and runs' `fields` are declared in report.fields.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import Field as Declared
from pydantic import ValidationError

from workbench.errors import FileFormatError, SheetError
from workbench.execution.result import GateVerdict, Precision, Record, Result, Run, Status
from workbench.files import (
    Migration,
    canonical_json,
    migrate,
    read_versioned_json,
    sha256_of_bytes,
    write_bytes_atomic,
)
from workbench.report import names, scrub, verdicts
from workbench.report.fields import disclose, fields_of, is_disclosed
from workbench.report.scrub import Scrubber

SHEET_VERSION = 1
MIGRATIONS: dict[int, Migration] = {}
INCLUDABLE = frozenset({"host", "paths", "samples", "logs"})


class SheetProblem(Record):
    """Why a run did not finish; `log_tail` only where it was asked for."""

    message: str
    remedy: str = ""
    signal: str = ""
    log_tail: list[str] = Declared(default_factory=list)


class SheetRun(Record):
    """One run: who it is, how it ended, and its fields by key.

    Attributes:
        word: "" for a measured run, else the word that stands with every figure of it (simulated, reference, ...).
        title: runtime and version for a person.
    """

    runtime: str
    label: str
    candidate: str
    precision: Precision
    machine: str
    status: Status
    required: bool
    threads: int
    batch: int
    word: str
    title: str
    refused: str = ""
    problem: SheetProblem | None = None
    fields: dict[str, Any]
    mismatches: list[str] = Declared(default_factory=list)
    findings: list[str] = Declared(default_factory=list)
    samples: list[dict[str, Any]] = Declared(default_factory=list)


class Part(Record):
    """One candidate or one machine with its fields by key."""

    name: str
    fields: dict[str, Any]


class Sentence(Record):
    """One verdict sentence: the bold lead ("ONNX Runtime: ship.") and what follows."""

    label: str
    candidate: str
    state: Literal["pass", "fail", "unknown", "none", "missing"]
    word: str
    lead: str
    detail: str


class Chip(Record):
    """One fact beside the title; `state` gives its colour."""

    text: str
    state: Literal["plain", "good", "bad"] = "plain"


class SheetDisagreement(Record):
    """Runtime against runtime; `samples` only where they were asked for."""

    candidate: str
    precision: Precision
    label_a: str
    label_b: str
    n: int
    answers_differ: int | None
    nmse: float | None
    samples: list[dict[str, Any]] = Declared(default_factory=list)


class Sheet(Record):
    """The whole file `sheet.json`."""

    schema_version: int = SHEET_VERSION
    sheet_sha256: str = ""
    program_version: str
    created_utc: str
    headline: str
    title: str
    chips: list[Chip]
    sentences: list[Sentence]
    notes: list[str]
    study: dict[str, Any]
    candidates: list[Part]
    machines: list[Part]
    runs: list[SheetRun]
    disagreements: list[SheetDisagreement]
    gates: dict[str, float]
    verdicts: list[GateVerdict]
    findings: list[str]
    included: list[str] = Declared(default_factory=list)
    not_disclosed: list[str]

    @property
    def candidate_count(self) -> int:
        """Number of candidates that runs belong to."""
        return len({run.candidate for run in self.runs if run.runtime != "reference"})


def build_sheet(result: Result, include: Collection[str] = (), hosts: Collection[str] | None = None) -> Sheet:
    """Return the sheet of a result.

    Args:
        include: what may leave the machine though it is left out otherwise: "host" (host and user names), "paths"
            (absolute paths), "samples" (names of worst samples), "logs" (last log lines of failed runs).
        hosts: names to take out; the names of this machine by default.

    Raises:
        SheetError: `include` names something unknown, or a host name or path would still be in the sheet.
    """
    unknown = sorted(set(include) - INCLUDABLE)
    if unknown:
        raise SheetError(f"A sheet cannot include {unknown[0]!r}", how=f"Choose from {', '.join(sorted(INCLUDABLE))}.")
    cleaner = _cleaner(result, include, scrub.own_hosts() if hosts is None else hosts)
    document = cleaner.document(_document(result, frozenset(include)))
    cleaner.refuse_leaks(document)
    return seal(Sheet.model_validate(document))


def seal(sheet: Sheet) -> Sheet:
    """Return the sheet with its hash, and with the list of what is not disclosed, made anew."""
    missing = missing_fields(sheet)
    open_sheet = sheet.model_copy(update={"sheet_sha256": "", "not_disclosed": missing})
    return open_sheet.model_copy(update={"sheet_sha256": sheet_hash(to_document(open_sheet))})


def sheet_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256 over a sheet document's canonical JSON without `sheet_sha256`."""
    return sha256_of_bytes(canonical_json({key: item for key, item in document.items() if key != "sheet_sha256"}))


def to_document(sheet: Sheet) -> dict[str, Any]:
    """Return the sheet as a JSON document in the order of its keys."""
    return sheet.model_dump(mode="json")


def first_line(sheet: Sheet) -> str:
    """Return the sentence fit for a slide; it ends in the first 12 digits of the sheet's hash."""
    return f"{sheet.headline} [sheet {sheet.sheet_sha256[:12]}]"


def missing_fields(sheet: Sheet) -> list[str]:
    """Return "where: label" of every required field that is not disclosed. Runs that did not finish owe none."""
    lines = _missing_in("", "study", sheet.study)
    for scope, parts in (("candidate", sheet.candidates), ("machine", sheet.machines)):
        lines += [line for part in parts for line in _missing_in(f"{scope} {part.name}", scope, part.fields)]
    for run in sheet.runs:
        if run.status == "ok":
            lines += _missing_in(f"{run.label} {run.precision}", "run", run.fields, run.precision)
    return lines


def save_sheet(sheet: Sheet, path: Path) -> None:
    """Write `sheet.json` atomically, the same bytes as render(sheet, "json"). Raises OutputError."""
    write_bytes_atomic(path, json_bytes(sheet))


def json_bytes(sheet: Sheet) -> bytes:
    """Return the bytes of `sheet.json`: two-space indented UTF-8, key order kept."""
    return (sheet.model_dump_json(indent=2) + "\n").encode("utf-8")


def load_sheet(path: Path) -> Sheet:
    """Read a sheet of this or an older version; an edited one loads too, `check_sheet` tells.

    Raises:
        FileFormatError: missing, damaged, foreign, or from a newer program.
    """
    return _validated(read_versioned_json(path, "sheet", SHEET_VERSION, MIGRATIONS), path.name)


def sheet_from_document(document: dict[str, Any], name: str = "sheet") -> Sheet:
    """Return the sheet in a JSON document. Raises FileFormatError."""
    return _validated(migrate(dict(document), name, "sheet", SHEET_VERSION, MIGRATIONS), name)


def _validated(document: dict[str, Any], name: str) -> Sheet:
    try:
        return Sheet.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise FileFormatError(f"{name} is not a sheet", why=f"{where}: {first['msg']}") from error


def _missing_in(where: str, scope: Any, values: dict[str, Any], precision: str = "") -> list[str]:
    head = f"{where}: " if where else ""
    return [
        f"{head}{field.label}"
        for field in fields_of(scope, precision)
        if field.required and not is_disclosed(values.get(field.key))
    ]


def _document(result: Result, include: frozenset[str]) -> dict[str, Any]:
    sentences = verdicts.sentences(result)
    return {
        "program_version": result.program_version,
        "created_utc": result.created_utc,
        "headline": verdicts.headline(result, sentences),
        "title": verdicts.title(result),
        "chips": verdicts.chips(result),
        "sentences": sentences,
        "notes": verdicts.notes(result),
        "study": {field.key: disclose(field, result, result) for field in fields_of("study")},
        "candidates": [_part(entry.name, "candidate", entry, result) for entry in result.candidates],
        "machines": [_machine(entry, result, include) for entry in result.machines],
        "runs": [_run(run, result, include) for run in result.runs],
        "disagreements": [_disagreement(entry.model_dump(), include) for entry in result.disagreements],
        "gates": dict(result.gates),
        "verdicts": [entry.model_dump() for entry in result.verdicts],
        "findings": list(result.findings),
        "included": sorted(include),
        "not_disclosed": [],
    }


def _part(name: str, scope: Any, source: Any, result: Result) -> dict[str, Any]:
    return {"name": name, "fields": {field.key: disclose(field, source, result) for field in fields_of(scope)}}


def _machine(machine: Any, result: Result, include: frozenset[str]) -> dict[str, Any]:
    facts = scrub.public_facts(machine.facts, keep_host="host" in include)
    return _part(machine.id, "machine", machine.model_copy(update={"facts": facts}), result)


def _run(run: Run, result: Result, include: frozenset[str]) -> dict[str, Any]:
    shown = run.model_copy(update={"facts": scrub.public_facts(run.facts, keep_host="host" in include)})
    problem = run.problem.model_dump() if run.problem else None
    if problem and "logs" not in include:
        problem["log_tail"] = []
    return {
        **run.model_dump(include=set(_RUN_KEYS)),
        "word": names.word_of(run),
        "title": names.run_title(run),
        "refused": next((entry.reason for entry in run.deviations if entry.refuses), ""),
        "problem": problem,
        "fields": _run_fields(shown, result),
        "mismatches": _mismatches(run),
        "findings": list(run.findings),
        "samples": [dict(entry) for entry in run.worst_samples] if "samples" in include else [],
    }


def _run_fields(run: Run, result: Result) -> dict[str, Any]:
    """Return a run's fields; of one that could not take place those of its artifact, where that was verified."""
    known = fields_of("run", run.precision)
    if run.status == "ok":
        return {field.key: disclose(field, run, result) for field in known}
    kept = [field for field in known if field.key in ARTIFACT_FIELDS] if run.parity else []
    told = {field.key: disclose(field, run, result) for field in kept}
    return {key: value for key, value in told.items() if is_disclosed(value)}


ARTIFACT_FIELDS = ("realised", "parity", "artifact_bytes", "artifact_sha256", "versions", "facts")
"""Fields that an artifact has although nothing ran."""
_RUN_KEYS = ("runtime", "label", "candidate", "precision", "machine", "status", "required", "threads", "batch")


def _mismatches(run: Run) -> list[str]:
    if run.parity is None:
        return []
    return [f"{m.kind} {m.name} {m.field}: planned {m.planned}, found {m.found}" for m in run.parity.mismatches[:20]]


def _disagreement(entry: dict[str, Any], include: frozenset[str]) -> dict[str, Any]:
    kept = {key: entry[key] for key in SheetDisagreement.model_fields}
    return kept if "samples" in include else {**kept, "samples": []}


def _cleaner(result: Result, include: Collection[str], hosts: Collection[str]) -> Scrubber:
    return scrub.scrubber(
        hosts, names.graph_names(result), hosts_asked="host" in include, paths_asked="paths" in include
    )
