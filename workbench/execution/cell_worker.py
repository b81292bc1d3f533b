"""One cell inside a worker: open a session, answer every sample, then be timed in blocks, all with the same session.

Outputs stream into .npy files, so that memory does not grow with the number of samples. Answers that an interrupted
run of the same cell completed are kept when the session, opened again, gives the first of them again bit by bit.
NOT this module's duty: metrics, warm-up rules and clocks of the timed blocks (workbench.measure), what comes next.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ContractError, DataError
from workbench.execution.output_files import OutputFiles, expected_outputs, tensor_specs
from workbench.execution.plugin_answers import answers, texts
from workbench.execution.worker import Channel
from workbench.measure.latency import run_block, warm_up
from workbench.measure.rates import Rate, Tell
from workbench.model.data import Carry, Samples, data_spec_from_json, open_samples, sample_index_from_json
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import preprocess_from_json
from workbench.spi import Deviation, OpenOptions, Placement, Prepared, Runtime, Session

CHECK_EVERY = 64
COMPARED_RUNS = 16
"""Runs repeated before answers of an earlier session are kept."""
TIMED_BATCHES = 16
TIMED_BYTES = 64 * 2**20

SESSION_METHODS = ("__enter__", "__exit__", "run", "placement", "facts")

Feeds = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """One batch as the session gets it.

    Attributes:
        index: number of the run; start: first sample; size: samples in it, padding not counted.
        feeds: input name -> array; the first axis is the batch.
    """

    index: int
    start: int
    size: int
    feeds: Feeds


def run_cell(plugin_id: str, runtime: Runtime, arguments: Mapping[str, Any], channel: Channel) -> dict[str, Any]:
    """Run one cell.

    Arguments:
        artifact, deviations, notes: as `prepare` answered; precision, threads, batch, settings.
        inputs, outputs: lists of {name, dtype, shape}: the model's inputs, the compared outputs (symbolic axes are
            names). state: null or absent, or state input -> output that this session gets back (one run per frame).
        data, index, preprocess: JSON of DataSpec, SampleIndex (or the path of a file with it) and Preprocess.
        pixels: path of the images that the scan kept decoded; null or absent: they are decoded here.
        outputs_dir: folder for `<number>.npy` per compared output.
        kept: null or absent, or n, wall_s, run_s, outputs, outputs_sha256 and samples_sha256 of an accuracy pass whose
            files lie in outputs_dir; then the first COMPARED_RUNS are run again and compared with them.
        speed: whether timed blocks follow; then the job is interactive.

    Events: "opened" {load_s}; with `kept` "answers_compared" {equal, compared: samples}, where the command
    {"command": "answer_all"} is awaited unless they are equal; "accuracy_done" with everything known so far; then for
    each command {"command": "warm_up", min_runs?, min_s?, max_s?} "warm_up_done", {"command": "block", "seconds": s}
    "block_done". During both, between two runs, about once a second "rate" {phase: "warm_up" | "block", start_s,
    seconds, per_s: samples per second, and block: its number}; start_s counts the seconds of running since the warm-up
    began, or in all blocks so far. The command "finish" ends it.

    Returns:
        load_s, first_inference_ms, n, wall_s and run_s (the accuracy pass; the bare runs inside it), outputs (name,
        path, dtype, shape, per_sample), outputs_sha256, placement, facts, samples_sha256, answers_checked and
        answers_differing (in the timed runs). Where answers were kept, load_s, first_inference_ms, placement and facts
        are those of this session.

    Raises:
        ContractError: an output is missing or has the wrong shape; names the plugin and the shapes.
        DataError: no samples, or they do not fit the model.
        JobCancelledError: between batches and blocks.
    """
    inputs = tensor_specs(arguments["inputs"])
    samples = _samples(arguments, inputs)
    expected = expected_outputs(arguments["outputs"], inputs, arguments["batch"])
    prepared = Prepared(
        Path(arguments["artifact"]),
        tuple(Deviation(**deviation) for deviation in arguments["deviations"]),
        arguments["notes"],
    )
    options = _options(arguments, channel.work_dir)
    before = _states(prepared.artifact)
    start = perf_counter()
    with session_of(plugin_id, runtime, prepared, options) as session:
        load_s = perf_counter() - start
        channel.event("opened", load_s=load_s)
        files = OutputFiles(plugin_id, expected, Path(arguments["outputs_dir"]), samples.n, options.batch)
        found = _answers(session, samples, options.batch, files, arguments.get("kept"), channel)
        result = {"load_s": load_s, **found}
        result |= {
            "placement": [asdict(row) for row in answers(plugin_id, "placement", session.placement(), Placement)],
            "facts": texts(plugin_id, "facts", session.facts()),
            "answers_checked": 0,
            "answers_differing": 0,
        }
        _refuse_changed(plugin_id, before, _states(prepared.artifact))
        channel.event("accuracy_done", **result)
        if arguments["speed"]:
            result |= _timed(session, samples, options.batch, files, channel)
    return result


def session_of(plugin_id: str, runtime: Runtime, prepared: Prepared, options: OpenOptions) -> Session:
    """Return a session, not entered yet. Raises ContractError when `open` gave something else."""
    session = runtime.open(prepared, options)
    if missing := [name for name in SESSION_METHODS if not callable(getattr(session, name, None))]:
        raise ContractError(f"{plugin_id}: what open returned, {type(session).__name__}, lacks {', '.join(missing)}")
    return session


def _states(artifact: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of each file of an artifact; {} where there is none."""
    files = [artifact] if artifact.is_file() else sorted(path for path in artifact.rglob("*") if path.is_file())
    states = ((path, path.stat()) for path in files)
    return {path.relative_to(artifact.parent).as_posix(): (it.st_size, it.st_mtime_ns) for path, it in states}


