"""result.json read back: whole, damaged, foreign, newer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import FileFormatError
from workbench.execution.load_result import load_result


def test_a_result_survives_the_disk(finished: Any) -> None:
    assert load_result(finished.folder / "result.json").model_dump(mode="json") == finished.result.model_dump(
        mode="json"
    )


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: d.pop("schema_version"), "no schema_version"),
        (lambda d: d.update(schema_version=99), "newer program"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d["runs"][0].update(status="fine"), "runs.0.status"),
    ],
)
def test_a_wrong_result_says_where(finished: Any, tmp_path: Path, damage: Any, text: str) -> None:
    document = json.loads((finished.folder / "result.json").read_text())
    damage(document)
    (tmp_path / "result.json").write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as raised:
        load_result(tmp_path / "result.json")
    assert text in str(raised.value)


def test_a_result_of_version_1_means_the_same(finished: Any, tmp_path: Path) -> None:
    document = json.loads((finished.folder / "result.json").read_text())
    for candidate in document["candidates"]:
        del candidate["native"]
    del document["exchanges"]
    document["schema_version"] = 1
    (tmp_path / "result.json").write_text(json.dumps(document))
    found = load_result(tmp_path / "result.json")
    assert found.model_dump(mode="json") == finished.result.model_dump(mode="json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x80\x02garbage"])
def test_a_file_that_is_no_result(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"result\.json"):
        load_result(tmp_path / "result.json")
