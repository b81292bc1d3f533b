"""Fixtures of the contract tests: every usable runtime plugin, prepared on one small model."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import depthwise_net, random_feeds
from helpers.workers import PLUGINS, Files, write_files

from workbench.execution.context import WorkerContext
from workbench.execution.discovery import Manifest, discover, load_runtime
from workbench.execution.worker import Channel
from workbench.quant.plan import QuantPlan, load_plan
from workbench.spi import OpenOptions, Prepared, Runtime

GOOD = ("echo", "ort_cuda_standin", "ort_tensorrt_standin", "tensorrt_standin")
"""Test plugins that are meant to work; the stand-ins are the GPU plugins' own code on ONNX Runtime's CPU provider."""


def good_plugins() -> list[Manifest]:
    """Return all runtime plugins that are meant to work: those of the program, third parties', and GOOD."""
    found = [manifest for manifest, _, error in discover([PLUGINS]) if manifest and not error]
    return [each for each in found if each.kind == "runtime" and (each.folder.parent != PLUGINS or each.id in GOOD)]


class Subject:
    """One plugin and what it makes of the small model; artifacts are made once."""

    def __init__(self, manifest: Manifest, files: Files, folder: Path) -> None:
        self.manifest, self.files, self.folder = manifest, files, folder
        self.runtime: Runtime = load_runtime(manifest.ref)
        self.canonical = onnx.load(files.canonical)
        self.feeds: Mapping[str, Any] = random_feeds(self.canonical, 1, seed=7)
        self.plan = load_plan(files.plan)
        self._prepared: dict[str, Prepared] = {}

    def context(self, precision: str, work_dir: Path, settings: Mapping[str, Any] | None = None) -> WorkerContext:
        """A context as a worker would make it."""
        work_dir.mkdir(parents=True)
        channel = Channel(io.StringIO(), work_dir)
        plan = self.plan_for(precision)
        return WorkerContext(work_dir, precision, "x64", settings or {}, plan, self.files.canonical, channel)

    def plan_for(self, precision: str) -> QuantPlan | None:
        """The plan for int8, None for float."""
        return self.plan if precision == "int8" else None

    def prepare(self, precision: str, work_dir: Path) -> Prepared:
        """Make an artifact in a folder of its own."""
        return self.runtime.prepare(self.files.model, self.plan_for(precision), self.context(precision, work_dir))

    def prepared(self, precision: str) -> Prepared:
        """The artifact of one precision, made once."""
        if precision not in self._prepared:
            self._prepared[precision] = self.prepare(precision, self.folder / "artifacts" / precision)
        return self._prepared[precision]

    def options(self, precision: str, settings: Mapping[str, Any] | None = None) -> OpenOptions:
        """Options for one thread, one sample."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return OpenOptions(precision, threads=1, batch=1, work_dir=scratch, settings=settings or {})

    def open(self, precision: str) -> Any:
        """A session, not entered yet."""
        return self.runtime.open(self.prepared(precision), self.options(precision))


@pytest.fixture(scope="session")
def contract_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A small network with depthwise convolutions and a residual Add, its plan and samples."""
    return write_files(tmp_path_factory.mktemp("contract_model"), depthwise_net())


@pytest.fixture(scope="session", params=good_plugins(), ids=lambda manifest: manifest.id)
def subject(request: pytest.FixtureRequest, contract_files: Files, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Each plugin in turn; skipped with its own reason where its runtime is not usable."""
    manifest: Manifest = request.param
    found = Subject(manifest, contract_files, tmp_path_factory.mktemp(manifest.id))
    availability = found.runtime.probe()
    if not availability.ok:
        pytest.skip(availability.reason)
    return found


@pytest.fixture(params=["fp32", "int8"])
def precision(request: pytest.FixtureRequest) -> str:
    """Both precisions every runtime has."""
    return str(request.param)


def nmse(reference: Any, found: Any) -> float:
    """Return sum (f - q)^2 / sum f^2."""
    return float(np.sum((reference - found) ** 2) / np.sum(reference**2))
