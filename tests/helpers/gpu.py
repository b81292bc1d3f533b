"""What the GPU tests share: is a provider there, one network with CPU answers, and a session's answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import onnx
from helpers.contexts import PlainContext
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from workbench_plugins.ort_cuda.runtime import REQUIREMENT
from workbench_plugins.ort_nvidia.probing import Provider, availability

from workbench.model.canonical import canonical_graph
from workbench.model.load import save_proto
from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.spi import OpenOptions, Prepared

N = 256


def why_absent(provider: Provider) -> str:
    """Return reason and remedy of a provider that cannot be used, or ""."""
    found = availability(provider, REQUIREMENT)
    return "" if found.ok else f"{found.reason}. {found.remedy}"


@dataclass(frozen=True, eq=False)
class Net:
    """A residual network with its plan, N samples, and what the CPU answers in float and in the simulation."""

    canonical: onnx.ModelProto
    plan: QuantPlan
    feeds: Mapping[str, Any]
    plain: Mapping[str, Any]
    simulated: Mapping[str, Any]
    source: Path

    @property
    def compute_nodes(self) -> set[str]:
        """Names of the Conv and Gemm nodes."""
        return {node.name for node in self.canonical.graph.node if node.op_type in ("Conv", "Gemm")}

    def prepare(self, runtime: Any, precision: str, folder: Path) -> Prepared:
        """Let a plugin write its artifact for a batch of N."""
        folder.mkdir(parents=True, exist_ok=True)
        plan = self.plan if precision == "int8" else None
        context = PlainContext(folder, precision, self.canonical, plan, batch=N)
        done: Prepared = runtime.prepare(self.source, plan, context)
        return done


def make_net(folder: Path) -> Net:
    """Write the network and let the CPU answer."""
    canonical = canonical_graph(resnet_like(blocks=3))[0]
    save_proto(canonical, folder / "model.onnx")
    plan = make_plan(canonical, random_feeds(canonical, 16))
    feeds = random_feeds(canonical, N, seed=5)
    simulated = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)
    return Net(canonical, plan, feeds, run_graph(canonical, feeds), simulated, folder / "model.onnx")


def probed(runtime: str) -> Any:
    """Return what the command `probe` finds of a runtime. Raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "workbench", "probe", runtime, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def rate(run: Callable[[], Any], seconds: float = 0.5) -> float:
    """Return runs per second of one block, after some that do not count."""
    for _ in range(5):
        run()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run()
        count += 1
    return count / (time.perf_counter() - start)


def ratio_to_bare_loop(run: Callable[[], Any], bare: Callable[[], Any]) -> float:
    """Return the median ratio of a plugin's rate to a bare loop's, over blocks that take turns."""
    return median(rate(run) / rate(bare) for _ in range(5))


@dataclass
class Answers:
    """One session's logits, placement by node, and facts."""

    logits: Any
    placement: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def answers(runtime: Any, done: Prepared, net: Net, precision: str, folder: Path, **settings: Any) -> Answers:
    """Open, run all samples as one batch, and read placement and facts."""
    folder.mkdir(parents=True, exist_ok=True)
    with runtime.open(done, OpenOptions(precision, 1, N, folder, settings)) as session:
        logits = session.run(dict(net.feeds))["logits"]
        return Answers(logits, {row.node: row for row in session.placement() if row.node}, session.facts())
