"""What a study needs before any runtime: models as two graphs, scanned data, reference and simulated outputs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal

from workbench.errors import DataError
from workbench.execution.bundle import bundle_json, tensor_spec_from_json
from workbench.execution.import_check import report_line
from workbench.execution.origin import IMPORTERS, library_versions
from workbench.execution.stages import Stages
from workbench.execution.study import Candidate, Study
from workbench.files import canonical_json, sha256_of_bytes, sha256_of_file
from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs
from workbench.model.data import DataSpec, SampleIndex, overlap, sample_index_from_json
from workbench.model.family import family_of
from workbench.model.feedback import check_state
from workbench.model.graph import TensorSpec
from workbench.model.load import Model, load_model, save_proto
from workbench.model.pixel_cache import pixels_key
from workbench.model.protos import parameter_count
from workbench.model.scalars import bind_inputs, scalar_values
from workbench.model.summary import graph_summary

Part = Literal["calibration", "evaluation"]


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
    def graphs_sha256(self) -> list[str]:
        """Hashes of both graphs: they change with the compared outputs, the model's own does not."""
        return list(self.facts["graphs_sha256"])

    @property
    def fixed_batch(self) -> int | None:
        """The batch the graph is fixed at, None where any batch fits."""
        value = self.facts["fixed_batch"]
        return None if value is None else int(value)

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

    @property
    def state(self) -> dict[str, str]:
        """Input -> output that is fed back into it from frame to frame; empty but for a recurrent model."""
        return dict(self.facts.get("state", {}))


