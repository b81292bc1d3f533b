"""The formats that travel: versions, unknown keys and impossible values are refused in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers.elsewhere import Trip, members

from workbench.errors import FileFormatError
from workbench.execution.elsewhere.records import JOB_NAME, RETURNED_NAME, Job, Returned, parsed


def test_what_bundle_and_runner_write_can_be_read(trip: Trip) -> None:
    job = parsed(members(trip.bundle)[JOB_NAME], Job, JOB_NAME)
    returned = parsed(members(trip.result)[RETURNED_NAME], Returned, RETURNED_NAME)
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
        parsed(json.dumps(document).encode(), Job, JOB_NAME)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": ' * 100_000, b"\xff\xfe"])
def test_what_is_no_document_is_one_line(data: bytes) -> None:
    with pytest.raises(FileFormatError):
        parsed(data, Returned, RETURNED_NAME)


def test_no_number_is_infinite(trip: Trip) -> None:
    document = json.loads(members(trip.result)[RETURNED_NAME])
    document["cells"][0]["load_s"] = float("inf")
    with pytest.raises(FileFormatError, match="load_s"):
        parsed(json.dumps(document).encode(), Returned, RETURNED_NAME)
