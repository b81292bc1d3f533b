"""The Core ML package of a plan, executed by the reference evaluator; runs everywhere and is no Core ML result."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.coreml.legality import judge_graph
from workbench_plugins.coreml.options import ARTIFACT_CHOICES, options_of
from workbench_plugins.coreml.runtime import PRECISIONS, library_missing, prepare_package, read_package_back
from workbench_plugins.coreml_evaluator.session import EvaluatorSession

from workbench.spi import (
    Availability,
    Context,
    Deviation,
    GraphSummary,
    OpenOptions,
    Prepared,
    QuantPlan,
    RealisedParameters,
    Scheme,
    Session,
)

PLUGIN_ID = "coreml_evaluator"


class EvaluatorRuntime:
    """See `workbench.spi.Runtime`."""

    def probe(self) -> Availability:
        """Look at the installed packages only: they make the package, numpy executes it."""
        missing = library_missing()
        if missing is not None:
            return missing
        versions = {name: importlib.metadata.version(name) for name in ("coremltools", "numpy")}
        return Availability(True, "", "", versions, (f"CPU: {platform.machine()}",), PRECISIONS)

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Judge graph and scheme as for Core ML."""
        return judge_graph(graph, scheme, options_of(PLUGIN_ID, settings, ARTIFACT_CHOICES))

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Make the same package that a Core ML row has. Raises ValueError and ModelError as that one does."""
        return prepare_package(PLUGIN_ID, ARTIFACT_CHOICES, model, plan, context)

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the package. Raises ModelError."""
        return read_package_back(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        options_of(PLUGIN_ID, options.settings, ARTIFACT_CHOICES)
        return EvaluatorSession(prepared)


RUNTIME = EvaluatorRuntime()
