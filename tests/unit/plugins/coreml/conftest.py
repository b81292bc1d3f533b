"""One small network with residual Adds and its plan, lowered once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers.contexts import lowered
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import run_graph
from helpers.rule_nets import planned
from workbench_plugins.coreml.runtime import CoreMlRuntime

from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.spi import Prepared


@dataclass(frozen=True)
class Made:
    """A plan, its package and the simulation's answers to three samples."""

    canonical: onnx.ModelProto
    plan: QuantPlan
    prepared: Prepared
    feeds: Any
    simulated: Any


@pytest.fixture(scope="session")
def residual(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Scheme S1, iOS17, float32."""
    canonical, plan = planned(resnet_like())
    folder: Path = tmp_path_factory.mktemp("residual")
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, folder)
    feeds = random_feeds(canonical, 3, seed=3)
    return Made(canonical, plan, prepared, feeds, run_graph(write_qdq(canonical, plan, SIMULATED), feeds))
