"""Figures from stored outputs against plain numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from workbench.errors import DataError
from workbench.execution.evaluate import (
    Judge,
    disagreement,
    error_split,
    exchange,
    judge_of,
    misfit,
    open_outputs,
    output_figures,
    task_figures,
)
from workbench.measure.divergence import divergence
from workbench.model.sample_index import SampleIndex

N = 40
Array = npt.NDArray[Any]


def _index(labels: list[int] | None, n: int = N) -> SampleIndex:
    return SampleIndex(
        kind="arrays",
        files=tuple(f"x[{i}]" for i in range(n)),
        rows=tuple(range(n)),
        sizes=(1,),
        modified_ns=(1,),
        labels=None if labels is None else tuple(labels),
        label_names=(),
        content_sha256=tuple(f"{i:064x}" for i in range(n)),
    )


def _logits(seed: int, noise: float = 0.0) -> Array:
    base = np.random.default_rng(0).standard_normal((N, 6))
    return (base + noise * np.random.default_rng(seed).standard_normal((N, 6))).astype(np.float32)


def _judge(task: str = "classification", labels: list[int] | None = None) -> Judge:
    return judge_of(task, 0, {"logits": _logits(0)}, _index(labels))


def _nmse(f: Array, q: Array) -> float:
    f, q = f.astype(np.float64), q.astype(np.float64)
    return float(((f - q) ** 2).sum() / (f**2).sum())


def test_a_pair_of_stored_outputs_is_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stored(name: str, values: Array) -> dict[str, Array]:
        np.save(tmp_path / f"{name}.npy", values)
        return open_outputs(tmp_path, {"outputs": [{"name": "logits", "path": f"{name}.npy"}]})

    asked: list[tuple[str, str]] = []

    def counted(f: Any, q: Any) -> Any:
        asked.append((Path(f.filename).stem, Path(q.filename).stem))
        return divergence(f, q)

    monkeypatch.setattr("workbench.execution.evaluate.divergence", counted)
    names = ("reference", "simulated", "own", "one", "two")
    files = {name: stored(name, _logits(place, 0.1 * place)) for place, name in enumerate(names)}
    judge = judge_of("classification", 0, files["reference"], _index(None))
    for name in ("one", "two"):
        figures = output_figures(judge, stored(name, np.array(files[name]["logits"])))
        split = error_split(judge, "logits", files[name], files["simulated"], files["own"])
        assert split.total_nmse == figures["nmse"] == pytest.approx(_nmse(_logits(0), files[name]["logits"]), rel=1e-12)
    assert sorted(asked) == [
        ("reference", "one"), ("reference", "own"), ("reference", "simulated"), ("reference", "two"),
        ("simulated", "one"), ("simulated", "two"),
    ]  # fmt: skip


def test_the_error_split_is_four_plain_distances() -> None:
    reference, simulated, run, own = _logits(0), _logits(1, 0.3), _logits(2, 0.4), _logits(3, 0.01)
    found = error_split(_judge(), "logits", {"logits": run}, {"logits": simulated}, {"logits": own})
    assert found.scheme_nmse == pytest.approx(_nmse(reference, simulated), rel=1e-12)
    assert found.execution_nmse == pytest.approx(_nmse(simulated, run), rel=1e-12)
    assert found.platform_nmse == pytest.approx(_nmse(reference, own), rel=1e-12)
    assert found.total_nmse == pytest.approx(_nmse(reference, run), rel=1e-12)


def test_a_split_without_plan_or_own_float_leaves_those_out() -> None:
    found = error_split(_judge(), "logits", {"logits": _logits(2, 0.4)}, None, None)
    assert (found.scheme_nmse, found.execution_nmse, found.platform_nmse) == (None, None, None)
    assert found.total_nmse is not None


def test_task_figures_count_answers_as_numpy_does() -> None:
    labels = [int(i) for i in _logits(0).argmax(1)]
    run = _logits(2, 0.8)
    figures = task_figures(_judge(labels=labels), {"logits": run})
    right = int((run.argmax(1) == np.asarray(labels)).sum())
    assert 0 < right < N
    assert figures["accuracy"].value == right / N
    assert figures["top1_agreement"].value == right / N
    assert figures["answers_changed"].right_to_wrong == N - right
    assert figures["accuracy_change_points"].value == pytest.approx(100 * (right - N) / N)
    assert figures["discordant_share"] == pytest.approx((N - right) / N)
    assert all(item["file"] == f"x[{item['index']}]" for item in figures["worst_samples"])


def test_labels_beyond_the_classes_are_refused() -> None:
    with pytest.raises(DataError, match="out of range"):
        task_figures(_judge(labels=[6] * N), {"logits": _logits(1)})


def test_two_runtimes_disagree_where_their_answers_differ() -> None:
    labels = list(range(6)) * 6 + [0] * 4
    a, b = _logits(1, 0.8), _logits(2, 0.8)
    found = disagreement(_judge(labels=labels), "S1", "int8", ("one", {"logits": a}), ("two", {"logits": b}))
    where = np.flatnonzero(a.argmax(1) != b.argmax(1))
    assert found.answers_differ == where.size > 0
    assert [item["index"] for item in found.samples] == [int(i) for i in where[:10]]
    first = found.samples[0]
    assert (first["answer_a"], first["answer_b"]) == (int(a[where[0]].argmax()), int(b[where[0]].argmax()))
    assert first["label"] == labels[where[0]]
    assert found.nmse == pytest.approx(_nmse(a, b))


def test_two_runtimes_without_an_answer_do_not_agree() -> None:
    a, b = _logits(1, 0.1), _logits(1, 0.1)
    a[3, 0] = b[3, 1] = np.nan
    found = disagreement(_judge(), "S1", "int8", ("a", {"logits": a}), ("b", {"logits": b}))
    assert (found.answers_differ, [item["index"] for item in found.samples]) == (1, [3])


def test_an_output_that_stops_being_a_distribution_loses_its_kl_alone() -> None:
    shares = np.exp(_logits(0)) / np.exp(_logits(0)).sum(axis=1, keepdims=True)
    judge = judge_of("classification", 0, {"p": shares}, _index(None))
    broken = shares.copy()
    broken[7, 2] = -0.01
    found = task_figures(judge, {"p": broken})
    assert judge.options.probabilities
    assert (found["kl_mean"], found["kl_median"]) == (None, pytest.approx(0.0, abs=1e-6))
    assert found["answers_changed"].changed == 0
    assert found["worst_samples"][0]["index"] == 7


def test_without_answers_the_most_distant_samples_are_named() -> None:
    a = _logits(0)
    b = a.copy()
    b[7] += 3
    found = disagreement(_judge("divergence"), "S1", "int8", ("one", {"logits": a}), ("two", {"logits": b}))
    assert found.answers_differ is None
    assert found.samples[0]["index"] == 7


def test_the_headline_is_the_worst_output_where_there_are_no_answers() -> None:
    reference = {"a": _logits(0), "b": _logits(0)}
    judge = judge_of("divergence", 0, reference, _index(None))
    run = {"a": _logits(1, 0.01), "b": _logits(1, 0.5)}
    figures = output_figures(judge, run)
    assert figures["headline"] == "b"
    assert figures["nmse"] == pytest.approx(_nmse(reference["b"], run["b"]))
    run["a"][3, 2] = np.nan
    broken = output_figures(judge, run)
    assert (broken["headline"], broken["nmse"]) == ("a", None)
    assert "1 NaN or infinite" in " ".join(broken["findings"])
    assert broken["reasons"]["nmse"]


def test_sqnr_and_nmse_have_one_interval_by_resampled_sums() -> None:
    reference, run = _logits(0).astype(np.float64), _logits(2, 0.3).astype(np.float64)
    power, error = (reference**2).sum(1), ((reference - run) ** 2).sum(1)
    rng = np.random.default_rng(7)
    picks = rng.integers(0, N, (4000, N))
    low, high = np.quantile(error[picks].sum(1) / power[picks].sum(1), [0.025, 0.975])
    found = output_figures(_judge(), {"logits": run.astype(np.float32)})
    width = high - low
    assert found["nmse_interval"] == pytest.approx((low, high), abs=0.15 * width)
    assert found["nmse_interval"][0] < found["nmse"] < found["nmse_interval"][1]
    expected = tuple(-10 * np.log10(end) for end in reversed(found["nmse_interval"]))
    assert found["sqnr_db_interval"] == pytest.approx(expected)
    assert "sqnr_db_interval" not in found["reasons"]


def test_an_interval_that_cannot_be_told_says_why() -> None:
    same = output_figures(_judge(), {"logits": _logits(0)})
    assert (same["sqnr_db_interval"], same["nmse_interval"]) == (None, None)
    assert "identical" in same["reasons"]["sqnr_db"]
    few = judge_of("divergence", 0, {"logits": _logits(0)[:9]}, _index(None, 9))
    found = output_figures(few, {"logits": _logits(1, 0.1)[:9]})
    assert found["sqnr_db_interval"] is None
    assert found["reasons"]["sqnr_db_interval"] == "9 samples, an interval needs 10"
    per_run = judge_of("divergence", 0, {"logits": _logits(0)[:20]}, _index(None))
    found = output_figures(per_run, {"logits": _logits(1, 0.1)[:20]})
    assert "no value per sample" in found["reasons"]["sqnr_db_interval"]
    almost = _logits(0)
    almost[3] += 0.5
    found = output_figures(_judge(), {"logits": almost})
    assert found["nmse_interval"][0] == 0.0
    assert found["reasons"]["sqnr_db_interval"] == f"only 1 of {N} samples differ, its upper end is infinite"


def test_outputs_that_cannot_be_compared_are_named() -> None:
    assert misfit(_judge(), {"logits": _logits(1)}) == ""
    assert "missing" in misfit(_judge(), {"other": _logits(1)})
    assert f"[{N}, 5]" in misfit(_judge(), {"logits": _logits(1)[:, :5]})


def test_stored_outputs_open_wherever_their_folder_lies(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    np.save(tmp_path / "outputs" / "0.npy", _logits(1))
    opened = open_outputs(tmp_path, {"outputs": [{"name": "logits", "path": "outputs/0.npy"}]})
    assert np.array_equal(opened["logits"], _logits(1))
    assert isinstance(opened["logits"], np.memmap)


def _sequences(noise_of_state: float = 0.0) -> tuple[Judge, dict[str, Array]]:
    """Eight sequences of five frames, one output and one state, and a run whose error doubles from frame to frame."""
    rng = np.random.default_rng(7)
    reference = {"y": rng.standard_normal((N, 3)), "h": rng.standard_normal((N, 1, 4))}
    growth = np.tile(2.0 ** np.arange(5), 8)[:, None]
    run = {"y": reference["y"] + 1e-3 * growth, "h": reference["h"] + noise_of_state}
    return judge_of("divergence", 0, reference, _index(None, 8), 5, ["h"]), run


def test_the_headline_is_never_a_state_and_its_error_is_told_by_position() -> None:
    judge, run = _sequences(noise_of_state=9.0)
    figures = output_figures(judge, run)
    assert figures["headline"] == "y"
    assert [item.output for item in figures["outputs"]] == ["y", "h"]
    found = figures["error_by_position"]
    assert (found.output, found.sequences, found.frames, found.first_frames) == ("y", 8, 5, [0, 1, 2, 3, 4])
    for position in range(5):
        here = judge.reference["y"][position::5], run["y"][position::5]
        assert found.nmse[position] == pytest.approx(_nmse(*here), rel=1e-12)
    assert found.sqnr_db[0] - found.sqnr_db[4] > 20


def test_intervals_resample_sequences_because_frames_depend_on_each_other() -> None:
    judge, run = _sequences()
    assert output_figures(judge, run)["reasons"]["sqnr_db_interval"] == "8 sequences, an interval needs 10"
    rng = np.random.default_rng(3)
    reference = np.repeat(rng.standard_normal((N, 1)), 100, axis=0)
    error = np.repeat(rng.standard_normal((N, 1)), 100, axis=0) * 0.01
    frames = judge_of("divergence", 0, {"y": reference}, _index(None), 100)
    sequences = judge_of("divergence", 0, {"y": reference[::100]}, _index(None))
    wide = output_figures(frames, {"y": reference + error})["sqnr_db_interval"]
    assert wide == pytest.approx(output_figures(sequences, {"y": (reference + error)[::100]})["sqnr_db_interval"])


def test_frames_are_named_by_their_sequence() -> None:
    judge, run = _sequences()
    assert judge.n == N
    assert judge.name_of(13) == "x[2] frame 3"
    worst = task_figures(judge, run)["worst_samples"]
    assert [item["file"] for item in worst] == [judge.name_of(item["index"]) for item in worst]
    other = {name: value + 0.1 for name, value in run.items()}
    assert "frame" in disagreement(judge, "S1", "int8", ("a", run), ("b", other)).samples[0]["file"]
    assert output_figures(_judge(), {"logits": _logits(2, 0.4)})["error_by_position"] is None


def test_an_exchange_compares_the_tool_chain_with_ours_and_not_with_float() -> None:
    labels = _logits(0).argmax(1).tolist()
    ours, native = _logits(1, 0.4), _logits(2, 0.9)
    found = exchange(_judge(labels=labels), "row", ("S1", {"logits": ours}), ("tool", {"logits": native}))
    assert (found.label, found.instead_of, found.candidate, found.n) == ("row", "S1", "tool", N)
    differ = ours.argmax(1) != native.argmax(1)
    assert found.answers_differ == differ.sum() > 0
    right = np.asarray(labels)
    change = 100 * ((native.argmax(1) == right).mean() - (ours.argmax(1) == right).mean())
    assert found.accuracy_change_points is not None
    assert found.accuracy_change_points.value == pytest.approx(change)
    assert found.nmse == pytest.approx(_nmse(ours, native), rel=1e-6)


def test_an_exchange_without_answers_has_the_distance_alone() -> None:
    found = exchange(_judge("divergence"), "row", ("S1", {"logits": _logits(1)}), ("tool", {"logits": _logits(1)}))
    assert (found.answers_differ, found.accuracy_change_points) == (None, None)
    assert found.nmse == 0
