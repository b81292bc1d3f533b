"""What a study needs before any runtime: models as two graphs, scanned data, plans, reference and simulated outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import DataError, PlanError, StudyError
from workbench.execution.bundle import bundle_json, tensor_spec_from_json
from workbench.execution.stages import Stages
from workbench.execution.study import Candidate, Study
from workbench.files import sha256_of_file
from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs
from workbench.model.data import DataSpec, SampleIndex, overlap, sample_index_from_json
from workbench.model.family import family_of
from workbench.model.graph import TensorSpec
from workbench.model.load import Model, load_model, save_proto
from workbench.model.summary import graph_summary
from workbench.quant.plan import QuantPlan, load_plan, save_plan

Part = Literal["calibration", "evaluation"]
CODE_SUFFIXES = (".pt2", ".pt", ".pth")


@dataclass(frozen=True)
class PreparedModel:
    """A model as the two graphs everything else consumes.

    Attributes:
        facts: identity and signature, JSON-ready; includes "compared", "fixed_batch", "transforms".
        fp32: the model as loaded, with the compared outputs added; canonical: the graph the plan speaks of.
    """

    facts: Mapping[str, Any]
    fp32: Path
    canonical: Path

    @property
    def sha256(self) -> str:
        """Fingerprint of the model as the user gave it."""
        return str(self.facts["sha256"])

    @property
    def compared(self) -> list[str]:
        """Names of the outputs that are compared."""
        return list(self.facts["compared"])

    @property
    def compared_specs(self) -> list[dict[str, Any]]:
        """Name, dtype and shape of each compared output, JSON-ready."""
        return [dict(value) for value in self.facts["compared_specs"]]

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The model's inputs."""
        return tuple(tensor_spec_from_json(value) for value in self.facts["inputs"])


@dataclass(frozen=True)
class PreparedData:
    """One scanned set of samples."""

    spec: DataSpec
    index: SampleIndex
    index_path: Path

    def bundle(self, study: Study, inputs: tuple[TensorSpec, ...]) -> dict[str, Any]:
        """Return the JSON with which a worker opens the samples."""
        return bundle_json(self.spec, self.index_path, study.preprocess, inputs)


def prepare_model(
    stages: Stages, study: Study, source: str, allow_code: bool, samples: PreparedData | None
) -> PreparedModel:
    """Load (and import where it is PyTorch) a model and write its two graphs. Raises ModelError and others."""
    path = _onnx_of(stages, study, source, allow_code, samples)
    model = load_model(path)
    folder = stages.store.folder("models", f"{model.name}-{model.sha256[:12]}")
    key = {"sha256": model.sha256, "compare": study.file.task.compare}
    facts = stages.keep(
        f"Model {model.name}", folder, key, lambda place: _write_graphs(model, study.file.task.compare, place)
    )
    return PreparedModel(facts, folder / "fp32.onnx", folder / "canonical.onnx")


def _onnx_of(stages: Stages, study: Study, source: str, allow_code: bool, samples: PreparedData | None) -> Path:
    """Return the ONNX file of a source; a PyTorch model is turned into one by a worker."""
    if source.endswith(".onnx"):
        return Path(source)
    folder = stages.store.folder("imported", Path(source).name)
    is_file = Path(source).is_file()
    key = {"source": source, "sha256": sha256_of_file(Path(source)) if is_file else "", "code": allow_code}
    arguments = {
        "source": source,
        "allow_code": allow_code,
        "bundle": samples.bundle(study, ()) if samples else None,
    }
    stages.keep(
        f"Import {Path(source).name}",
        folder,
        key,
        lambda place: stages.core_job("import_model", {**arguments, "out": str(place / "model.onnx")}, place),
    )
    return folder / "model.onnx"


def _write_graphs(model: Model, compare: str, place: Path) -> dict[str, Any]:
    compared = compared_outputs(model.proto, compare)
    fp32 = with_extra_outputs(model.proto, compared)
    canonical, transforms = canonical_graph(fp32)
    save_proto(fp32, place / "fp32.onnx")
    save_proto(canonical, place / "canonical.onnx")
    specs = {spec.name: spec for spec in graph_summary(canonical).outputs}
    return {
        **model_facts(model),
        "compared": list(compared),
        "compared_specs": [asdict(specs[name]) for name in compared],
        "transforms": [dict(item) for item in transforms],
    }


def model_facts(model: Model) -> dict[str, Any]:
    """Return a model's identity and signature as JSON."""
    graph = graph_summary(model.proto)
    return {
        "name": model.name,
        "sha256": model.sha256,
        "format": model.format,
        "family": family_of(graph),
        "opset": graph.opset,
        "parameters": sum(_size(tensor.dims) for tensor in model.proto.graph.initializer),
        "macs": graph.macs,
        "inputs": [asdict(value) for value in model.inputs],
        "outputs": [asdict(value) for value in model.outputs],
        "fixed_batch": model.fixed_batch,
        "notes": list(model.notes),
    }


def _size(dims: Any) -> int:
    total = 1
    for dim in dims:
        total *= int(dim)
    return total


