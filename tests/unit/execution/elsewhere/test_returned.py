"""What came back is believed only where every hash, form and clock holds, and the study is still the one it was for."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.elsewhere import Trip, flipped, members, relisted, rewritten, with_cells

from workbench.errors import FileFormatError, StudyError, UserError
from workbench.execution.elsewhere.returned import check_fits, open_returned, unpack_returned
from workbench.execution.elsewhere.stored import open_stored
from workbench.execution.load_result import load_result
from workbench.files import sha256_of_bytes

ANSWERS = "cells/0/outputs/0.npy"


def _array(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def test_what_the_runner_wrote_is_whole_and_fits(trip: Trip, tmp_path: Path) -> None:
    arrived = unpack_returned(trip.result, tmp_path / "in", trip.folder)
    check_fits(arrived, open_stored(trip.folder, load_result(trip.folder / "result.json")))
    again = open_returned(tmp_path / "in")
    assert (again.job, again.returned, again.job_sha256) == (arrived.job, arrived.returned, arrived.job_sha256)
    assert arrived.job_sha256 == trip.packed.job_sha256


@pytest.mark.parametrize("name", [ANSWERS, "cells/1/outputs/0.npy", "cells/1/block_0.npy", "cells/0/warm_up.npy"])
def test_one_changed_byte_is_named_in_one_line(trip: Trip, tmp_path: Path, name: str) -> None:
    path = rewritten(trip.result, tmp_path / "r.zip", lambda content: content.update({name: flipped(content[name])}))
    with pytest.raises(FileFormatError) as caught:
        unpack_returned(path, tmp_path / "in", trip.folder)
    expected = "Copy it again from the machine it comes from."
    assert str(caught.value) == f"r.zip was changed: {name} is not what its list says. {expected}"
    assert not (tmp_path / "in").exists()


def test_another_job_than_was_run_is_refused(trip: Trip, tmp_path: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        content["job.json"] = content["job.json"].replace(b'"threads":1', b'"threads":2')

    with pytest.raises(FileFormatError, match=r"job\.json is not the job that was run"):
        unpack_returned(rewritten(trip.result, tmp_path / "r.zip", change), tmp_path / "in", trip.folder)


def test_a_bundle_that_was_not_run_is_told_what_to_do(trip: Trip, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="has not been run"):
        unpack_returned(trip.bundle, tmp_path / "in", trip.folder)


def _forged(changes: Callable[[dict[str, bytes]], dict[str, Any]]) -> Callable[[dict[str, bytes]], None]:
    """Return a change whose hashes are made to fit: what is left is what the arrays themselves say."""

    def change(content: dict[str, bytes]) -> None:
        updates = changes(content)
        relisted(content, **updates)

    return change


def _of_other_length(content: dict[str, bytes]) -> dict[str, Any]:
    content[ANSWERS] = _array(np.load(io.BytesIO(content[ANSWERS]))[1:])
    return {}


def _no_array(content: dict[str, bytes]) -> dict[str, Any]:
    content[ANSWERS] = b"\x93NUMPY nothing of the kind"
    return {}


def _pickled(content: dict[str, bytes]) -> dict[str, Any]:
    content[ANSWERS] = _array(np.array([{"a": 1}], dtype=object))
    return {}


def _huge(content: dict[str, bytes]) -> dict[str, Any]:
    content[ANSWERS] = content[ANSWERS].replace(b"(24,", b"(99999999999,", 1)
    return {}


def _too_fast(content: dict[str, bytes]) -> dict[str, Any]:
    found = np.load(io.BytesIO(content["cells/0/block_0.npy"]))
    content["cells/0/block_0.npy"] = _array(found * 3)
    return {}


def _other_count(content: dict[str, bytes]) -> dict[str, Any]:
    content["cells/0/block_0.npy"] = _array(np.load(io.BytesIO(content["cells/0/block_0.npy"]))[1:])
    return {}


def _negative(content: dict[str, bytes]) -> dict[str, Any]:
    content["cells/0/warm_up.npy"] = _array(-np.load(io.BytesIO(content["cells/0/warm_up.npy"])))
    return {}


def _one_model_less(content: dict[str, bytes]) -> dict[str, Any]:
    return {"cells": with_cells(content)[1:]}


def _other_outputs(content: dict[str, bytes]) -> dict[str, Any]:
    cells = with_cells(content)
    cells[0]["outputs"][0]["name"] = "another"
    return {"cells": cells}


def _fewer_outputs(content: dict[str, bytes]) -> dict[str, Any]:
    return {"cells": with_cells(content, outputs=[])}


def _more_than_it_holds(content: dict[str, bytes]) -> dict[str, Any]:
    content[ANSWERS] += bytes(1 << 20)
    return {}


def _larger_form(content: dict[str, bytes]) -> dict[str, Any]:
    """A bomb: the form told is as large as the file, and the model's outputs are not."""
    content[ANSWERS] = _array(np.zeros((24, 1 << 20), np.float32))
    cells = with_cells(content)
    cells[0]["outputs"][0]["shape"] = [24, 1 << 20]
    return {"cells": cells}


def _foreign_file(content: dict[str, bytes]) -> dict[str, Any]:
    content["cells/0/outputs/7.npy"] = content[ANSWERS]
    return {}


def _no_such_dtype(content: dict[str, bytes]) -> dict[str, Any]:
    cells = with_cells(content)
    cells[0]["outputs"][0]["dtype"] = "float99"
    return {"cells": cells}


