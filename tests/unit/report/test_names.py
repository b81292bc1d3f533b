"""How runs and models are called."""

from __future__ import annotations

import pytest
from helpers import results

from workbench.report import names

RESULT = results.ordinary()
RUN = RESULT.runs[2]


def test_title_carries_the_version_once() -> None:
    assert names.run_title(RUN) == "ONNX Runtime 1.31.1"
    assert names.run_title(RUN.model_copy(update={"label": "ort 1.31.1"})) == "ort 1.31.1"
    assert names.run_title(RUN.model_copy(update={"versions": {}})) == "ONNX Runtime"


@pytest.mark.parametrize("word", ["recorded", "reference evaluator", "emulated"])
def test_plugin_can_say_that_figures_are_not_measured(word: str) -> None:
    assert names.word_of(RUN.model_copy(update={"facts": {"evidence": word}})) == word


def test_measured_run_has_no_word() -> None:
    assert names.word_of(RUN) == ""
    assert [names.word_of(run) for run in RESULT.runs[:2]] == ["reference", "simulated"]


def test_graph_names_cover_deviations_and_float_nodes() -> None:
    assert {"/features/4/add/Add", "/head/softmax/Softmax"} <= names.graph_names(RESULT)


def test_row_name_is_shortened_in_the_middle() -> None:
    name = names.row_name("a" * 80, "student", several=True)
    assert len(name) <= names.LONG_NAME
    assert name.endswith("student")


def test_sample_word() -> None:
    assert names.sample_word(RESULT) == "images"
    assert names.sample_word(results.all_null()) == "samples"