@dataclass(frozen=True)
class PreparedData:
    """One scanned set of samples."""

    spec: DataSpec
    index: SampleIndex
    index_path: Path

    def bundle(
        self, study: Study, inputs: tuple[TensorSpec, ...], state: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON with which a worker opens the samples, and feeds back the state of a recurrent model."""
        return bundle_json(self.spec, self.index_path, study.preprocess, inputs, state)


def prepare_model(
    stages: Stages, study: Study, source: str, allow_code: bool, samples: PreparedData | None
) -> PreparedModel:
    """Load (and import where it is PyTorch) a model and write its two graphs. Raises ModelError and others."""
    path, imported = _onnx_of(stages, study, source, allow_code, samples)
    model, scalars = load_for(study, path)
    folder = stages.store.folder("models", f"{model.name}-{model.sha256[:12]}")
    state = study.state_of(source)
    check_state(state, model.inputs, model.outputs)
    key = {"sha256": model.sha256, "compare": study.file.task.compare, "state": state}
    key |= {"scalars": scalars} if scalars else {}
    facts = stages.keep(
        f"Model {model.name}", folder, key, lambda place: _write_graphs(model, study.file.task.compare, place)
    )
    facts = {**facts, "state": state}
    facts = {**facts, **_import_facts(imported, facts["notes"])}
    return PreparedModel(facts, folder / "fp32.onnx", folder / "canonical.onnx")


def load_for(study: Study, path: Path) -> tuple[Model, dict[str, Any]]:
    """Load a model for a study's samples: inputs without axes become constants with the value that all samples give.

    Returns:
        The model and those values by name, JSON-ready.

    Raises:
        ModelError: the file cannot be taken; DataError: the values differ.
    """
    model = load_model(path)
    specs = [study.data_spec("calibration"), study.data_spec("evaluation")]
    files = [spec.path for spec in specs if spec is not None and spec.kind == "arrays" and spec.path.is_file()]
    values = scalar_values(model.inputs, files)
    return bind_inputs(model, values), {name: value.item() for name, value in values.items()}


def is_onnx(source: str) -> bool:
    """Whether a model's source is an ONNX file by its name; anything else goes through the importer."""
    return source.lower().endswith(".onnx")


def _onnx_of(
    stages: Stages, study: Study, source: str, allow_code: bool, samples: PreparedData | None
) -> tuple[Path, Mapping[str, Any]]:
    """Return the ONNX file of a source, and the import's report; a PyTorch model is turned into ONNX by a worker."""
    if is_onnx(source):
        return Path(source), {}
    search_path = [study.folder, Path.cwd()]
    signature = sha256_of_file(Path(source)) if Path(source).is_file() else _factory_signature(source, search_path)
    name = Path(source.rpartition(":")[2]).stem
    folder = stages.store.folder("imported", f"{Path(source).name}-{sha256_of_bytes(source.encode())[:8]}")
    arguments = {
        "source": source,
        "allow_code": allow_code,
        "bundle": samples.bundle(study, (), study.state_of(source)) if samples else None,
        "search_path": [str(path) for path in search_path],
    }
    report = stages.keep(
        f"Import {Path(source).name}",
        folder,
        {
            "source": signature,
            "libraries": library_versions(IMPORTERS),
            "samples": samples.index.sha256 if samples else None,
            "preprocess": study.preprocess.to_json(),
            "state": study.state_of(source),
        },
        lambda place: stages.core_job("import_model", {**arguments, "out": str(place / f"{name}.onnx")}, place),
    )
    return folder / f"{name}.onnx", report


def _factory_signature(source: str, folders: list[Path]) -> str:
    """Return a hash that changes with the files of a factory's package; its code is not run."""
    top = source.partition(":")[0].partition(".")[0]
    spec = PathFinder.find_spec(top, [*(str(folder) for folder in folders), *sys.path])
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
    listed = [listing_sha256(Path(place)) for place in places if place and Path(place).exists()]
    return sha256_of_bytes(canonical_json([source, *listed]))


def _import_facts(report: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the facts of a model that was imported: its format, and how near it is to torch."""
    if not report:
        return {}
    return {"format": f"{report['kind']} as ONNX", "notes": [report_line(report), *report["notes"], *notes]}


def _write_graphs(model: Model, compare: str, place: Path) -> dict[str, Any]:
    compared = compared_outputs(model.proto, compare)
    fp32 = with_extra_outputs(model.proto, compared)
    canonical, transforms = canonical_graph(fp32)
    save_proto(fp32, place / "fp32.onnx")
    save_proto(canonical, place / "canonical.onnx")
    specs = {spec.name: spec for spec in graph_summary(canonical).outputs}
    return {
        **model_facts(model),
        "graphs_sha256": [sha256_of_file(place / "fp32.onnx"), sha256_of_file(place / "canonical.onnx")],
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
        "parameters": parameter_count(model.proto),
        "macs": graph.macs,
        "inputs": [asdict(value) for value in model.inputs],
        "outputs": [asdict(value) for value in model.outputs],
        "fixed_batch": model.fixed_batch,
        "notes": list(model.notes),
    }


def prepare_data(stages: Stages, study: Study, part: Part) -> PreparedData | None:
    """Scan one set of samples: list, shuffle, hash, find what cannot be decoded, keep pixels. Raises DataError."""
    spec = study.data_spec(part)
    if spec is None:
        return None
    folder = stages.store.folder("data", part)
    labels = [listing_sha256(Path(spec.labels))] if spec.labels else []
    key = {
        "spec": spec.to_json(),
        "files": listing_sha256(spec.path),
        "labels": labels,
        "pixels": pixels_key(study.preprocess) if spec.kind == "images" else None,
    }
    arguments = {"spec": spec.to_json(), "preprocess": study.preprocess.to_json()}
    stages.keep(
        f"Scan {part} data",
        folder,
        key,
        lambda place: stages.core_job("scan", {**arguments, "out": str(place / "index.json")}, place),
    )
    index = sample_index_from_json(json.loads((folder / "index.json").read_text(encoding="utf-8")))
    if index.n == 0:
        raise DataError(
            f"The {part} data hold no sample that can be read", why=f"{len(index.undecodable)} cannot be decoded"
        )
    return PreparedData(spec, index, folder / "index.json")


def listing_sha256(path: Path) -> str:
    """Return a hash over name, size and times of every file at `path`: cheap, and different when one changes.

    Beside the time that a program can set (an archive may give all files the same) stands the system's own.

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
        states = [(item, item.stat()) for item in files if "__pycache__" not in item.parts]
    except OSError as error:
        raise DataError(f"{path.name} cannot be listed", why=error.strerror or str(error)) from error
    lines = [
        f"{os.fsencode(item.relative_to(path)).hex()} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
        for item, state in states
    ]
    return sha256_of_bytes("\n".join(lines).encode())


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
    bundle = data.bundle(study, model.inputs, model.state)
    key = {
        "model": sha256_of_file(onnx_file),
        "data": data.index.sha256,
        "preprocess": study.preprocess.to_json(),
        "optimized": optimized,
        "compared": model.compared,
        "state": model.state,
    }
    arguments = {
        "model": str(onnx_file),
        "bundle": bundle,
        "outputs": model.compared_specs,
        "optimized": optimized,
        "batch": model.fixed_batch or 1,
    }

    def work(place: Path) -> dict[str, Any]:
        record = stages.core_job("reference", {**arguments, "outputs_dir": str(place)}, place)
        return {**record, "outputs": [{**item, "path": Path(item["path"]).name} for item in record["outputs"]]}

    return folder, stages.keep(name, folder, key, work)
