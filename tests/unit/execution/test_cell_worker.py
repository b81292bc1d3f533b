"""One cell called in this process: padding, the accuracy pass, timed blocks, and answers that change under load."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.onnx_models import conv_relu_net
from helpers.plans import run_graph
from helpers.workers import Files, write_files
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workbench.errors import ContractError, JobCancelledError
from workbench.execution import cell_worker
from workbench.execution.cell_worker import padded, run_cell
from workbench.execution.worker import Channel
from workbench.model import image_folder
from workbench.model.data import DataSpec, PixelWriter, scan
from workbench.model.pixel_cache import PIXELS_NAME
from workbench.model.preprocess import Preprocess
from workbench.spi import Placement


class Fake:
    """A runtime and session in one; answers by ONNX Runtime, and from run `drift_from` on with one bit changed."""

    def __init__(self, model: Path, drift_from: int = 10**9, batches: set[int] | None = None) -> None:
        import onnx

        self.proto, self.drift_from, self.runs, self.closed = onnx.load(model), drift_from, 0, False
        self.batches: set[int] = batches if batches is not None else set()

    def open(self, prepared: Any, options: Any) -> Fake:
        self.options = options
        return self

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def run(self, feeds: Any) -> dict[str, Any]:
        self.runs += 1
        self.batches.add(len(feeds["input"]))
        assert feeds["input"].flags["C_CONTIGUOUS"]
        logits = run_graph(self.proto, feeds)["logits"]
        return {"logits": np.nextafter(logits, np.float32(9)) if self.runs >= self.drift_from else logits}

    def placement(self) -> list[Placement]:
        return [Placement("conv", "Conv", "CPU", "fp32")]

    def facts(self) -> dict[str, str]:
        return {"threads": "1"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"), conv_relu_net())


def cell(files: Files, runtime: Fake, tmp_path: Path, commands: tuple[dict[str, Any], ...] = (), **changes: Any) -> Any:
    channel = Channel(io.StringIO(), tmp_path)
    for command in commands:
        channel.take(command)
    artifact = changes.pop("artifact", files.model)
    arguments = files.cell_arguments(artifact, tmp_path / "outputs", **{"speed": bool(commands), **changes})
    value = run_cell("fake", runtime, arguments, channel)  # type: ignore[arg-type]
    stream = channel._out
    assert isinstance(stream, io.StringIO)
    return value, [json.loads(line) for line in stream.getvalue().splitlines()]


@given(rows=st.integers(1, 6), batch=st.integers(1, 6))
def test_padding_repeats_the_last_sample(rows: int, batch: int) -> None:
    array = np.arange(rows * 2).reshape(rows, 2)
    found = padded({"x": array}, batch)["x"]
    assert len(found) == max(rows, batch)
    np.testing.assert_array_equal(found[:rows], array)
    assert (found[rows:] == array[-1]).all()


@pytest.mark.parametrize("batch", [1, 4, 10, 16])
def test_every_sample_is_answered_once_in_fixed_batches(files: Files, tmp_path: Path, batch: int) -> None:
    runtime = Fake(files.model)
    value, events = cell(files, runtime, tmp_path, batch=batch)
    samples = np.load(files.folder / "samples.npz")["input"]
    # compared in batches of the same size, since a batch of another size may round otherwise
    expected = run_graph(runtime.proto, {"input": samples})["logits"]
    found = np.load(value["outputs"][0]["path"])
    assert found.shape == (10, 10)
    order = [next(i for i in range(10) if np.allclose(row, expected[i], atol=1e-5)) for row in found]
    assert sorted(order) == list(range(10))
    assert runtime.batches == {batch}
    assert runtime.closed
    assert value["n"] == 10
    assert 0 < value["run_s"] <= value["wall_s"]
    assert value["first_inference_ms"] > 0
    assert [event["event"] for event in events if event["event"] != "progress"] == ["opened", "accuracy_done"]
    assert events[-1]["outputs_sha256"] == value["outputs_sha256"]
    assert value["placement"][0]["node"] == "conv"
    assert value["facts"] == {"threads": "1"}


@pytest.mark.parametrize(
    ("method", "value", "text"),
    [
        ("open", None, "what open returned, NoneType, lacks __enter__, __exit__, run, placement, facts"),
        ("run", [], "fake: run returned list, not output name -> array"),
        ("placement", None, "fake: placement returned nothing, not a list of Placement"),
        ("facts", "fast", "fake: facts returned a str, not a dict of texts"),
    ],
)
def test_a_wrong_answer_is_named_where_it_was_given(
    files: Files, tmp_path: Path, method: str, value: Any, text: str
) -> None:
    runtime = Fake(files.model)
    setattr(runtime, method, lambda *_: value)
    with pytest.raises(ContractError, match=re.escape(text)):
        cell(files, runtime, tmp_path)


def test_a_session_that_writes_to_its_artifact_is_named(files: Files, tmp_path: Path) -> None:
    artifact = tmp_path / "engine"
    artifact.mkdir()
    (artifact / "a.bin").write_bytes(b"1")

    class Writing(Fake):
        def run(self, feeds: Any) -> dict[str, Any]:
            (artifact / "cache.bin").write_bytes(b"1")
            return super().run(feeds)

    with pytest.raises(ContractError, match=r"fake: the session wrote to its artifact \(engine/cache\.bin\); caches"):
        cell(files, Writing(files.model), tmp_path, artifact=artifact)
    value, _ = cell(files, Fake(files.model), tmp_path, artifact=artifact)
    assert value["n"] == 10


def test_timed_answers_are_checked_against_the_accuracy_pass(files: Files, tmp_path: Path) -> None:
    commands = ({"command": "block", "seconds": 0.3}, {"command": "finish"})
    same, _ = cell(files, Fake(files.model), tmp_path / "same", commands)
    assert same["answers_checked"] > 0
    assert same["answers_differing"] == 0
    drifting, events = cell(files, Fake(files.model, drift_from=11), tmp_path / "drifting", commands)
    assert drifting["answers_differing"] == drifting["answers_checked"] > 0
    block = next(event for event in events if event["event"] == "block_done")
    assert block["answers_differing"] == drifting["answers_differing"]
    assert np.load(block["path"]).size == block["runs"]


def test_rates_count_samples_and_running_time_over_blocks(files: Files, tmp_path: Path) -> None:
    blocks = ({"command": "block", "seconds": 0.2},) * 2
    warm = {"command": "warm_up", "min_s": 0.6, "max_s": 0.7}
    _, events = cell(files, Fake(files.model), tmp_path, (warm, *blocks, {"command": "finish"}), batch=4)
    rates = [event for event in events if event["event"] == "rate"]
    assert [(event["phase"], event.get("block")) for event in rates] == [("warm_up", None), ("block", 0), ("block", 1)]
    done = [event for event in events if event["event"] == "block_done"]
    for rate, block in zip(rates[1:], done, strict=True):
        assert rate["per_s"] * rate["seconds"] == pytest.approx(4 * block["runs"])
    assert rates[1]["start_s"] == 0
    assert rates[2]["start_s"] == pytest.approx(done[0]["wall_ns"] / 1e9)


def test_cancel_and_unknown_commands_end_the_session(files: Files, tmp_path: Path) -> None:
    runtime = Fake(files.model)
    with pytest.raises(JobCancelledError):
        cell(files, runtime, tmp_path / "a", ({"command": "cancel"},))
    assert (runtime.closed, runtime.runs) == (True, 0)
    runtime = Fake(files.model)
    with pytest.raises(ContractError, match="no command 'dance'"):
        cell(files, runtime, tmp_path / "b", ({"command": "dance"},))
    assert runtime.closed


KEPT = ("n", "wall_s", "run_s", "outputs", "outputs_sha256", "samples_sha256")
ANSWER_ALL = {"command": "answer_all"}


def answered(files: Files, folder: Path, **changes: Any) -> dict[str, Any]:
    """Run a cell to its end and return what another session may keep."""
    value, _ = cell(files, Fake(files.model), folder, **changes)
    return {key: value[key] for key in KEPT}


def compared(events: list[dict[str, Any]]) -> tuple[bool, int]:
    (event,) = [event for event in events if event["event"] == "answers_compared"]
    return event["equal"], event["compared"]


@pytest.mark.parametrize(("batch", "runs", "samples"), [(1, 3, 3), (4, 2, 8), (4, 3, 10), (4, 99, 10)])
def test_answers_given_again_are_kept(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, runs: int, samples: int
) -> None:
    monkeypatch.setattr(cell_worker, "COMPARED_RUNS", runs)
    kept = answered(files, tmp_path, batch=batch)
    path = Path(kept["outputs"][0]["path"])
    state = path.stat()
    runtime = Fake(files.model)
    value, events = cell(files, runtime, tmp_path, batch=batch, kept=kept)
    assert compared(events) == (True, samples)
    assert runtime.runs == min(runs, -(-10 // batch))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (state.st_ino, state.st_mtime_ns)
    assert {key: value[key] for key in KEPT} == kept
    assert value["first_inference_ms"] > 0
    assert value["placement"][0]["node"] == "conv"
    assert value["facts"] == {"threads": "1"}
    told = next(event for event in events if event["event"] == "accuracy_done")
    assert {key: told[key] for key in value} == value


def test_timed_answers_are_checked_against_kept_ones(files: Files, tmp_path: Path) -> None:
    kept = answered(files, tmp_path)
    commands = ({"command": "block", "seconds": 0.2}, {"command": "finish"})
    same, _ = cell(files, Fake(files.model), tmp_path, commands, kept=kept)
    assert (same["answers_checked"] > 0, same["answers_differing"]) == (True, 0)
    drifting, _ = cell(files, Fake(files.model, drift_from=11), tmp_path, commands, kept=kept)
    assert drifting["answers_differing"] == drifting["answers_checked"] > 0


@pytest.mark.parametrize(("drift_from", "found"), [(1, 0), (4, 3), (10, 9)])
def test_other_answers_are_given_anew_once_the_host_says_so(
    files: Files, tmp_path: Path, drift_from: int, found: int
) -> None:
    kept = answered(files, tmp_path)
    old = np.load(kept["outputs"][0]["path"])
    runtime = Fake(files.model, drift_from)
    value, events = cell(files, runtime, tmp_path, (ANSWER_ALL, {"command": "finish"}), kept=kept)
    assert compared(events) == (False, found)
    assert runtime.runs == found + 1 + 10
    np.testing.assert_array_equal(np.load(value["outputs"][0]["path"]), np.nextafter(old, np.float32(9)))
    assert value["outputs_sha256"] != kept["outputs_sha256"]
    assert (value["n"], value["samples_sha256"]) == (kept["n"], kept["samples_sha256"])


def test_kept_answers_stay_until_the_host_says_so(files: Files, tmp_path: Path) -> None:
    kept = answered(files, tmp_path)
    content = Path(kept["outputs"][0]["path"]).read_bytes()
    for command, error in (({"command": "cancel"}, JobCancelledError), ({"command": "block"}, ContractError)):
        with pytest.raises(error):
            cell(files, Fake(files.model, 1), tmp_path, (command, {"command": "finish"}), kept=kept)
        assert Path(kept["outputs"][0]["path"]).read_bytes() == content


@pytest.mark.parametrize("damage", ["samples", "file", "names"])
def test_answers_to_something_else_are_not_even_compared(files: Files, tmp_path: Path, damage: str) -> None:
    whole = answered(files, tmp_path)
    kept = {**whole, "samples_sha256": "0" * 64} if damage == "samples" else whole
    if damage == "names":
        kept = {**whole, "outputs": [{**whole["outputs"][0], "name": "other"}]}
    if damage == "file":
        Path(whole["outputs"][0]["path"]).write_bytes(b"x")
    runtime = Fake(files.model)
    value, events = cell(files, runtime, tmp_path, (ANSWER_ALL, {"command": "finish"}), kept=kept)
    assert compared(events) == (False, 0)
    assert runtime.runs == 10
    assert value["outputs_sha256"] == whole["outputs_sha256"]
    assert value["first_inference_ms"] > 0


def test_the_index_may_be_a_file(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps(files.data["index"]), encoding="utf-8")
    by_value, _ = cell(files, Fake(files.model), tmp_path / "a")
    by_file, _ = cell(files, Fake(files.model), tmp_path / "b", index=str(path))
    assert by_value["outputs_sha256"] == by_file["outputs_sha256"]


def test_kept_pixels_give_the_answers_of_decoding(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    spec, preprocess = DataSpec("images", folder), Preprocess(resize=(16, 16), mean=(127.5,), std=(127.5,))
    index = scan(spec, None, PixelWriter(tmp_path, preprocess))
    data = {"data": spec.to_json(), "index": index.to_json(), "preprocess": preprocess.to_json()}
    decoded, _ = cell(files, Fake(files.model), tmp_path / "a", batch=2, **data)
    monkeypatch.setattr(image_folder, "decode_image", lambda data: pytest.fail("decoded again"))
    pixels = str(tmp_path / PIXELS_NAME)
    read, _ = cell(files, Fake(files.model), tmp_path / "b", batch=2, pixels=pixels, **data)
    assert read["n"] == 5
    for key in ("outputs_sha256", "samples_sha256"):
        assert read[key] == decoded[key]


class Drifting:
    """A recurrent runtime and session in one: gives its input plus its state, which it counts up by `step` a frame."""

    def __init__(self, step: float) -> None:
        self.step = np.float32(step)

    def open(self, prepared: Any, options: Any) -> Drifting:
        return self

    def __enter__(self) -> Drifting:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to free."""

    def run(self, feeds: Any) -> dict[str, Any]:
        state = feeds["state"] + self.step
        return {"y": feeds["x"] + state, "next": state}

    def placement(self) -> list[Placement]:
        return []

    def facts(self) -> dict[str, str]:
        return {}