def _refuse_changed(plugin_id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise ContractError where a session wrote to its artifact: what ran is then not what was verified."""
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        where = "caches and profiles belong into options.work_dir"
        raise ContractError(f"{plugin_id}: the session wrote to its artifact ({changed[0]}); {where}")


def batches_of(samples: Samples, batch: int) -> Generator[Batch]:
    """Yield every `Batch` of `samples`; a short last one is filled up by repeating its last sample."""
    start = 0
    for index, feeds in enumerate(samples.batches(batch)):
        size = len(next(iter(feeds.values())))
        yield Batch(index, start, size, feeds if size == batch else padded(feeds, batch))
        start += size


def padded(feeds: Mapping[str, npt.NDArray[Any]], batch: int) -> Feeds:
    """Return C-contiguous feeds with exactly `batch` rows; the last row is repeated where they are fewer."""
    return {name: np.ascontiguousarray(_filled(array, batch)) for name, array in feeds.items()}


def _filled(array: npt.NDArray[Any], batch: int) -> npt.NDArray[Any]:
    missing = batch - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing > 0 else array


@dataclass(frozen=True)
class Comparison:
    """The first answers of an earlier session and of this one.

    Attributes:
        equal: whether all are, bit by bit; compared: samples found equal.
        first_inference_ms: of this session; None where nothing was run since the files or the samples are others.
    """

    equal: bool
    compared: int = 0
    first_inference_ms: float | None = None


def _answers(
    session: Session,
    samples: Samples,
    batch: int,
    files: OutputFiles,
    kept: Mapping[str, Any] | None,
    channel: Channel,
) -> dict[str, Any]:
    """Answer every sample, or keep the answers of an earlier session; the host says when kept ones may be replaced."""
    if kept is None:
        return _accuracy_pass(session, samples, batch, files, channel)
    found = _compared(session, samples, batch, files, kept, channel)
    channel.event("answers_compared", equal=found.equal, compared=found.compared)
    if found.equal:
        return {**kept, "outputs": files.describe(), "first_inference_ms": found.first_inference_ms}
    command = channel.next_command()["command"]
    if command != "answer_all":
        raise ContractError(f"A cell with other answers waits for answer_all, not {command!r}")
    anew = _accuracy_pass(session, samples, batch, files, channel)
    return anew | ({"first_inference_ms": found.first_inference_ms} if found.first_inference_ms else {})


def _compared(
    session: Session, samples: Samples, batch: int, files: OutputFiles, kept: Mapping[str, Any], channel: Channel
) -> Comparison:
    """Run the first batches again and compare them with the stored answers, up to the first that differs."""
    are_same_samples = (kept["n"], kept["samples_sha256"]) == (samples.n, samples.sha256)
    if not are_same_samples or not files.reopen(kept["outputs"], kept["outputs_sha256"]):
        return Comparison(equal=False)
    run_s: list[float] = []
    compared, equal = 0, True
    stream, carry = batches_of(samples, batch), Carry(samples.feedback)
    for part in islice(stream, COMPARED_RUNS):
        channel.check_cancelled()
        outputs, seconds = _answered(session, carry, part)
        run_s.append(seconds)
        equal = files.equals(outputs, part.index, part.start, part.size)
        if not equal:
            break
        compared += part.size
    stream.close()
    return Comparison(equal, compared, run_s[0] * 1000)


def _accuracy_pass(
    session: Session, samples: Samples, batch: int, files: OutputFiles, channel: Channel
) -> dict[str, Any]:
    run_s: list[float] = []
    start, carry = perf_counter(), Carry(samples.feedback)
    with files:
        for part in batches_of(samples, batch):
            channel.check_cancelled()
            outputs, seconds = _answered(session, carry, part)
            run_s.append(seconds)
            files.append(outputs, part.size)
            channel.progress(part.start + part.size, samples.n, "samples")
    return {
        "n": samples.n,
        "first_inference_ms": run_s[0] * 1000,
        "wall_s": perf_counter() - start,
        "run_s": sum(run_s),
        "outputs": files.describe(),
        "outputs_sha256": files.sha256,
        "samples_sha256": samples.sha256,
    }


def _answered(session: Session, carry: Carry, part: Batch) -> tuple[Feeds, float]:
    """Return a batch's outputs and the seconds of the bare run; state that is fed back goes on to the next batch."""
    feeds = carry.feeds(part.start, part.feeds)
    before = perf_counter()
    outputs = session.run(feeds)
    seconds = perf_counter() - before
    carry.keep(outputs)
    return outputs, seconds


def _timed(session: Session, samples: Samples, batch: int, files: OutputFiles, channel: Channel) -> dict[str, Any]:
    """Obey commands until "finish"; return how many answers were checked and how many differed."""
    runs = TimedRuns(session, _timed_batches(samples, batch), files, Carry(samples.feedback))
    blocks, ran_s = 0, 0.0
    while (command := channel.next_command())["command"] != "finish":
        if command["command"] == "warm_up":
            limits = {key: command[key] for key in ("min_runs", "min_s", "max_s") if key in command}
            warm = warm_up(runs.run_once, **limits, tell=_teller(channel, batch, phase="warm_up"))
            path = _saved(channel.work_dir / "warm_up.npy", warm.latencies_ns)
            channel.event("warm_up_done", seconds=warm.seconds, runs=warm.runs, steady=warm.steady, path=path)
        elif command["command"] == "block":
            tell = _teller(channel, batch, ran_s, phase="block", block=blocks)
            block = run_block(runs.run_once, command["seconds"], between=runs.check, every=CHECK_EVERY, tell=tell)
            runs.check(block.latencies_ns.size)  # a slow model has fewer runs than CHECK_EVERY
            path = _saved(channel.work_dir / f"block_{blocks}.npy", block.latencies_ns)
            timing = {"start_ns": block.start_ns, "wall_ns": block.wall_ns, "runs": int(block.latencies_ns.size)}
            channel.event("block_done", block=blocks, path=path, **timing, **runs.counts())
            blocks, ran_s = blocks + 1, ran_s + block.wall_ns / 1e9
        else:
            raise ContractError(
                f"A cell knows no command {command['command']!r}; known: warm_up, block, finish, cancel"
            )
    return runs.counts()


def _teller(channel: Channel, batch: int, before_s: float = 0.0, **where: Any) -> Tell:
    """Return what tells the host a rate, in samples; `before_s` of running came before."""

    def tell(rate: Rate) -> None:
        start_s, per_s = before_s + rate.start_s, rate.per_s * batch
        channel.event("rate", start_s=start_s, seconds=rate.seconds, per_s=per_s, **where)

    return tell


class TimedRuns:
    """The runs of the timed part: the first batches in turn, held in memory, with a check of the last answer.

    Handing a recurrent model's state on is part of a run: whoever uses the model has to do it too.

    Attributes:
        checked, differing: answers compared with the accuracy pass, bit by bit, and how many were not equal.
    """

    def __init__(self, session: Session, batches: list[Batch], files: OutputFiles, carry: Carry) -> None:
        self.checked = self.differing = 0
        self._session, self._batches, self._files, self._carry = session, batches, files, carry
        self._next = 0
        self._last: dict[str, npt.NDArray[Any]] = {}

    def run_once(self) -> None:
        """Run one batch; this is what is timed."""
        batch = self._batches[self._next]
        self._last = self._session.run(self._carry.feeds(batch.start, batch.feeds))
        self._carry.keep(self._last)
        self._next = (self._next + 1) % len(self._batches)

    def check(self, runs: int) -> None:
        """Compare the last run's answers with those stored in the accuracy pass."""
        batch = self._batches[self._next - 1]
        equal = self._files.equals(self._last, batch.index, batch.start, batch.size)
        self.checked += batch.size
        self.differing += 0 if equal else batch.size

    def counts(self) -> dict[str, int]:
        """Return the counts as JSON."""
        return {"answers_checked": self.checked, "answers_differing": self.differing}


def _timed_batches(samples: Samples, batch: int) -> list[Batch]:
    """Return the first batches that fit into memory, at least one."""
    kept: list[Batch] = []
    size = 0
    stream = batches_of(samples, batch)
    for part in islice(stream, TIMED_BATCHES):
        size += sum(array.nbytes for array in part.feeds.values())
        if kept and size > TIMED_BYTES:
            break
        kept.append(part)
    stream.close()
    return kept


def _samples(arguments: Mapping[str, Any], inputs: tuple[TensorSpec, ...]) -> Samples:
    index = arguments["index"]
    document = json.loads(Path(index).read_text(encoding="utf-8")) if isinstance(index, str) else index
    samples = open_samples(
        data_spec_from_json(arguments["data"]),
        sample_index_from_json(document),
        preprocess_from_json(arguments["preprocess"]),
        inputs,
        Path(arguments["pixels"]) if arguments.get("pixels") else None,
        arguments.get("state"),
    )
    if samples.n == 0:
        raise DataError("There are no samples to run", how="Mend [data.evaluation] in the study.")
    return samples


def _options(arguments: Mapping[str, Any], work_dir: Path) -> OpenOptions:
    return OpenOptions(
        precision=arguments["precision"],
        threads=arguments["threads"],
        batch=arguments["batch"],
        work_dir=work_dir,
        settings=arguments["settings"],
    )


def _saved(path: Path, latencies_ns: npt.NDArray[np.int64]) -> str:
    np.save(path, latencies_ns)
    return str(path)
