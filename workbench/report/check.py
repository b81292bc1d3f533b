"""Checks a sheet or a vendor's claim: what is NOT DISCLOSED, was the sheet edited, is a pasted line its own."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import FileFormatError, SheetError
from workbench.files import migrate, read_versioned_json
from workbench.report.fields import FIELDS, Field, is_disclosed
from workbench.report.numbers import ascii_only
from workbench.report.sheet import (
    MIGRATIONS,
    SHEET_VERSION,
    Sheet,
    first_line,
    missing_fields,
    sheet_from_document,
    sheet_hash,
)

_MARK = re.compile(r"\[?sheet\s+([0-9a-f]{8,64})\]?", re.IGNORECASE)
_CLAIM_KEYS = {"schema_version", "label", "name", "runs"}


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        kind: "sheet" | "claim".
        missing: where and what is NOT DISCLOSED, in the order of the sheet.
        required: number of required fields asked of it.
        hash_matches: whether the sheet is as it was written; None for a claim, which carries no hash.
        figures_without_interval: fields of a claim that give a bare number where an interval is due.
    """

    kind: str
    name: str
    missing: tuple[str, ...]
    required: int
    hash_matches: bool | None
    figures_without_interval: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing required is missing and nothing was edited."""
        return not self.missing and not self.figures_without_interval and self.hash_matches is not False

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {
            "kind": self.kind,
            "name": self.name,
            "complete": self.complete,
            "required": self.required,
            "missing": list(self.missing),
            "hash_matches": self.hash_matches,
            "figures_without_interval": list(self.figures_without_interval),
        }

    def __str__(self) -> str:
        found = self.required - len(self.missing)
        lines = [f"{self.name}: {found} of {self.required} required fields disclosed"]
        if self.hash_matches is not None:
            told = "matches: the sheet is as it was written" if self.hash_matches else "DOES NOT MATCH: it was edited"
            lines.append(f"  hash {told}")
        lines += [f"  NOT DISCLOSED  {entry}" for entry in self.missing]
        lines += [f"  NO INTERVAL    {entry}" for entry in self.figures_without_interval]
        return "\n".join(lines)


@dataclass(frozen=True)
class LineReport:
    """Whether a pasted line belongs to a sheet and says what the sheet says."""

    hash_matches: bool
    sheet_intact: bool
    words_match: bool
    expected: str

    @property
    def ok(self) -> bool:
        """Whether all three hold."""
        return self.hash_matches and self.sheet_intact and self.words_match

    def __str__(self) -> str:
        if self.ok:
            return "The line is this sheet's own first line."
        if not self.sheet_intact:
            return "The sheet was edited after it was written; nothing can be verified against it."
        if not self.hash_matches:
            return "The line carries no hash of this sheet: it belongs to another sheet, or to none."
        return f"The hash is this sheet's, the words are not. The sheet says: {self.expected}"


def check_sheet(source: Path | Mapping[str, Any]) -> CheckReport:
    """Return the completeness report of a sheet.json, a claim.toml, or either one's document.

    Raises:
        FileFormatError: the file cannot be read.
        SheetError: a claim holds an unknown key (the nearest known one is named).
    """
    if isinstance(source, Path):
        if source.suffix.lower() == ".toml":
            return check_claim(_read_toml(source), source.name)
        return _check_document(read_versioned_json(source, "sheet", SHEET_VERSION, MIGRATIONS), source.name)
    if "sheet_sha256" in source:
        return _check_document(dict(source), "sheet")
    return check_claim(source, "claim")


def check_claim(document: Mapping[str, Any], name: str) -> CheckReport:
    """Return the completeness report of a vendor's claim: the sheet's own keys, nested or dotted.

    Fields of runs stand at the top for a single run, or in [[runs]] tables with a `label` each.
    """
    if not isinstance(document.get("runs", []), list):
        raise SheetError("'runs' in a claim is a list of tables", how="Write [[runs]] for each run.")
    runs = [flat for entry in document.get("runs", []) if (flat := _flatten(entry)) is not None]
    common = _flatten({key: value for key, value in document.items() if key != "runs"})
    for keys in (common, *runs):
        _refuse_unknown(keys)
    wanted = [field for field in FIELDS if field.required and (field.scope != "run" or "int8" in field.precisions)]
    missing, bare, count = [], [], 0
    for label, values in _parts(common, runs):
        mine = [field for field in wanted if (field.scope == "run") == (label is not None)]
        count += len(mine)
        where = f"{label}: " if label and runs else ""
        missing += [f"{where}{field.label} ({field.key})" for field in mine if not is_disclosed(values.get(field.key))]
        bare += [f"{where}{field.label} ({field.key})" for field in mine if _is_bare(field, values.get(field.key))]
    return CheckReport("claim", name, tuple(missing), count, None, tuple(bare))


def check_line(text: str, sheet: Sheet) -> LineReport:
    """Return whether a line pasted from a slide is the sheet's first line.

    Spaces, line breaks, and typographic against ASCII signs do not count as differences.
    """
    intact = sheet_hash(sheet.model_dump(mode="json")) == sheet.sheet_sha256
    found = _MARK.search(text)
    hash_matches = found is not None and sheet.sheet_sha256.startswith(found.group(1).lower())
    expected = first_line(sheet)
    words_match = _plain(_MARK.sub("", text)) == _plain(_MARK.sub("", expected))
    return LineReport(hash_matches, intact, words_match, expected)


def _check_document(document: dict[str, Any], name: str) -> CheckReport:
    found_hash = document.get("sheet_sha256")
    matches = sheet_hash(document) == found_hash
    document = migrate(document, name, "sheet", SHEET_VERSION, MIGRATIONS)
    sheet = sheet_from_document(document, name)
    return CheckReport("sheet", name, tuple(missing_fields(sheet)), required_count(sheet), matches)


def required_count(sheet: Sheet) -> int:
    """Return how many required fields a sheet owes, given its candidates, machines and finished runs."""
    scopes = {"study": 1, "candidate": len(sheet.candidates), "machine": len(sheet.machines)}
    fixed = sum(scopes.get(field.scope, 0) for field in FIELDS if field.required)
    finished = [run.precision for run in sheet.runs if run.status == "ok"]
    owed = [field for field in FIELDS if field.required and field.scope == "run"]
    return fixed + sum(precision in field.precisions for precision in finished for field in owed)


def _parts(common: dict[str, Any], runs: list[dict[str, Any]]) -> list[tuple[str | None, dict[str, Any]]]:
    parts: list[tuple[str | None, dict[str, Any]]] = [(None, common)]
    if not runs:
        return [*parts, ("", common)]
    return parts + [(str(run.get("label", f"run {i + 1}")), {**common, **run}) for i, run in enumerate(runs)]


def _flatten(document: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    known = {field.key for field in FIELDS}
    found: dict[str, Any] = {}
    for key, value in document.items():
        name = f"{head}{key}"
        if isinstance(value, Mapping) and (name not in known or _holds_fields(value, name, known)):
            found |= _flatten(value, f"{name}.")
        else:
            found[name] = value
    return found


def _holds_fields(value: Mapping[str, Any], name: str, known: Iterable[str]) -> bool:
    return bool(value) and all(f"{name}.{key}" in known for key in value)


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    known = sorted({field.key for field in FIELDS} | _CLAIM_KEYS)
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            raise SheetError(
                f"Unknown key {key!r} in the claim",
                how=f"Did you mean {near[0]!r}?" if near else "See sheet.schema.json.",
            )


def _is_bare(field: Field, value: Any) -> bool:
    due = field.kind in ("share_figure", "points", "ratio", "throughput")
    if not due or not is_disclosed(value):
        return False
    return not isinstance(value, Mapping) or not (value.get("interval") or "not_applicable" in value)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFormatError(f"{path.name} cannot be read", why=error.strerror or str(error)) from error
    except ValueError as error:
        raise FileFormatError(f"{path.name} is not TOML", why=str(error)) from error


def _plain(text: str) -> str:
    return " ".join(ascii_only(text).split()).strip(" .").casefold()