def prepare_data(stages: Stages, study: Study, part: Part) -> PreparedData | None:
    """Scan one set of samples: list, shuffle, hash, find what cannot be decoded. Raises DataError."""
    spec = study.data_spec(part)
    if spec is None:
        return None
    folder = stages.store.folder("data", part)
    key = {"spec": spec.to_json(), "files": folder_signature(spec.path)}
    stages.keep(
        f"Scan {part} data",
        folder,
        key,
        lambda place: stages.core_job("scan", {"spec": spec.to_json(), "out": str(place / "index.json")}, place),
    )
    index = sample_index_from_json(json.loads((folder / "index.json").read_text(encoding="utf-8")))
    if index.n == 0:
        raise DataError(
            f"The {part} data hold no sample that can be read", why=f"{len(index.undecodable)} cannot be decoded"
        )
    return PreparedData(spec, index, folder / "index.json")


def folder_signature(path: Path) -> list[Any]:
    """Return count, total size and newest change of the files at `path`: cheap, and different when one changes."""
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    states = [item.stat() for item in files]
    return [
        len(states),
        sum(state.st_size for state in states),
        max((state.st_mtime_ns for state in states), default=0),
    ]


def overlap_of(calibration: PreparedData | None, evaluation: PreparedData) -> int | None:
    """Number of evaluation samples whose content is also in the calibration set; None without one."""
    return None if calibration is None else overlap(calibration.index, evaluation.index)


def reference_outputs(
    stages: Stages, study: Study, model: PreparedModel, data: PreparedData
) -> tuple[Path, dict[str, Any]]:
    """Run the float32 reference over the evaluation set once per model; returns the folder and the record."""
    folder = stages.store.folder("reference", f"{model.facts['name']}-{model.sha256[:12]}")
    return _outputs(stages, study, "FP32 reference", model, model.fp32, data, folder, optimized=True)


def simulated_outputs(
    stages: Stages, study: Study, candidate: Candidate, model: PreparedModel, data: PreparedData, qdq: Path
) -> tuple[Path, dict[str, Any]]:
    """Run the plan's simulated Q/DQ graph over the evaluation set once per candidate."""
    folder = stages.store.folder("simulated", candidate.name)
    return _outputs(stages, study, f"Simulated {candidate.name}", model, qdq, data, folder, optimized=False)


def _outputs(
    stages: Stages,
    study: Study,
    name: str,
    model: PreparedModel,
    onnx_file: Path,
    data: PreparedData,
    folder: Path,
    *,
    optimized: bool,
) -> tuple[Path, dict[str, Any]]:
    bundle = data.bundle(study, model.inputs)
    key = {
        "model": sha256_of_file(onnx_file),
        "data": data.index.sha256,
        "preprocess": study.preprocess.to_json(),
        "optimized": optimized,
        "compared": model.compared,
    }
    arguments = {
        "model": str(onnx_file),
        "bundle": bundle,
        "outputs": model.compared_specs,
        "optimized": optimized,
        "batch": model.facts["fixed_batch"] or 1,
    }
    record = stages.keep(
        name, folder, key, lambda place: stages.core_job("reference", {**arguments, "outputs_dir": str(place)}, place)
    )
    return folder, record


def plan_of(
    stages: Stages,
    study: Study,
    candidate: Candidate,
    model: PreparedModel,
    calibration: PreparedData | None,
    evaluation: PreparedData | None,
    given: Path | None = None,
) -> tuple[QuantPlan, Path, dict[str, Any]]:
    """Return a candidate's plan, its path in the store, and the record (simulated graph, representation).

    Args:
        given: a ready plan that is used as it is, never recalibrated.

    Raises:
        PlanError: the given plan belongs to another model.
        StudyError: calibration data are needed and none are named.
    """
    scheme = candidate.scheme
    ready = given or candidate.plan
    if ready is None and scheme.quantizes_activations and calibration is None:
        raise StudyError(
            f"Scheme {scheme.name} needs calibration data", how="Add [data.calibration], or run with --plan plan.json."
        )
    folder = stages.store.folder("plans", candidate.name)
    key = {
        "model": model.sha256,
        "scheme": scheme.to_json(),
        "plan": sha256_of_file(ready) if ready and ready.is_file() else None,
        "calibration": calibration.index.sha256 if calibration else None,
        "evaluation": evaluation.index.sha256 if evaluation else None,
        "preprocess": study.preprocess.to_json(),
    }
    arguments = {
        "canonical": str(model.canonical),
        "model_sha256": model.sha256,
        "transforms": model.facts["transforms"],
        "scheme": scheme.to_json(),
        "calibration": calibration.bundle(study, model.inputs)
        if calibration and scheme.quantizes_activations
        else None,
        "evaluation": evaluation.bundle(study, model.inputs) if evaluation and scheme.quantizes_activations else None,
    }

    def work(place: Path) -> dict[str, Any]:
        given_plan = _copy_plan(ready, model, place) if ready else False
        return stages.core_job("calibrate", {**arguments, "out": str(place / "plan.json"), "ready": given_plan}, place)

    record = stages.keep(f"Plan {candidate.name}", folder, key, work)
    return load_plan(folder / "plan.json"), folder / "plan.json", record


def _copy_plan(path: Path, model: PreparedModel, place: Path) -> bool:
    """Copy a ready plan into the store after checking that it belongs to the model."""
    plan = load_plan(path)
    check_plan_fits(plan, model.sha256, path.name)
    save_plan(plan, place / "plan.json")
    return True


def check_plan_fits(plan: QuantPlan, model_sha256: str, name: str) -> None:
    """Raise PlanError when a plan was made for another model."""
    if plan.model_sha256 != model_sha256:
        raise PlanError(
            f"{name} belongs to another model",
            why=f"it was made for model {plan.model_sha256[:12]}, this one is {model_sha256[:12]}",
            how="Calibrate this model, or give the plan's own model.",
        )
