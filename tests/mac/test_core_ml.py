"""Core ML itself against the reference evaluator, on a Mac: `python3 packaging/dev.py test tests/mac`.

Nothing of this has run so far: no Mac was at hand when it was written.
"""

from __future__ import annotations

import platform
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.contexts import lowered
from helpers.onnx_models import random_feeds, resnet_like
from helpers.rule_nets import planned
from workbench_plugins.coreml.mac import MacModel
from workbench_plugins.coreml.options import COMPUTE_UNITS
from workbench_plugins.coreml.runtime import CoreMlRuntime
from workbench_plugins.coreml.self_test import first_departure
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.spi import OpenOptions

pytestmark = pytest.mark.skipif(platform.system() != "Darwin", reason="Core ML runs on macOS only")
TOLERANCE = {"float32": 0.05, "float16": 0.2}
"""Largest error on the logits as a share of their largest value: a few roundings to other codes."""


@pytest.fixture(scope="module", params=["float32", "float16"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small residual network's package: (compute, prepared, canonical graph, feeds, the evaluator's answers)."""
    canonical, plan = planned(resnet_like())
    folder = tmp_path_factory.mktemp(request.param)
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, folder, {"compute": request.param})
    feeds = random_feeds(canonical, 2, seed=3)
    settings = {"compute": request.param}
    with EvaluatorRuntime().open(prepared, OpenOptions("int8", 1, 1, folder, settings)) as session:
        expected = session.run(feeds)
    return request.param, prepared, canonical, feeds, expected


@pytest.mark.parametrize("units", COMPUTE_UNITS)
def test_every_choice_of_processors_answers_as_the_evaluator(made: Any, units: str, tmp_path: Path) -> None:
    compute, prepared, canonical, feeds, expected = made
    settings = {"compute": compute, "compute_units": units}
    with CoreMlRuntime().open(prepared, OpenOptions("int8", 1, 1, tmp_path, settings)) as session:
        found, rows, facts = session.run(feeds), session.placement(), session.facts()
    for name, value in expected.items():
        error = np.max(np.abs(found[name] - value)) / np.max(np.abs(value))
        assert error <= TOLERANCE[compute], f"{units}: {error:.3f}"
    names = {row.node for row in rows if row.node}
    assert names == {node.name for node in canonical.graph.node}
    assert all("preference before the run" in row.reason for row in rows if row.op_type != "removed")
    if units == "cpu_only":
        assert {row.device for row in rows} <= {"CPU", "unknown"}
    assert facts["compiled"] == "while preparing"


def test_no_operation_departs_on_the_cpu(made: Any) -> None:
    compute, prepared, _, feeds, _ = made
    with closing(MacModel(prepared.artifact, "cpu_only")) as model:
        departed = first_departure(prepared.artifact, model, {"input": feeds["input"][:1]}, compute)
    assert departed is None, str(departed)


def test_the_probe_says_that_it_runs() -> None:
    found = CoreMlRuntime().probe()
    assert found.ok, found.reason
    assert found.devices[0].startswith("macOS")
