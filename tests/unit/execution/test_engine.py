"""The main job on small studies: what is found, what one bad row does to the others, what is told before any work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net, multi_io_net, nan_net
from helpers.workers import living_children

from workbench.errors import DataError, FileFormatError, ModelError, PlanError, StudyError, UserError
from workbench.execution import cell_run, engine
from workbench.execution.load_result import load_result
from workbench.execution.result import Result, Run

pytestmark = pytest.mark.usefixtures("known_plugins")


def _run_of(result: Result, label: str, precision: str, candidate: str | None = None) -> Run:
    wanted = (label, precision, candidate or "S1")
    (found,) = [run for run in result.runs if (run.label, run.precision, run.candidate) == wanted]
    return found


def test_a_study_tells_accuracy_divergence_parity_and_speed(finished: Any) -> None:
    result = finished.result
    assert [(run.label, run.precision, run.status) for run in result.runs] == [
        ("echo", "fp32", "ok"),
        ("echo", "int8", "ok"),
        ("Simulated", "simulated", "ok"),
        ("FP32 reference", "reference", "ok"),
    ]
    plain, quantized = result.runs[:2]
    assert plain.top1_agreement is not None
    assert plain.top1_agreement.value == 1.0
    assert quantized.parity is not None
    assert quantized.parity.checked > 0
    assert quantized.parity.mismatches == []
    assert quantized.plan_sha256 == result.candidates[0].plan_sha256 == result.runs[2].plan_sha256
    assert quantized.sqnr_db is not None
    assert 10 < quantized.sqnr_db < 60
    assert quantized.divergence is not None
    assert quantized.divergence.execution_nmse < 1e-3 < quantized.divergence.scheme_nmse * 1e3  # type: ignore[operator]
    assert [item.baseline for item in quantized.speedup] == ["own_fp32", "fastest_float"]
    assert quantized.throughput_per_s is not None
    assert quantized.throughput_per_s.answers_differing == 0
    assert [item.verdict for item in result.verdicts] == ["PASS", "FAIL", "PASS"]
    again = load_result(finished.folder / "result.json")
    assert again.model_dump(mode="json") == result.model_dump(mode="json")


def test_one_good_runtime_finishes_among_bad_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_run, "LOAD_LIMIT_S", 2.5)
    monkeypatch.setattr(engine, "SLOWEST", 0.0)
    bad = ("crash", "hang", "wrong_shape", "missing_library")
    rows: list[dict[str, Any]] = [{"id": name, "name": name, "precisions": ["fp32"]} for name in bad]
    rows[1]["options"] = {"hang_in": "run"}
    path = studies.write_study(tmp_path, studies.document([*rows, studies.ECHO]))
    result, events = studies.run(path, tmp_path / "run")
    found = {run.label: run for run in result.runs if run.precision == "fp32"}
    assert {label: run.status for label, run in found.items()} == {
        "crash": "crashed",
        "hang": "timed_out",
        "wrong_shape": "failed",
        "missing_library": "not_available",
        "echo": "ok",
    }
    problems = {label: run.problem for label, run in found.items()}
    assert problems["crash"].signal == "SIGSEGV"  # type: ignore[union-attr]
    assert any("address 0" in line for line in problems["crash"].log_tail)  # type: ignore[union-attr]
    assert "accuracy_done" in problems["hang"].message  # type: ignore[union-attr]
    assert "(1, 11)" in problems["wrong_shape"].message  # type: ignore[union-attr]
    assert "no-such-runtime-library" in problems["missing_library"].remedy  # type: ignore[union-attr]
    assert _run_of(result, "echo", "int8").status == "ok"
    assert living_children() == []
    assert {"failed", "done"} <= set(studies.states(events, "Run"))
    told = {event["name"].split()[1]: event for event in events if event.get("state") == "failed"}
    assert {label: event["status"] for label, event in told.items()} == {
        label: run.status for label, run in found.items() if run.status != "ok"
    }
    assert "SIGSEGV" in told["crash"]["reason"]
    assert any("address 0" in line for line in told["crash"]["log_tail"])
    assert told["missing_library"]["name"] == "Build missing_library · S1 · fp32"
    assert "no-such-runtime-library" in told["missing_library"]["remedy"]
    assert told["missing_library"]["remedy"] not in told["missing_library"]["reason"]


BAD_ANSWERS = {
    "placement": "RUNTIME.placement_value = [Placement('conv1_node', 'Conv', None, 'fp32')]",
    "facts": "RUNTIME.facts_value = {'threads': 1}",
    "notes": "RUNTIME.notes_value = {'opset': 17}",
    "realise raises": "RUNTIME.realise_error = True",
    "refuses": "RUNTIME.refuses = True",
}
PLUGIN = """
import shutil
import numpy as np
from pathlib import Path
from workbench.spi import Availability, Deviation, Placement, Prepared, read_back_qdq, Dialect


