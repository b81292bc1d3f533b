"""The formats that travel: versions, unknown keys and impossible values are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.elsewhere import Trip, members

from workbench.errors import FileFormatError
from workbench.execution.elsewhere.names import JOB_NAME, RETURNED_NAME
from workbench.execution.elsewhere.records import Job, Returned, parsed

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "elsewhere_v1"


def test_what_bundle_and_runner_write_can_be_read(trip: Trip) -> None:
    job = parsed(members(trip.bundle)[JOB_NAME], Job)
    returned = parsed(members(trip.result)[RETURNED_NAME], Returned)
    assert [cell.precision for cell in job.cells] == ["fp32", "int8"]
    assert [cell.number for cell in returned.cells] == [0, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 99}, "newer program"),
        ({"schema_version": None}, "no schema_version"),
        ({"n": 0}, "n: "),
        ({"surprise": 1}, "surprise: "),
        ({"model_sha256": "short"}, "model_sha256: "),
        ({"measure": {"profile": "quick", "seconds": -1.0, "rounds": 1}}, r"measure\.seconds: "),
    ],
)
def test_a_wrong_job_is_one_line(trip: Trip, change: dict[str, Any], words: str) -> None:
    document = {**json.loads(members(trip.bundle)[JOB_NAME]), **change}
    with pytest.raises(FileFormatError, match=words) as caught:
        parsed(json.dumps(document).encode(), Job)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": ' * 100_000, b"\xff\xfe"])
def test_what_is_no_document_is_one_line(data: bytes) -> None:
    with pytest.raises(FileFormatError):
        parsed(data, Returned)


@pytest.mark.parametrize(
    ("name", "kind", "added"), [(JOB_NAME, Job, "elsewhere"), (RETURNED_NAME, Returned, "elsewhere_sha256")]
)
def test_lists_of_version_1_are_read(name: str, kind: Any, added: str) -> None:
    """Written by the program before the runtimes' files travelled."""
    data = (GOLDEN / name).read_bytes()
    found = parsed(data, kind)
    assert (json.loads(data)["schema_version"], found.schema_version) == (1, 2)
    assert getattr(found, added) is None
    assert [cell.number for cell in found.cells] == [0, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"started_utc": "<b>now</b>"}, "started_utc: "),
        ({"machine": {"cpu": "x" * 10_001}}, r"machine\.cpu: "),
        ({"versions": {"numpy": 2}}, r"versions\.numpy: "),
        ({"elsewhere_sha256": "../x"}, "elsewhere_sha256: "),
    ],
)
def test_what_another_machine_tells_has_its_form(trip: Trip, change: dict[str, Any], words: str) -> None:
    document = {**json.loads(members(trip.result)[RETURNED_NAME]), **change}
    with pytest.raises(FileFormatError, match=words):
        parsed(json.dumps(document).encode(), Returned)


def test_no_number_is_infinite(trip: Trip) -> None:
    document = json.loads(members(trip.result)[RETURNED_NAME])
    document["cells"][0]["load_s"] = float("inf")
    with pytest.raises(FileFormatError, match="load_s"):
        parsed(json.dumps(document).encode(), Returned)
