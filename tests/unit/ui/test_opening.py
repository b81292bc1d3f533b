"""What a dropped path is; zips from a CI, safe and unsafe ones."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from workbench.errors import FileFormatError, StudyError
from workbench.ui.opening import Opened, classify, unpack


@pytest.mark.parametrize(
    ("name", "what"),
    [("m.onnx", "model"), ("M.PT2", "model"), ("a.npz", "data"), ("s.toml", "study"), ("ci.zip", "zip")],
)
def test_files_by_name(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).touch()
    assert classify(tmp_path / name).what == what


def test_folders_by_content(tmp_path: Path) -> None:
    assert classify(tmp_path) == Opened("data", tmp_path)
    (tmp_path / "study.toml").touch()
    assert classify(tmp_path).what == "study"
    (tmp_path / "result.json").touch()
    assert classify(tmp_path) == Opened("result", tmp_path, tmp_path / "study.toml")
    assert classify(tmp_path / "result.json").path == tmp_path


def test_strangers_are_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").touch()
    with pytest.raises(StudyError, match=r"notes\.docx is nothing this program opens\. Open a model"):
        classify(tmp_path / "notes.docx")
    with pytest.raises(StudyError, match="does not exist"):
        classify(tmp_path / "gone.docx")


def test_what_a_search_found_is_no_folder_of_samples(tmp_path: Path) -> None:
    (tmp_path / "tune.json").write_text("{}")
    with pytest.raises(StudyError, match=r"not a study\. Open the study that was tuned"):
        classify(tmp_path)
    (tmp_path / "study.toml").touch()
    assert classify(tmp_path).what == "study"


def test_a_zip_of_a_study_folder_opens(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ci.zip", "w") as archive:
        archive.writestr("nightly/run/result.json", "{}")
    assert unpack(tmp_path / "ci.zip", tmp_path / "out") == tmp_path / "out/nightly/run"


def test_a_zip_that_reaches_outside_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../escaped.txt", "x")
        archive.writestr("result.json", "{}")
    with pytest.raises(FileFormatError, match="lies outside"):
        unpack(tmp_path / "bad.zip", tmp_path / "out")
    assert not (tmp_path / "escaped.txt").exists()


def test_other_zips_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"not a zip")
    with pytest.raises(FileFormatError, match="cannot be unpacked"):
        unpack(tmp_path / "no.zip", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(StudyError, match="holds no study folder"):
        unpack(tmp_path / "empty.zip", tmp_path / "out")


def test_what_came_back_from_another_machine_is_told_from_a_study(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "back.zip", "w") as archive:
        archive.writestr("job.json", "{}")
        archive.writestr("returned.json", "{}")
    assert classify(tmp_path / "back.zip") == Opened("returned", tmp_path / "back.zip")
    with zipfile.ZipFile(tmp_path / "job.zip", "w") as archive:
        archive.writestr("job.json", "{}")
        archive.writestr("runner.py", "")
    with pytest.raises(StudyError, match=r"job\.zip is a bundle for another machine. Unpack it there"):
        classify(tmp_path / "job.zip")