class Session:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def run(self, feeds):
        return {"logits": np.zeros((len(feeds["input"]), 10), np.float32)}

    def placement(self):
        return RUNTIME.placement_value

    def facts(self):
        return RUNTIME.facts_value


class Runtime:
    placement_value, facts_value, notes_value, realise_error, refuses = [], {}, {}, False, False

    def probe(self):
        return Availability(True)

    def realise(self, graph, scheme):
        if self.realise_error:
            raise OSError("no table of kernels")
        return [Deviation(None, "S1", "nothing", "too old a chip", refuses=True)] if self.refuses else []

    def prepare(self, model, plan, context):
        source = context.qdq_model(Dialect()) if plan else model
        return Prepared(Path(shutil.copy(source, context.work_dir / "a.onnx")), notes=self.notes_value)

    def read_back(self, artifact):
        return read_back_qdq(artifact)

    def open(self, prepared, options):
        return Session()


RUNTIME = Runtime()
"""


def _odd_plugin(folder: Path, name: str, line: str) -> None:
    place = folder / name
    place.mkdir(parents=True)
    manifest = f'id = "{name}"\ntitle = "{name}"\nkind = "runtime"\nspi_version = 1\nschemes = ["S1", "fp32"]\n'
    (place / "plugin.toml").write_text(manifest)
    (place / "runtime.py").write_text(f"{PLUGIN}\n{line}\n")


def test_a_plugin_that_breaks_its_contract_spoils_its_own_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {key: f"odd{number}" for number, key in enumerate(BAD_ANSWERS)}
    for key, line in BAD_ANSWERS.items():
        _odd_plugin(tmp_path / "plugins", names[key], line)
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(tmp_path / "plugins"))
    rows = [{"id": name, "precisions": ["int8"]} for name in names.values()]
    path = studies.write_study(tmp_path / "study", studies.document(rows))
    result, _ = studies.run(path, tmp_path / "run")
    found = {key: _run_of(result, name, "int8") for key, name in names.items()}
    statuses = {key: run.status for key, run in found.items()}
    assert statuses == {**dict.fromkeys(BAD_ANSWERS, "failed"), "refuses": "not_available"}
    messages = {key: run.problem.message for key, run in found.items() if run.problem}
    assert "placement.0.device" in messages["placement"]
    assert "facts.threads" in messages["facts"]
    assert "notes.opset" in messages["notes"]
    assert "no table of kernels" in messages["realise raises"]
    assert messages["refuses"] == "not realisable: too old a chip"
    assert found["refuses"].deviations[0].refuses


def test_a_fixed_batch_is_a_problem_of_the_row(tmp_path: Path) -> None:
    rows = [{"id": "echo", "name": "four", "batch": 4}, {"id": "echo", "name": "one"}]
    path = studies.write_study(tmp_path, studies.document(rows), conv_relu_net(batch=4))
    studies.write_samples(tmp_path / "evaluation.npz", conv_relu_net(), 10)
    studies.write_samples(tmp_path / "calibration.npz", conv_relu_net(), 8, seed=1)
    result, _ = studies.run(path, tmp_path / "run")
    good, bad = _run_of(result, "four", "int8"), _run_of(result, "one", "int8")
    assert (good.status, good.n, bad.status) == ("ok", 10, "not_available")
    assert bad.problem is not None
    assert "fixed at a batch of 4" in bad.problem.message
    assert "batch = 4" in bad.problem.remedy


def test_a_batched_row_answers_every_sample_as_the_reference_does(tmp_path: Path) -> None:
    rows = [{"id": "echo", "batch": 5, "precisions": ["fp32"]}]
    path = studies.write_study(tmp_path, studies.document(rows, candidates=[{"name": "S1"}]))
    result, _ = studies.run(path, tmp_path / "run")
    run = _run_of(result, "Echo (ONNX reference evaluator)", "fp32")  # a row without a name has its title
    assert (run.status, run.n) == ("ok", studies.N)
    assert run.top1_agreement is not None
    assert run.top1_agreement.value == 1.0
    assert result.candidates[0].plan_sha256 is None  # nothing runs in INT8, so nothing is calibrated


def test_candidates_share_a_model_and_its_float_cells(tmp_path: Path) -> None:
    candidates = [
        {"name": "all"},
        {"name": "head in float", "scheme": {"exclude_nodes": ["logits_node"]}},
        {"name": "float", "scheme": {"name": "fp32"}},
    ]
    path = studies.write_study(tmp_path, studies.document(candidates=candidates))
    result, events = studies.run(path, tmp_path / "run")
    cells = [(run.candidate, run.precision) for run in result.runs if run.runtime == "echo"]
    assert cells == [("all", "fp32"), ("all", "int8"), ("head in float", "int8")]
    assert studies.states(events, "FP32 reference") == ["start", "done"]
    assert result.runs[2].divergence is not None
    assert result.runs[2].divergence.platform_nmse is not None  # its float twin is the shared cell
    assert [item.plan_sha256 is None for item in result.candidates] == [False, False, True]


def test_unlabelled_samples_give_divergence_without_accuracy(tmp_path: Path) -> None:
    content = studies.document(gates={"max_accuracy_drop_points": 1.0})
    content["data"]["evaluation"]["labels"] = ""
    result, _ = studies.run(studies.write_study(tmp_path, content), tmp_path / "run")
    run = _run_of(result, "echo", "int8")
    assert run.accuracy is None
    assert "no labels" in run.reasons["accuracy"]
    assert run.answers_changed is not None
    assert run.answers_changed.right_to_wrong is None
    assert run.throughput_per_s is None
    assert run.reasons["throughput_per_s"]
    assert [item.verdict for item in result.verdicts] == ["CANNOT TELL"]


def test_several_inputs_and_outputs_without_task(tmp_path: Path) -> None:
    content = studies.document(task={"kind": "divergence"})
    path = studies.write_study(tmp_path, content, multi_io_net())
    result, _ = studies.run(path, tmp_path / "run")
    run = _run_of(result, "echo", "int8")
    assert run.status == "ok", run.problem
    assert [item.output for item in run.outputs] == result.model.compared_outputs
    assert len(run.outputs) == 2


def test_a_given_plan_is_used_as_it_is(tmp_path: Path, finished: Any) -> None:
    plan = tmp_path / "given.json"
    shutil.copy(finished.folder / "plans/S1/plan.json", plan)
    shutil.copy(finished.folder / "plans/S1/plan.npz", plan.with_suffix(".npz"))
    content = studies.document([{"id": "echo", "precisions": ["int8"]}])
    del content["data"]["calibration"]
    path = studies.write_study(tmp_path / "study", content)
    given, _ = studies.run(path, tmp_path / "run", plan=plan)
    assert given.candidates[0].plan_sha256 == finished.result.candidates[0].plan_sha256
    assert given.runs[0].outputs_sha256 == finished.result.runs[1].outputs_sha256
    in_file = {**content, "candidates": [{"name": "ready", "plan": "../given.json"}]}
    path = studies.write_study(tmp_path / "study", in_file)
    again, _ = studies.run(path, tmp_path / "run2")
    assert again.candidates[0].plan_sha256 == given.candidates[0].plan_sha256


def _broken(kind: str, folder: Path) -> dict[str, Any]:
    content = studies.document()
    if kind == "labels":
        data = dict(np.load(folder / "evaluation.npz"))
        np.savez(folder / "evaluation.npz", **{**data, "labels": data["labels"] + 5})
    elif kind == "class_offset":
        content["task"]["class_offset"] = 10
    elif kind == "calibration":
        del content["data"]["calibration"]
    elif kind == "input name":
        pixels = np.zeros((4, 3, 16, 16), np.float32)  # one array alone would need no name
        np.savez(folder / "calibration.npz", pixels=pixels, more=pixels)
    elif kind == "model":
        (folder / "net.onnx").write_bytes(b"\x08\x07garbage")
    elif kind == "no model":
        (folder / "net.onnx").unlink()
    elif kind == "samples":
        (folder / "evaluation.npz").write_bytes(b"PK\x03\x04 cut off")
    elif kind == "plan":
        (folder / "plan.json").write_text('{"schema_version": 1, "model"')
        content["candidates"] = [{"name": "ready", "plan": "plan.json"}]
    elif kind == "runtime":
        content["runtimes"] = [{"id": "ehco"}]
    return content


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("labels", DataError, "label"),
        ("class_offset", DataError, "class_offset 10 leaves no class"),
        ("calibration", StudyError, "calibration"),
        ("input name", DataError, "input"),
        ("model", ModelError, "net.onnx"),
        ("no model", ModelError, "net.onnx does not exist"),
        ("samples", DataError, "evaluation.npz"),
        ("plan", FileFormatError, "plan.json"),
        ("runtime", StudyError, "Did you mean 'echo'"),
    ],
)
def test_a_mistake_is_one_line_before_the_long_work(
    kind: str, error: type[UserError], text: str, tmp_path: Path
) -> None:
    path = studies.write_study(tmp_path)
    path = studies.write_study_file(path, _broken(kind, tmp_path))
    with pytest.raises(error) as raised:
        studies.run(path, tmp_path / "run")
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)
    log = tmp_path / "run" / "events.jsonl"
    assert not log.exists() or "FP32 reference" not in log.read_text()


def test_a_plan_of_another_model_is_refused_before_the_reference_runs(tmp_path: Path, finished: Any) -> None:
    path = studies.write_study(tmp_path, proto=conv_relu_net(seed=5))
    with pytest.raises(PlanError, match="belongs to another model"):
        studies.run(path, tmp_path / "run", plan=finished.folder / "plans/S1/plan.json")
    assert "FP32 reference" not in (tmp_path / "run" / "events.jsonl").read_text()


def test_a_model_that_gives_nan_is_one_line(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, proto=nan_net())
    with pytest.raises(UserError, match="finite"):
        studies.run(path, tmp_path / "run")


def test_a_moved_study_folder_resumes(tmp_path: Path, finished: Any) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(finished.folder, moved)
    result, events = studies.run(finished.path, moved)
    assert [run.outputs_sha256 for run in result.runs] == [run.outputs_sha256 for run in finished.result.runs]
    assert set(studies.states(events, "")) - {"start"} == {"kept"}


def test_without_its_device_a_row_has_a_verified_artifact(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, studies.document([{"id": "no_device", "name": "no device"}, studies.ECHO]))
    result, _ = studies.run(path, tmp_path / "run")
    found = _run_of(result, "no device", "int8")
    assert found.status == "not_available"
    assert found.problem is not None
    assert (found.problem.message, found.problem.remedy) == ("no device is here", "Use a machine with one.")
    assert found.parity is not None
    assert found.parity.checked > 0
    assert found.parity.mismatches == []
    assert found.plan_sha256 == result.candidates[0].plan_sha256
    assert found.facts["legality"].startswith("legal")
    plain = _run_of(result, "no device", "fp32")
    assert (plain.status, plain.parity, plain.artifact_sha256) == ("not_available", None, None)
    assert _run_of(result, "echo", "int8").status == "ok"


def test_a_refusal_is_told_although_the_device_is_missing_too(tmp_path: Path) -> None:
    row = {"id": "no_device", "name": "no device", "precisions": ["int8"]}
    path = studies.write_study(tmp_path, studies.document([row, studies.ECHO], scheme={"name": "S2"}))
    result, _ = studies.run(path, tmp_path / "run")
    found = _run_of(result, "no device", "int8", "S2")
    assert found.status == "not_available"
    assert found.problem is not None
    assert found.problem.message.startswith("not realisable: symmetric only")
    assert [item.refuses for item in found.deviations] == [True]