def recurrent(folder: Path, step: float, commands: tuple[dict[str, Any], ...] = (), **changes: Any) -> Any:
    """Run a cell on four sequences of five frames; returns its value, its events, and the sequences in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    x = np.arange(20, dtype=np.float32).reshape(4, 5, 1)
    np.savez(folder / "x.npz", x=x)
    spec = DataSpec("arrays", folder / "x.npz")
    arguments = {
        "artifact": str(folder / "engine"),
        "deviations": [],
        "notes": {},
        "precision": "fp32",
        "threads": 1,
        "batch": 1,
        "settings": {},
        "inputs": [{"name": name, "dtype": "float32", "shape": [1, 1]} for name in ("x", "state")],
        "outputs": [{"name": name, "dtype": "float32", "shape": [1, 1]} for name in ("y", "next")],
        "data": spec.to_json(),
        "index": scan(spec).to_json(),
        "preprocess": Preprocess().to_json(),
        "state": {"state": "next"},
        "outputs_dir": str(folder / "outputs"),
        "speed": bool(commands),
        **changes,
    }
    channel = Channel(io.StringIO(), folder)
    for command in commands:
        channel.take(command)
    value = run_cell("fake", Drifting(step), arguments, channel)  # type: ignore[arg-type]
    stream = channel._out
    assert isinstance(stream, io.StringIO)
    return (
        value,
        [json.loads(line) for line in stream.getvalue().splitlines()],
        x[np.random.default_rng(0).permutation(4)],
    )


@pytest.mark.parametrize("step", [1.0, 3.0])
def test_each_runtime_gets_its_own_state_back_from_zero_at_every_sequence(tmp_path: Path, step: float) -> None:
    value, _, x = recurrent(tmp_path, step)
    y, state = (np.load(item["path"]) for item in value["outputs"])
    assert value["n"] == 20
    np.testing.assert_array_equal(state.reshape(4, 5), np.tile(step * np.arange(1, 6, dtype=np.float32), (4, 1)))
    np.testing.assert_array_equal(y.reshape(4, 5), x[..., 0] + state.reshape(4, 5))


def test_timed_runs_go_through_the_frames_with_the_same_state(tmp_path: Path) -> None:
    commands = ({"command": "block", "seconds": 0.2}, {"command": "finish"})
    value, events, _ = recurrent(tmp_path, 1.0, commands)
    assert next(event for event in events if event["event"] == "block_done")["runs"] > 3 * 16
    assert value["answers_checked"] > 0
    assert value["answers_differing"] == 0


def test_kept_answers_of_frames_are_compared_with_the_state_of_the_first_run(tmp_path: Path) -> None:
    first, _, _ = recurrent(tmp_path, 1.0)
    kept = {key: first[key] for key in ("n", "wall_s", "run_s", "outputs", "outputs_sha256", "samples_sha256")}
    _, events, _ = recurrent(tmp_path, 1.0, kept=kept)
    compared = next(event for event in events if event["event"] == "answers_compared")
    assert (compared["equal"], compared["compared"]) == (True, 16)
