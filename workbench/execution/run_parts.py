"""A study while it runs: what has been prepared and found so far, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.execution import result as records
from workbench.execution.assemble import CellState
from workbench.execution.baseline import Baseline
from workbench.execution.cells import cells_of
from workbench.execution.evaluate import Judge, Outputs
from workbench.execution.native import Native
from workbench.execution.preparation import PreparedData, PreparedModel
from workbench.execution.stages import Stages
from workbench.execution.study import PROFILE_SECONDS, Study
from workbench.model.graph import GraphSummary
from workbench.quant.plan import QuantPlan


@dataclass(frozen=True)
class RunOptions:
    """How a study is run.

    Attributes:
        profile: overrides the study's [measure] profile.
        plan: a ready plan for the (only) quantized candidate. allow_code: models that are code may be run.
        baseline: an earlier study to compare with.
    """

    profile: str | None = None
    plan: Path | None = None
    allow_code: bool = False
    baseline: Baseline | None = None


@dataclass
class ModelParts:
    """Per model source: graphs, reference outputs, judge."""

    prepared: PreparedModel
    graph: GraphSummary
    reference_record: Mapping[str, Any]
    judge: Judge


@dataclass
class PlanParts:
    """Per quantized candidate: plan, path, record, simulated outputs."""

    plan: QuantPlan
    path: Path
    record: Mapping[str, Any]
    simulated_record: Mapping[str, Any]
    simulated: Outputs


@dataclass
class StudyRun:
    """The study while it runs.

    Attributes:
        models: by source; plans, natives: by candidate; states: one per cell.
    """

    study: Study
    options: RunOptions
    stages: Stages
    machine: records.Machine
    evaluation: PreparedData
    calibration: PreparedData | None
    models: dict[str, ModelParts] = field(default_factory=dict)
    plans: dict[str, PlanParts] = field(default_factory=dict)
    natives: dict[str, Native] = field(default_factory=dict)
    states: list[CellState] = field(default_factory=list)

    @property
    def profile(self) -> str:
        """The measuring profile: that of the options, else the study's."""
        return self.options.profile or self.study.file.measure.profile

    @property
    def seconds(self) -> float:
        """Timed seconds per cell, within the study's budget."""
        seconds = PROFILE_SECONDS[self.profile]
        budget = self.study.file.measure.budget_s
        cells = max(1, len(cells_of(self.study)))
        return seconds if budget is None else min(seconds, budget / cells)