def _no_warm_up(content: dict[str, bytes]) -> dict[str, Any]:
    return {"cells": with_cells(content, warm_up=None)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_of_other_length, "not of the form told"),
        (_no_array, "is no array"),
        (_pickled, "is no array"),
        (_huge, "is no array"),
        (_too_fast, "add up to more than its time"),
        (_other_count, "does not hold"),
        (_negative, "does not hold"),
        (_one_model_less, "every model of its job"),
        (_other_outputs, "other outputs"),
        (_no_warm_up, "warm_up.npy is nothing that a model"),
        (_more_than_it_holds, "0.npy is larger than what it holds"),
        (_larger_form, "0.npy is larger than what it holds"),
        (_fewer_outputs, "0.npy is nothing that a model"),
        (_foreign_file, "7.npy is nothing that a model"),
        (_no_such_dtype, "there is no dtype 'float99'"),
    ],
)
def test_arrays_that_contradict_what_is_told_are_one_line(
    trip: Trip, tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, Any]], words: str
) -> None:
    path = rewritten(trip.result, tmp_path / "r.zip", _forged(change))
    with pytest.raises(UserError, match=words) as caught:
        unpack_returned(path, tmp_path / "in", trip.folder)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "in").exists()


def test_a_path_outside_in_the_list_of_outputs_is_refused(trip: Trip, tmp_path: Path) -> None:
    def change(content: dict[str, bytes]) -> dict[str, Any]:
        cells = with_cells(content)
        cells[0]["outputs"][0]["path"] = "../../../../etc/passwd"
        return {"cells": cells}

    with pytest.raises(FileFormatError, match="path"):
        unpack_returned(rewritten(trip.result, tmp_path / "r.zip", _forged(change)), tmp_path / "in", trip.folder)


def test_a_job_of_another_study_is_refused(trip: Trip, finished: Any, tmp_path: Path) -> None:
    arrived = unpack_returned(trip.result, tmp_path / "in", trip.folder)
    with pytest.raises(StudyError, match="was not bundled from this folder"):
        check_fits(arrived, open_stored(finished.folder, finished.result))


def test_nothing_is_unpacked_of_another_studys_job(trip: Trip, finished: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        unpack_returned(trip.result, tmp_path / "in", finished.folder)
    job = trip.packed.job_sha256[:12]
    assert str(caught.value) == (
        f"The result does not belong to {finished.folder.name}: job {job}, made of study, was not bundled from "
        "this folder. Give the folder it was bundled from."
    )
    assert not (tmp_path / "in").exists()


def test_files_of_a_model_that_failed_are_passed_over(trip: Trip, tmp_path: Path) -> None:
    """Runners of version 1 left what a model had written before it failed."""

    def change(content: dict[str, bytes]) -> dict[str, Any]:
        return {"cells": with_cells(content, status="failed", message="no", outputs=[], blocks=[], warm_up=None)}

    path = rewritten(trip.result, tmp_path / "r.zip", _forged(change))
    assert unpack_returned(path, tmp_path / "in", trip.folder).told(0).message == "no"


def test_a_result_of_version_1_is_taken(trip: Trip, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(trip.folder, folder)
    job = json.loads(members(trip.result)["job.json"])
    data = json.dumps({**{key: job[key] for key in job if key != "elsewhere"}, "schema_version": 1}).encode()
    (folder / "bundles/jobs" / f"{sha256_of_bytes(data)}.json").write_bytes(data)

    def change(content: dict[str, bytes]) -> None:
        content["job.json"] = data
        told = json.loads(content["returned.json"])
        del told["elsewhere_sha256"]
        content["returned.json"] = json.dumps(
            {**told, "schema_version": 1, "job_sha256": sha256_of_bytes(data)}
        ).encode()

    path = rewritten(trip.result, tmp_path / "r.zip", change)
    arrived = unpack_returned(path, tmp_path / "in", folder)
    check_fits(arrived, open_stored(folder, load_result(folder / "result.json")))
    assert (arrived.job.elsewhere, arrived.returned.elsewhere_sha256) == (None, None)


def _job_with(trip: Trip, place: Path, **updates: Any) -> Path:
    """A result whose job says something else, and a study folder that knows this job."""
    content = members(trip.result)
    job = json.loads(content["job.json"])
    for key, value in updates.items():
        job["cells"][1] = {**job["cells"][1], key: value} if key in job["cells"][1] else job["cells"][1]
        job = {**job, key: value} if key in job else job
    data = json.dumps(job).encode()
    sha256 = sha256_of_bytes(data)
    shutil.copytree(trip.folder, place / "study")
    (place / "study/bundles/jobs" / f"{sha256}.json").write_bytes(data)

    def change(content: dict[str, bytes]) -> None:
        content["job.json"] = data
        relisted(content, job_sha256=sha256)

    return rewritten(trip.result, place / "r.zip", change)


@pytest.mark.parametrize(
    ("updates", "words"),
    [
        ({"model_sha256": "0" * 64}, "The model of"),
        ({"samples_sha256": "0" * 64}, "The evaluation set"),
        ({"plan_sha256": "0" * 64}, "The plan of S1"),
        ({"candidate": "S7"}, "The list of candidates"),
    ],
)
def test_every_hash_that_differs_is_named(trip: Trip, tmp_path: Path, updates: dict[str, Any], words: str) -> None:
    arrived = unpack_returned(_job_with(trip, tmp_path, **updates), tmp_path / "in", tmp_path / "study")
    with pytest.raises(StudyError, match=f"{words}.* has changed since"):
        check_fits(arrived, open_stored(tmp_path / "study", load_result(tmp_path / "study" / "result.json")))
