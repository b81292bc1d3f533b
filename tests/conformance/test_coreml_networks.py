"""Networks of the kinds that matter, through a saved Core ML package and the reference evaluator, against ONNX Runtime.

The package is made as a row of a study makes it, with every pass that stays in the pipeline.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.contexts import PlainContext
from helpers.coreml import normal, reference
from helpers.coreml_nets import NETS
from helpers.coreml_passage import passage, subject_of
from helpers.topologies import sqnr_db
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.spi import OpenOptions

LEAST_DB = 80.0


def feeds_of(model: onnx.ModelProto, seed: int = 7) -> dict[str, np.ndarray]:
    """Float inputs are noise, ids small numbers, positions the last ones."""
    found: dict[str, np.ndarray] = {}
    for value in model.graph.input:
        shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        if value.name == "positions":
            found[value.name] = np.arange(6, 6 + shape[1], dtype=np.int64)[None]
        elif value.name == "ids":
            found[value.name] = np.random.default_rng(seed).integers(0, 30, shape)
        else:
            found[value.name] = normal(*shape, seed=seed)
    return found


def evaluated(model: onnx.ModelProto, feeds: dict[str, np.ndarray], target: str, folder: Path) -> dict[str, np.ndarray]:
    onnx.save(model, str(folder / "given.onnx"))
    place = folder / "work"
    place.mkdir()
    settings = {"deployment_target": target}
    context = PlainContext(place, "fp32", model, settings=settings)
    prepared = EvaluatorRuntime().prepare(folder / "given.onnx", None, context)
    with EvaluatorRuntime().open(prepared, OpenOptions("fp32", 1, 1, place, settings)) as session:
        return session.run(feeds)


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
@pytest.mark.parametrize("name", NETS)
def test_a_network_answers_as_onnx_runtime(name: str, target: str, tmp_path: Path) -> None:
    model = NETS[name]()
    feeds = feeds_of(model)
    expected = reference(model, feeds, by="onnxruntime")
    found = evaluated(model, feeds, target, tmp_path)
    assert list(found) == [value.name for value in model.graph.output]
    for value, (output, have) in zip(expected, found.items(), strict=True):
        assert have.shape == value.shape
        assert have.dtype == value.dtype
        assert np.std(value) > 1e-3, f"{output} says nothing"
        assert sqnr_db(value, have) > LEAST_DB, output


@pytest.mark.parametrize(("scheme", "target"), [("S1", "iOS17"), ("S2", "iOS18")])
@pytest.mark.parametrize("name", NETS)
def test_under_a_scheme_it_keeps_the_plan_and_the_simulations_codes(
    name: str, scheme: str, target: str, tmp_path: Path
) -> None:
    model = NETS[name]()
    made = passage(subject_of(model, scheme, feeds_of(model)), target, tmp_path)
    assert made.mismatches == ()
    assert made.codes > 200
    assert made.equal_share >= 0.999
    assert made.largest_step <= 1


def test_a_decoders_cache_goes_round(tmp_path: Path) -> None:
    """What one step gives out is what the next one takes in."""
    first, longer = NETS["decoder"](past=6), NETS["decoder"](past=8)
    feeds = feeds_of(first)
    (tmp_path / "first").mkdir()
    (tmp_path / "next").mkdir()
    found = evaluated(first, feeds, "iOS17", tmp_path / "first")
    following = {
        "ids": feeds["ids"],
        "positions": feeds["positions"] + 2,
        "past_key": found["present_key"],
        "past_value": found["present_value"],
    }
    again = evaluated(longer, following, "iOS17", tmp_path / "next")
    for value, have in zip(reference(longer, following, by="onnxruntime"), again.values(), strict=True):
        assert sqnr_db(value, have) > LEAST_DB
