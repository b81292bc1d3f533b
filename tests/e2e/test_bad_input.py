"""Bad input of every kind: exit code 1, one line that says what, why, how, and nothing finished is lost."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net, nan_net
from helpers.small_studies import STUDY, complaint, run_command, write_workplace

Refused = Callable[..., str]
DAMAGES = ("empty", "cut", "random")
CLAIM = 'schema_version = 1\nname = "vendor"\n'


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workplace with a finished study in result/ and a plan."""
    folder = write_workplace(tmp_path_factory.mktemp("finished") / "place")
    assert run_command(["run", folder / "study.toml", "-o", folder / "result"]) == 0
    plan = ["calibrate", folder / "model.onnx", "--data", folder / "calibration.npz", "-o", folder / "plan.json"]
    assert run_command(plan) == 0
    (folder / "claim.toml").write_text(CLAIM, encoding="utf-8")
    return folder


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished workplace that a test may damage."""
    return Path(shutil.copytree(finished, tmp_path / "place"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run a command that must be refused and return its one line."""

    def run(*arguments: object) -> str:
        code = run_command(arguments)
        captured = capsys.readouterr()
        assert code == 1, captured.err
        assert "Traceback" not in captured.err + captured.out
        return complaint(captured.err)

    return run


def damage(path: Path, how: str) -> None:
    """Put nothing, two thirds, or random bytes in a file's place."""
    data = path.read_bytes() if path.exists() else b""
    random = np.random.default_rng(len(data)).bytes(3000)
    path.write_bytes({"empty": b"", "cut": data[: len(data) * 2 // 3], "random": random}[how])


def newer(path: Path) -> None:
    """Say in a JSON file that a newer program wrote it."""
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}), encoding="utf-8")


COMMANDS: dict[str, tuple[str, list[str]]] = {
    "onnx": ("model.onnx", ["inspect", "model.onnx"]),
    "onnx in calibrate": (
        "model.onnx",
        ["calibrate", "model.onnx", "--data", "calibration.npz", "-o", "new.json"],
    ),
    "npz": ("calibration.npz", ["calibrate", "model.onnx", "--data", "calibration.npz", "-o", "new.json"]),
    "npy": ("samples.npy", ["calibrate", "model.onnx", "--data", "samples.npy", "-o", "new.json"]),
    "evaluation npz": ("evaluation.npz", ["run", "study.toml", "-o", "other"]),
    "plan.json": (
        "plan.json",
        ["quantize", "model.onnx", "--plan", "plan.json", "--runtime", "ort_cpu", "-o", "q.onnx"],
    ),
    "plan.npz": ("plan.npz", ["quantize", "model.onnx", "--plan", "plan.json", "--runtime", "ort_cpu", "-o", "q.onnx"]),
    "study.toml": ("study.toml", ["run", "study.toml", "-o", "other"]),
    "sheet.json": ("result/sheet.json", ["check", "result/sheet.json"]),
    "sheet.json in sheet": ("result/sheet.json", ["sheet", "result/sheet.json", "-f", "md", "-o", "out"]),
    "sheet.json in compare": ("result/sheet.json", ["compare", "result/sheet.json", "result/sheet.json"]),
    "result.json": ("result/result.json", ["sheet", "result", "-f", "md", "-o", "out"]),
    "pt2": ("model.pt2", ["calibrate", "model.pt2", "--allow-code", "--data", "calibration.npz", "-o", "new.json"]),
    "pt": ("model.pt", ["calibrate", "model.pt", "--allow-code", "--data", "calibration.npz", "-o", "new.json"]),
}


SECOND_COMMANDS = {"onnx in calibrate", "evaluation npz", "sheet.json in sheet", "sheet.json in compare"}


