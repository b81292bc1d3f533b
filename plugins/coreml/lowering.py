"""An ONNX file to a package and its sidecar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from workbench_plugins.coreml.frontend.convert import convert, unsupported
from workbench_plugins.coreml.frontend.records import Unsupported
from workbench_plugins.coreml.frontend.shapes import with_batch
from workbench_plugins.coreml.halves import round_biases
from workbench_plugins.coreml.legality import NEURAL_ENGINE_FLOAT16
from workbench_plugins.coreml.naming import input_features, node_rows, output_features, plan_names
from workbench_plugins.coreml.pipeline import REMOVED, load_library, write_package
from workbench_plugins.coreml.sidecar import Sidecar, save_sidecar

from workbench.errors import ModelError
from workbench.spi import GraphSummary, QuantPlan

PACKAGE = "model.mlpackage"
LEFT_OUT = f'left out: {NEURAL_ENGINE_FLOAT16}; the row option compute = "float16" lets it take part'
_NAMED = 5


@dataclass(frozen=True)
class Job:
    """What to make of a file.

    Attributes:
        graph: the canonical graph; plan: None for a float model.
        target: iOS17 | iOS18; compute: float32 | float16; batch: samples of one prediction.
    """

    graph: GraphSummary
    plan: QuantPlan | None
    target: str
    compute: str
    batch: int


def lower(source: Path, folder: Path, job: Job) -> tuple[Path, Sidecar]:
    """Write `folder`/model.mlpackage and its sidecar.

    Args:
        source: ONNX file, Q/DQ where there is a plan.

    Raises:
        ModelError: nodes that Core ML has no equivalent for; all of them are named in one line.
    """
    model = onnx.load(str(source))
    if job.plan is not None and job.compute == "float16":
        round_biases(model)
    fixed = with_batch(model, job.batch)
    refused = unsupported(fixed, job.target)
    if refused:
        raise refusal(refused)
    load_library()
    converted = convert(fixed, job.target)
    inputs = input_features(model, fixed, converted.inputs)
    outputs = output_features(model, converted, any(item.batched for item in inputs.values()))
    names = plan_names(model, converted)
    sidecar = Sidecar(
        batch=job.batch,
        compute=job.compute,
        inputs=inputs,
        outputs=outputs,
        tensors=names.tensors,
        same_codes=names.same_codes,
        weights=names.weights,
        biases=names.biases,
        nodes=node_rows(job.graph, model, converted, job.plan),
        rewritten=converted.rewritten,
        renamed={name: variable for name, variable in converted.tensor_names.items() if name != variable},
    )
    package = folder / PACKAGE
    write_package(converted.program, package, job.target, job.compute)
    save_sidecar(sidecar, package)
    return package, sidecar


def refusal(refused: list[Unsupported]) -> ModelError:
    """Return one error that names every refused node, the first ones with cause and remedy."""
    named = "; ".join(f"{item.node} ({item.op_type}): {item.why}" for item in refused[:_NAMED])
    more = f"; and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
    remedies = dict.fromkeys(item.remedy for item in refused if item.remedy)
    count = "1 node has" if len(refused) == 1 else f"{len(refused)} nodes have"
    return ModelError(f"{count} no equivalent in Core ML", why=named + more, how="; ".join(remedies))


def notes_of(sidecar: Sidecar, job: Job) -> dict[str, str]:
    """Return the facts of a package for the sheet."""
    renamed = ", ".join(f"{name} as {variable}" for name, variable in list(sidecar.renamed.items())[:_NAMED])
    more = f" and {len(sidecar.renamed) - _NAMED} more" if len(sidecar.renamed) > _NAMED else ""
    return {
        "format": "Core ML mlprogram",
        "deployment_target": job.target,
        "compute": job.compute,
        **({"neural_engine": LEFT_OUT} if job.plan is not None and job.compute == "float32" else {}),
        "passes_removed": ", ".join(name.partition("::")[2] for name in REMOVED),
        "renamed": renamed + more or "nothing",
        "rewritten": "; ".join(sidecar.rewritten) or "nothing",
    }
