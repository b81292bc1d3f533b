"""The labels of a study are told in its result, and looked for where results are compared."""

from __future__ import annotations

import json
from typing import Any

from workbench.execution.labels import LABELS_FACT, labels_sha256
from workbench.files import canonical_json, sha256_of_bytes


def test_the_result_tells_the_labels_that_judged_it(finished: Any) -> None:
    import numpy as np

    with np.load(finished.path.parent / "evaluation.npz") as arrays:
        labels = arrays["labels"].tolist()
    index = json.loads((finished.folder / "data" / "evaluation" / "index.json").read_text(encoding="utf-8"))
    assert len(set(labels)) > 1
    assert sorted(index["labels"]) == sorted(labels)
    assert labels_sha256(finished.result) == sha256_of_bytes(canonical_json(index["labels"]))


def test_an_older_or_unlabelled_result_tells_none(finished: Any) -> None:
    runs = [run.model_copy(update={"facts": {}}) for run in finished.result.runs]
    assert labels_sha256(finished.result.model_copy(update={"runs": runs})) == ""
    assert LABELS_FACT not in {key for run in finished.result.runs[:-1] for key in run.facts}
