"""Core ML: the plan as an mlprogram package. Made and verified on every system, run on macOS alone."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench_plugins.coreml.legality import judge_graph
from workbench_plugins.coreml.mac import compile_package, compiled_place, devices
from workbench_plugins.coreml.options import CHOICES, options_of
from workbench_plugins.coreml.session import CoreMlSession

from workbench.spi import (
    Availability,
    Context,
    Deviation,
    Dialect,
    GraphSummary,
    OpenOptions,
    Prepared,
    QuantPlan,
    RealisedParameters,
    Scheme,
    Session,
)

if TYPE_CHECKING:
    from workbench_plugins.coreml.lowering import Job
    from workbench_plugins.coreml.sidecar import Sidecar

PLUGIN_ID = "coreml"
REQUIREMENT = "coremltools==9.0"
DIALECT = Dialect(activation="int8", activation_function="fused", bias="float32", opset=13)
"""Conv -> Relu -> quantize, codes and zero points as planned, biases float on their grid."""
PRECISIONS = ("fp32", "fp16", "int8")
NEWEST_PYTHON = (3, 13)
"""The newest that coremltools 9.0 has a build for."""
OLDEST_MACOS = 14
NEEDS_MACOS = "Core ML runs on macOS only; the package is built and verified here"
BUNDLE = "int8-workbench bundle STUDY --runtime coreml -o job.zip, then run-bundle job.zip on a Mac"


class CoreMlRuntime:
    """See `workbench.spi.Runtime`."""

    def probe(self) -> Availability:
        """Look at Python, the installed packages and the system; nothing is imported."""
        missing = library_missing()
        if missing is not None:
            return missing
        versions = {"coremltools": importlib.metadata.version("coremltools")}
        if platform.system() != "Darwin":
            return Availability(False, NEEDS_MACOS, BUNDLE, versions, precisions=PRECISIONS)
        if int(platform.mac_ver()[0].split(".")[0] or 0) < OLDEST_MACOS:
            reason = f"needs macOS {OLDEST_MACOS} or newer, this is {platform.mac_ver()[0]}"
            return Availability(False, reason, "Update macOS.", versions, precisions=PRECISIONS)
        return Availability(True, "", "", versions, devices(), PRECISIONS)

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Judge graph, scheme and options; see legality."""
        return judge_graph(graph, scheme, options_of(PLUGIN_ID, settings, CHOICES))

    def prepare(self, model: Path, plan: QuantPlan | None, context: Context) -> Prepared:
        """Convert the float model, or the plan as Q/DQ, and save the package; compile it where Core ML is.

        Raises:
            ValueError: unknown options, or int8 without a plan.
            ModelError: nodes that Core ML has no equivalent for.
        """
        prepared = prepare_package(PLUGIN_ID, CHOICES, model, plan, context)
        if self.probe().ok:  # loading is then loading alone, as the core's clocks tell them apart
            context.progress(0, 1, "compiling the package")
            compile_package(prepared.artifact, compiled_place(prepared.artifact))
        return prepared

    def read_back(self, artifact: Path) -> RealisedParameters:
        """Read the parameters from the package. Raises ModelError."""
        return read_package_back(artifact)

    def open(self, prepared: Prepared, options: OpenOptions) -> Session:
        """Return a session; nothing is loaded before it is entered. Raises ValueError on unknown options."""
        return CoreMlSession(prepared, options_of(PLUGIN_ID, options.settings, CHOICES))


def library_missing() -> Availability | None:
    """Return why no package can be made here, None where it can."""
    try:
        importlib.metadata.version("coremltools")
    except importlib.metadata.PackageNotFoundError:
        return _absent()
    return None


def has_build(system: str, machine: str) -> bool:
    """Whether coremltools 9.0 has a build for a system and processor, named as `platform` does."""
    return system == "Darwin" or (system, machine) == ("Linux", "x86_64")


def _absent() -> Availability:
    newest, no_build = ".".join(map(str, NEWEST_PYTHON)), f"{REQUIREMENT.replace('==', ' ')} has no build for"
    if not has_build(platform.system(), platform.machine()):
        reason = f"{no_build} {platform.system()} {platform.machine()}"
        return Availability(False, reason, "Make the packages on macOS or on Linux x86_64.", precisions=())
    if sys.version_info[:2] > NEWEST_PYTHON:
        reason = f"{no_build} Python {'.'.join(map(str, sys.version_info[:2]))}"
        remedy = f'Give the row an interpreter of Python {newest} or older: python = "/path/to/python{newest}"'
        return Availability(ok=False, reason=reason, remedy=remedy, precisions=())
    remedy = f'pip install "{REQUIREMENT}"'
    return Availability(ok=False, reason="coremltools is not installed", remedy=remedy, precisions=())


def prepare_package(
    plugin_id: str, choices: Mapping[str, tuple[str, ...]], model: Path, plan: QuantPlan | None, context: Context
) -> Prepared:
    """Write the package of a model or a plan into the context's folder; see `CoreMlRuntime.prepare`."""
    from workbench_plugins.coreml.halves import rounded_biases, told  # noqa: PLC0415  (loads onnx)
    from workbench_plugins.coreml.lowering import Job, lower, notes_of  # noqa: PLC0415  (loads onnx)

    options = options_of(plugin_id, context.settings, choices)
    context.check_cancelled()
    is_int8 = context.precision == "int8"
    if is_int8 and plan is None:
        raise ValueError(f"{plugin_id} prepares int8 with a plan only")
    source = context.qdq_model(DIALECT) if is_int8 else context.copy_model(model)
    job = Job(
        graph=context.graph,
        plan=plan if is_int8 else None,
        target=options.deployment_target,
        compute=options.compute_of(context.precision),
        batch=context.batch,
    )
    context.progress(0, 1, "converting to a Core ML program")
    package, sidecar = lower(source, context.work_dir, job)
    _drop_sources(context.work_dir, package)
    notes = {**notes_of(sidecar, job), **_region(package, sidecar, job)}
    if job.plan is None or job.compute == "float32":
        return Prepared(package, notes=notes)
    declared = rounded_biases(job.plan.biases)
    notes["biases_in_float16"] = told(job.plan.biases, declared)
    return Prepared(package, notes=notes, declared_biases=declared)


def _region(package: Path, sidecar: Sidecar, job: Job) -> dict[str, str]:
    """Return how much of a plan's package is products of codes, read back from it."""
    from workbench_plugins.coreml.package.read import read_package  # noqa: PLC0415  (as above)
    from workbench_plugins.coreml.regions import int8_share  # noqa: PLC0415  (as above)

    if job.plan is None or not job.plan.scheme.quantizes_activations:
        return {}
    share = int8_share(read_package(package), sidecar, job.graph)
    return {} if share is None else {"int8_region": f"{100 * share:.1f} % of the multiply-accumulates"}


def read_package_back(artifact: Path) -> RealisedParameters:
    """Read every parameter of a package. Raises ModelError."""
    from workbench_plugins.coreml.read_back import read_parameters  # noqa: PLC0415  (only a worker needs it)

    return read_parameters(artifact)


def _drop_sources(folder: Path, package: Path) -> None:
    """Remove the ONNX file and its external data: the package has all of it."""
    for path in folder.iterdir():
        if path.is_file() and not path.name.startswith(package.name):
            path.unlink()


RUNTIME = CoreMlRuntime()
