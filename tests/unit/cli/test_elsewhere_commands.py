"""bundle, run-bundle, import-result on the command line: what is printed, and mistakes in one line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.small_studies import complaint, run_command

from workbench.execution.elsewhere import merge, pack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that passes for a finished study."""
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "result.json").write_text("{}")
    return tmp_path / "study"


def test_bundle_says_what_is_in_it_and_what_is_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def make_bundle(study: Path, out: Path, options: pack.BundleOptions, *_more: Any) -> pack.Packed:
        asked.append((study, options))
        return pack.Packed(out, ("Core ML · S1 · int8",), {"Core ML · S1 · fp16": "no such thing"}, 24, "ab" * 32)

    monkeypatch.setattr(pack, "make_bundle", make_bundle)
    arguments = ["bundle", folder, "--runtime", "coreml", "--target", "arm64", "--candidate", "S1", "--profile", "full"]
    assert run_command([*arguments, "-o", tmp_path / "job.zip"]) == 0
    assert asked == [(folder, pack.BundleOptions("coreml", "arm64", ("S1",), "full"))]
    printed = capsys.readouterr().out
    assert "1 models, 24 inputs (Core ML · S1 · int8)" in printed
    assert "Left out: Core ML · S1 · fp16: no such thing" in printed
    assert "python3 runner.py" in printed
    assert run_command([*arguments, "-o", tmp_path / "job.zip", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "models": ["Core ML · S1 · int8"],
        "left_out": {"Core ML · S1 · fp16": "no such thing"},
        "n": 24,
        "job_sha256": "ab" * 32,
        "path": str(tmp_path / "job.zip"),
    }


def test_import_tells_what_came_and_which_versions_differ(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(label: str, status: str) -> Any:
        problem = None if status == "ok" else SimpleNamespace(message="no such op")
        return SimpleNamespace(label=label, candidate="S1", precision="int8", status=status, n=24, problem=problem)

    result = SimpleNamespace(runs=[run("here", "ok"), run("ORT (Pi)", "ok"), run("ORT (Pi)", "failed")])
    taken = merge.Imported(result, ("ORT (Pi)",), "m2", "Pi", "other versions: ort 1 here, 2 there")  # type: ignore[arg-type]
    monkeypatch.setattr(merge, "import_result", lambda path, study, name: taken)
    written: list[Any] = []
    monkeypatch.setattr("workbench.cli.elsewhere_commands.write_sheet", lambda result, place: written.append(place))
    monkeypatch.setattr("workbench.cli.elsewhere_commands.show_result", lambda result, place, as_json: None)
    assert run_command(["import-result", tmp_path / "r.zip", folder, "--name", "Pi"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "",
        "From Pi (machine m2):",
        "  ORT (Pi) S1 int8: 24 answers",
        "  ORT (Pi) S1 int8: failed, no such op",
        "Other versions: ort 1 here, 2 there.",
    ]
    assert run_command(["import-result", tmp_path / "r.zip", folder, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert written == [folder, folder]
    assert (document["machine"], document["name"], len(document["runs"])) == ("m2", "Pi", 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bundle", "absent", "--runtime", "ort_cpu", "-o", "job.zip"], "absent does not exist"),
        (["bundle", "empty", "--runtime", "ort_cpu", "-o", "job.zip"], "holds no result.json"),
        (["bundle", "empty", "--runtime", "ort_cpu", "-o", "job.tar"], "does not end in .zip"),
        (["run-bundle", "absent.zip"], "there is no such file"),
        (["run-bundle", "text.zip"], "it is no zip archive"),
        (["run-bundle", "other.zip"], "holds no job.json"),
        (["import-result", "text.zip", "empty"], "holds no result.json"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("text")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("holiday.jpg", b"")
    assert run_command(arguments) == 1
    assert words in complaint(capsys.readouterr().err)
