"""Every plugin that has a stand-alone file: through the bare runner it gives the answers of the plugin's session."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.elsewhere import RUNNER, members, opens, run_bare
from helpers.onnx_models import random_feeds

from workbench.execution.elsewhere.archive import file_facts
from workbench.execution.elsewhere.names import ELSEWHERE_NAME, JOB_NAME
from workbench.execution.elsewhere.records import Job, Returned, parsed
from workbench.execution.elsewhere.standalone import standalone_file

N = 3
PRECISIONS = ("fp32", "int8")
STAND_INS = {
    "ort_cuda_standin": ("ort_cuda", "CUDAExecutionProvider"),
    "ort_tensorrt_standin": ("ort_tensorrt", "TensorrtExecutionProvider"),
}
"""Plugins that are a GPU's own code on ONNX Runtime's CPU provider: what is left to a GPU is the device."""
SHA = "0" * 64


def job_of(subject: Any, place: Path, opened_by: bytes) -> dict[str, Any]:
    """Write a job's folder with both artifacts and N samples by hand, and return the samples."""
    feeds = random_feeds(subject.canonical, N, seed=11)
    (place / "inputs").mkdir(parents=True)
    for number, values in enumerate(feeds.values()):
        np.save(place / f"inputs/{number}.npy", values)
    for number, precision in enumerate(PRECISIONS):
        work = place / "artifacts" / str(number)
        work.parent.mkdir(exist_ok=True)
        subject.prepare(precision, work)
    (place / ELSEWHERE_NAME).write_bytes(opened_by)
    (place / RUNNER.name).write_bytes(RUNNER.read_bytes())
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    job = {
        "schema_version": 2, "program_version": "0", "study_name": "contract", "runtime": subject.manifest.id,
        "elsewhere": ELSEWHERE_NAME, "versions": {}, "model_sha256": SHA, "data_sha256": SHA, "samples_sha256": SHA,
        "n": N, "inputs": [
            {"name": name, "path": f"inputs/{number}.npy", "dtype": str(values.dtype), "shape": list(values.shape)}
            for number, (name, values) in enumerate(feeds.items())
        ],
        "outputs": [{**spec, "shape": list(spec["shape"])} for spec in subject.files.outputs],
        "measure": {"profile": "none", "seconds": 0.0, "rounds": 0},
        "cells": [cell_of(subject, place, number) for number in range(len(PRECISIONS))],
        "files": {name: facts.model_dump() for name, facts in file_facts(place, names).items()},
    }  # fmt: skip
    text = Job.model_validate(job).model_dump_json()
    (place / JOB_NAME).write_text(text)
    return feeds


def cell_of(subject: Any, place: Path, number: int) -> dict[str, Any]:
    artifact = f"artifacts/{number}/{subject.prepared(PRECISIONS[number]).artifact.name}"
    assert (place / artifact).exists()
    return {
        "number": number, "label": "L", "candidate": "C", "precision": PRECISIONS[number], "plan_sha256": None,
        "artifact": artifact, "artifact_sha256": SHA, "artifact_bytes": 0, "build_s": 0.0, "threads": 1, "batch": 1,
        "settings": {}, "notes": {}, "deviations": [], "parity": None,
        "linear_nodes": [node.name for node in subject.canonical.graph.node if node.op_type in ("Gemm", "MatMul")],
    }  # fmt: skip


def compare(subject: Any, job: Path, feeds: dict[str, Any]) -> Returned:
    """Run a job with the bare runner; every answer is bit by bit that of the plugin's session, sample by sample."""
    done = run_bare([RUNNER.name, "-o", "result.zip"], job)
    assert done.returncode == 0, done.stdout + done.stderr
    content = members(job / "result.zip")
    returned = parsed(content["returned.json"], Returned)
    samples = [{name: np.ascontiguousarray(x[k : k + 1]) for name, x in feeds.items()} for k in range(N)]
    for number, precision in enumerate(PRECISIONS):
        with subject.open(precision) as session:
            rows = [session.run(sample) for sample in samples]
        for item in returned.cells[number].outputs:
            found = np.load(io.BytesIO(content[f"cells/{number}/{item.path}"]))
            expected = np.concatenate([row[item.name] for row in rows])
            assert found.dtype == expected.dtype
            assert found.tobytes() == expected.tobytes(), f"{precision} {item.name}"
    return returned


def opened_by(subject: Any) -> bytes:
    """Return a plugin's stand-alone file; that of a GPU's stand-in is the GPU's own with another provider's name."""
    runtime, provider = STAND_INS.get(subject.manifest.id, ("", ""))
    if not runtime and not subject.manifest.elsewhere:
        pytest.skip("its plugin has no stand-alone file")
    if not runtime:
        return standalone_file(subject.manifest)
    text = opens(runtime).read_text(encoding="utf-8")
    assert text.count(provider) == 1
    return text.replace(provider, "CPUExecutionProvider").encode()


def test_the_bare_runner_gives_the_answers_of_the_plugins_session(subject: Any, tmp_path: Path) -> None:
    feeds = job_of(subject, tmp_path / "job", opened_by(subject))
    returned = compare(subject, tmp_path / "job", feeds)
    assert set(returned.versions) > {"numpy"}


def test_one_changed_byte_of_the_file_is_named_and_it_is_not_run(subject: Any, tmp_path: Path) -> None:
    job_of(subject, tmp_path / "job", opened_by(subject))
    with (tmp_path / "job" / ELSEWHERE_NAME).open("a") as stream:
        stream.write("\nprint('it ran')\n")
    done = run_bare([RUNNER.name], tmp_path / "job")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"runner: {ELSEWHERE_NAME} is not what was bundled")
    assert json.loads((tmp_path / "job" / JOB_NAME).read_text())["elsewhere"] == ELSEWHERE_NAME