@pytest.mark.parametrize(
    ("kind", "how"), [(kind, how) for kind in COMMANDS for how in (("cut",) if kind in SECOND_COMMANDS else DAMAGES)]
)
def test_damaged_file_is_refused_by_name(
    place: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, kind: str, how: str
) -> None:
    monkeypatch.chdir(place)
    file, command = COMMANDS[kind]
    if kind == "npy":
        np.save("samples.npy", np.zeros((4, 3, 16, 16), np.float32))
    if kind.startswith("pt"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("model/models/model.json", "{}" * 200)
    damage(Path(file), how)
    line = refused(*command)
    assert Path(file).name in line, line
    assert not Path("new.json").exists()
    assert not Path("q.onnx").exists()


@pytest.mark.parametrize("how", ["cut", "random"])
def test_damaged_claim_is_refused(place: Path, refused: Refused, how: str) -> None:
    (place / "claim.toml").write_text('name = "an unfinished line, longer than its end', encoding="utf-8")
    if how == "random":
        damage(place / "claim.toml", how)
    assert "claim.toml is not TOML" in refused("check", place / "claim.toml")


def test_an_undecodable_image_is_counted_and_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(place / "images" / "ant" / "1.jpg", "random")
    damage(place / "images" / "bee" / "0.jpg", "cut")
    code = run_command(["run", place / "images.toml", "-o", place / "pictures"])
    result = json.loads((place / "pictures" / "result.json").read_text())
    bad = result["data"]["evaluation"]["undecodable"]
    assert (code, len(bad)) == (0, 2), bad
    assert [entry.split(":")[0] for entry in sorted(bad)] == ["ant/1.jpg", "bee/0.jpg"]
    assert "2 evaluation files cannot be decoded" in capsys.readouterr().out


def test_only_undecodable_images_are_refused(place: Path, refused: Refused) -> None:
    for file in (place / "images").rglob("*.jpg"):
        damage(file, "random")
    assert "can be decoded" in refused("run", place / "images.toml", "-o", place / "pictures")


def test_a_csv_relative_to_another_folder_is_refused_with_the_rule(place: Path, refused: Refused) -> None:
    (place / "labels.csv").write_text("file,label\nimages/ant/0.jpg,ant\nimages/bee/0.jpg,bee\n", encoding="utf-8")
    text = (place / "images.toml").read_text().replace('path = "images"', 'path = "images"\nlabels = "labels.csv"')
    (place / "images.toml").write_text(text, encoding="utf-8")
    assert "relative to data path" in refused("run", place / "images.toml", "-o", place / "pictures")


def test_an_empty_folder_is_refused(place: Path, refused: Refused) -> None:
    shutil.rmtree(place / "images")
    (place / "images").mkdir()
    assert "images" in refused("run", place / "images.toml", "-o", place / "pictures")


def test_external_data_outside_the_folder_are_refused(place: Path, refused: Refused) -> None:
    inner = place / "inner"
    inner.mkdir()
    onnx.save(
        conv_relu_net(1), str(inner / "model.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    shutil.move(inner / "w.bin", place / "w.bin")
    model = onnx.load(str(inner / "model.onnx"), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "../w.bin" if entry.key == "location" else entry.value
    (inner / "model.onnx").write_bytes(model.SerializeToString())
    line = refused("inspect", inner / "model.onnx")
    assert "w.bin" in line
    assert "outside" in line


def test_a_model_that_gives_nan_is_refused_by_the_tensor_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(nan_net(), str(place / "nan.onnx"))
    for name in ("calibration", "evaluation"):
        values = np.random.default_rng(0).standard_normal((8, 3, 8, 8)).astype(np.float32)
        np.savez(place / f"{name}.npz", input=values)
    text = STUDY.replace("model.onnx", "nan.onnx").replace('"classification"', '"divergence"')
    (place / "study.toml").write_text(text, encoding="utf-8")
    code = run_command(["run", place / "study.toml", "-o", place / "nan"])
    captured = capsys.readouterr()
    assert code == 1, captured.err
    line = complaint(captured.err)
    assert "NaN" in line
    assert "logits" in line


def test_a_wrong_input_name_is_refused(place: Path, refused: Refused) -> None:
    np.savez(place / "calibration.npz", picture=np.zeros((4, 3, 16, 16), np.float32), mask=np.zeros((4, 1)))
    model, data = place / "model.onnx", place / "calibration.npz"
    line = refused("calibrate", model, "--data", data, "-o", place / "new.json")
    assert "picture" in line
    assert "input" in line


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range_are_refused(place: Path, refused: Refused, label: int) -> None:
    values = np.zeros((4, 3, 16, 16), np.float32)
    np.savez(place / "evaluation.npz", input=values, labels=np.array([0, 1, label, 2]))
    assert str(label) in refused("run", place / "study.toml", "-o", place / "other")


UNWRITABLE: dict[str, list[str]] = {
    "run": ["run", "study.toml", "-o", "model.onnx"],
    "run below a file": ["run", "study.toml", "-o", "model.onnx/below"],
    "junit": ["run", "study.toml", "-o", "result", "--junit", "model.onnx/below.xml"],
    "calibrate": ["calibrate", "model.onnx", "--data", "calibration.npz", "-o", "model.onnx/plan.json"],
    "calibrate to a folder": ["calibrate", "model.onnx", "--data", "calibration.npz", "-o", "images"],
    "quantize": ["quantize", "model.onnx", "--plan", "plan.json", "--runtime", "ort_cpu", "-o", "model.onnx/q.onnx"],
    "plan out": [
        *("quantize", "model.onnx", "--plan", "plan.json", "--runtime", "ort_cpu"),
        *("-o", "q.onnx", "--plan-out", "model.onnx/plan.json"),
    ],
    "sheet": ["sheet", "result", "-f", "md", "-o", "model.onnx/out"],
    "sheet below a file": ["sheet", "result", "-f", "md,csv", "-o", "model.onnx"],
}


@pytest.mark.parametrize("kind", UNWRITABLE)
def test_an_unwritable_output_is_refused_before_work(
    place: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(place)
    before = {path: path.read_bytes() for path in (place / "model.onnx", place / "result" / "result.json")}
    line = refused(*UNWRITABLE[kind])
    assert "model.onnx" in line or "images" in line
    assert {path: path.read_bytes() for path in before} == before
    assert not (place / "q.onnx").exists()


NEWER: dict[str, tuple[str, list[str]]] = {
    "plan": ("plan.json", COMMANDS["plan.json"][1]),
    "plan in run": ("plan.json", ["run", "study.toml", "-o", "other", "--plan", "plan.json"]),
    "sheet": ("result/sheet.json", COMMANDS["sheet.json"][1]),
    "result": ("result/result.json", COMMANDS["result.json"][1]),
    "stage": ("result/data/evaluation/stage.json", ["run", "study.toml", "-o", "result"]),
}


@pytest.mark.parametrize("kind", NEWER)
def test_a_file_from_a_newer_program_is_refused(
    place: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(place)
    file, command = NEWER[kind]
    newer(place / file)
    line = refused(*command)
    assert "newer program" in line
    assert "Update int8-workbench" in line


def test_a_newer_study_is_refused(place: Path, refused: Refused) -> None:
    (place / "study.toml").write_text(STUDY.replace("schema_version = 1", "schema_version = 99"), encoding="utf-8")
    assert "newer program" in refused("run", place / "study.toml", "-o", place / "other")


STUDY_MISTAKES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "unknown gate": ("[measure]", "[gates]\nmax_acuracy_drop_points = 1\n[measure]", ("max_accuracy_drop_points",)),
    "unknown key": ("profile =", "proflie =", ("proflie", "profile")),
    "unknown runtime": ("ort_cpu", "ort_cpuu", ("ort_cpuu", "ort_cpu")),
    "unknown profile": ('"none"', '"fast"', ("profile", "quick")),
    "no such model": ("model.onnx", "modle.onnx", ("modle.onnx",)),
    "no such data": ("evaluation.npz", "evalution.npz", ("evalution.npz",)),
    "no runtimes": ('[[runtimes]]\nid = "ort_cpu"\nname = "ort_cpu"\n', "", ("runtimes",)),
    "two rows alike": ("[measure]", '[[runtimes]]\nid = "openvino"\nname = "ort_cpu"\n[measure]', ("ort_cpu", "name")),
    "a factory without leave": ('path = "model.onnx"', 'factory = "os:getcwd"', ("--allow-code",)),
    "calibration missing": ('[data.calibration]\nkind = "arrays"\npath = "calibration.npz"\n', "", ("calibration",)),
}


@pytest.mark.parametrize("kind", STUDY_MISTAKES)
def test_a_mistake_in_the_study_is_named(place: Path, refused: Refused, kind: str) -> None:
    old, new, words = STUDY_MISTAKES[kind]
    assert old in STUDY
    (place / "study.toml").write_text(STUDY.replace(old, new), encoding="utf-8")
    before = (place / "result" / "result.json").read_bytes()
    line = refused("run", place / "study.toml", "-o", place / "result")
    assert all(word in line for word in words), line
    assert (place / "result" / "result.json").read_bytes() == before


def test_a_plan_of_another_model_is_refused(place: Path, refused: Refused) -> None:
    onnx.save(conv_relu_net(2), str(place / "other.onnx"))
    command = ["--plan", place / "plan.json", "--runtime", "ort_cpu", "-o", place / "q.onnx"]
    assert "belongs to another model" in refused("quantize", place / "other.onnx", *command)


def test_a_pickled_model_is_refused_with_the_reason(place: Path, refused: Refused) -> None:
    (place / "weights.pt").write_bytes(b"\x80\x02}q\x00.")
    with zipfile.ZipFile(place / "state.pt", "w") as archive:
        archive.writestr("state/data.pkl", b"\x80\x02}q\x00.")
    for name in ("weights.pt", "state.pt"):
        line = refused(
            *("calibrate", place / name, "--allow-code", "--data", place / "calibration.npz"),
            *("-o", place / "new.json"),
        )
        assert f"{name} is a pickle" in line
        assert "torch.export.save" in line


def test_an_unknown_key_of_a_claim_is_named(place: Path, refused: Refused) -> None:
    (place / "claim.toml").write_text(CLAIM + "sqnr = 30\n", encoding="utf-8")
    assert "'sqnr'" in refused("check", place / "claim.toml")


def test_an_edited_sheet_is_not_rendered_again(place: Path, refused: Refused) -> None:
    sheet: dict[str, Any] = json.loads((place / "result" / "sheet.json").read_text())
    sheet["title"] = "better"
    (place / "edited.json").write_text(json.dumps(sheet), encoding="utf-8")
    assert "was edited" in refused("sheet", place / "edited.json", "-f", "md", "-o", place / "out")
    assert "was edited" in refused("compare", place / "edited.json", place / "result" / "sheet.json")


def test_a_damaged_stage_is_done_again_and_nothing_else(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads((place / "result" / "result.json").read_text())
    damage(place / "result" / "data" / "calibration" / "stage.json", "random")
    code = run_command(["run", place / "study.toml", "-o", place / "result"])
    lines = capsys.readouterr().err.splitlines()
    after = json.loads((place / "result" / "result.json").read_text())
    assert code == 0
    assert "+ Scan calibration data" in lines
    assert any(line.startswith("= Run ort_cpu") for line in lines), lines
    outputs = [[run["outputs_sha256"] for run in document["runs"]] for document in (before, after)]
    assert outputs[0] == outputs[1]
