"""baseline.json goes out and comes back; damaged and newer ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import FileFormatError
from workbench.execution.baseline_record import BaselineComparison, ComparedRun, EarlierStudy, load_comparison
from workbench.files import write_json_atomic


@pytest.fixture
def comparison() -> BaselineComparison:
    earlier = EarlierStudy(name="then", study_sha256="0" * 64, created_utc="2026-11-27T03:00:00Z", program_version="1")
    run = ComparedRun(runtime="echo", label="echo", candidate="S1", precision="int8", status="ok", identical=True)
    return BaselineComparison(baseline=earlier, runs=[run], gone=["ort S1 fp32"])


def test_there_and_back(comparison: BaselineComparison, tmp_path: Path) -> None:
    write_json_atomic(tmp_path / "baseline.json", comparison.model_dump(mode="json"))
    assert load_comparison(tmp_path / "baseline.json") == comparison


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"schema_version": 99}, "newer"), ({"runs": 3}, "damaged"), ({"basline": {}}, "unknown key 'basline'")],
)
def test_other_forms_are_refused(
    comparison: BaselineComparison, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({**comparison.model_dump(mode="json"), **changes}))
    with pytest.raises(FileFormatError, match=words):
        load_comparison(path)
