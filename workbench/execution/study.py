"""The study file (STUDY.toml): what the window saves and the command line runs.

Unknown keys are refused with the nearest known one; relative paths are relative to the file.
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import FileFormatError, StudyError
from workbench.execution.problems import first_problem
from workbench.execution.sequences import check_sequences
from workbench.files import canonical_json, migrate, sha256_of_bytes, write_text_atomic
from workbench.measure.gates import find_gate
from workbench.model.data import DataSpec
from workbench.model.preprocess import Preprocess, preprocess_from_json
from workbench.quant.scheme import DEFAULT_PERCENTILE, Scheme, scheme_from_json

STUDY_VERSION = 1
Profile = Literal["quick", "standard", "full", "none"]
PROFILE_SECONDS: dict[str, float] = {"quick": 5.0, "standard": 60.0, "full": 600.0, "none": 0.0}


class Section(BaseModel):
    """Base of all tables: frozen, unknown keys and infinite numbers refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelSection(Section):
    """[model]: a file, or a Python factory `package.module:function`.

    Attributes:
        state: of a recurrent model, input -> output that is fed back into it from frame to frame.
    """

    path: str | None = None
    factory: str | None = None
    state: dict[str, str] = Field(default_factory=dict)

    @property
    def source(self) -> str:
        """The path or the factory, whichever is given."""
        return self.path or self.factory or ""


class DataSection(Section):
    """[data.calibration] and [data.evaluation].

    Attributes:
        frames: rows of the arrays are frames, so many in a row make one sequence; for models with state only.
    """

    kind: Literal["images", "arrays"] = "images"
    path: str
    labels: str | None = None
    limit: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    frames: int | None = Field(default=None, ge=1)


class DataSections(Section):
    """[data]."""

    calibration: DataSection | None = None
    evaluation: DataSection


class LetterboxSection(Section):
    """letterbox = {size, pad}."""

    size: int = Field(ge=1)
    pad: int = Field(default=114, ge=0, le=255)


class PreprocessSection(Section):
    """[preprocess]: x = (pixel - mean) / std, pixels 0..255, mean and std in the order of color."""

    resize_short: int | None = Field(default=None, ge=1)
    center_crop: int | None = Field(default=None, ge=1)
    resize: tuple[int, int] | None = None
    letterbox: LetterboxSection | None = None
    color: Literal["RGB", "BGR", "GRAY"] | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    mean: list[float] | None = None
    std: list[float] | None = None


class TaskSection(Section):
    """[task]."""

    kind: Literal["classification", "divergence"] = "divergence"
    class_offset: int = Field(default=0, ge=0)
    compare: Literal["logits", "outputs"] = "logits"


class SchemeSection(Section):
    """[scheme]: see quant.scheme.Scheme."""

    name: Literal["S1", "S2", "S3", "fp32", "fp16"] = "S1"
    method: Literal["mse", "minmax", "percentile", "entropy"] = "mse"
    percentile: float = DEFAULT_PERCENTILE
    exclude_nodes: list[str] = Field(default_factory=list)
    exclude_op_types: list[str] = Field(default_factory=list)
    quantize_logits: bool = True
    bias_correction: bool = True
    equalize_activations: bool = False
    weight_rounding: Literal["nearest", "gptq"] = "nearest"
    smoothing: float = 0.0
    scale_rounding: Literal["float16", "power_of_two"] = "float16"


class CandidateSection(Section):
    """[[candidates]]: another scheme, model, ready plan (never recalibrated) or native tool-chain to compare."""

    name: str = Field(min_length=1)
    model: ModelSection | None = None
    scheme: SchemeSection | None = None
    plan: str | None = None
    native: str | None = Field(default=None, min_length=1)
    native_options: dict[str, Any] = Field(default_factory=dict)


class RuntimeSection(Section):
    """[[runtimes]]: one row; two rows may share an id, their names differ."""

    id: str = Field(min_length=1)
    name: str | None = None
    threads: int = Field(default=1, ge=1, le=1024)
    batch: int = Field(default=1, ge=1, le=65536)
    options: dict[str, Any] = Field(default_factory=dict)
    precisions: list[Literal["fp32", "fp16", "int8"]] = ["fp32", "int8"]
    python: str | None = None
    target: Literal["x64", "x64-no-vnni", "arm64", "wasm", "device"] | None = None
    required: bool = True

    @property
    def label(self) -> str:
        """The row's unique name."""
        return self.name or self.id


class MeasureSection(Section):
    """[measure]: seconds per cell by profile; budget_s bounds the whole study's speed part."""

    profile: Profile = "quick"
    budget_s: float | None = Field(default=None, gt=0)


class StudyFile(Section):
    """The whole file as written."""

    schema_version: int = STUDY_VERSION
    name: str | None = None
    model: ModelSection | None = None
    data: DataSections
    preprocess: PreprocessSection = Field(default_factory=PreprocessSection)
    task: TaskSection = Field(default_factory=TaskSection)
    scheme: SchemeSection = Field(default_factory=SchemeSection)
    candidates: list[CandidateSection] = Field(default_factory=list)
    runtimes: list[RuntimeSection] = Field(default_factory=list)
    measure: MeasureSection = Field(default_factory=MeasureSection)
    gates: dict[str, float] = Field(default_factory=dict)


class Candidate(Section):
    """One resolved candidate: where its model is, which scheme, and a ready plan if there is one.

    Attributes:
        native: id of the native tool-chain that quantizes it instead, or ""; its scheme then means nothing.
    """

    name: str
    source: str
    scheme_section: SchemeSection
    plan: Path | None = None
    native: str = ""
    native_options: dict[str, Any] = Field(default_factory=dict)

    @property
    def scheme(self) -> Scheme:
        """The logical scheme."""
        return scheme_from_json(self.scheme_section.model_dump())

    @property
    def is_quantized(self) -> bool:
        """Whether it is run in INT8: by a plan it needs or brings, or by a native tool-chain."""
        return self.scheme.is_quantized or self.plan is not None or bool(self.native)


class Study:
    """A study file with the folder its relative paths start from.

    Attributes:
        file: the validated content; folder: base of relative paths; name: for titles.
    """

    def __init__(self, file: StudyFile, folder: Path, name: str) -> None:
        self.file, self.folder = file, folder
        self.name = file.name or name

    def resolve(self, path: str) -> Path:
        """Return `path` as an absolute one, relative to the study file."""
        return (self.folder / path).expanduser().resolve()

    def interpreter(self, row: RuntimeSection) -> str:
        """Return a row's Python: a path relative to the file, a command's bare name as it is, or this program's.

        Links are kept: a virtual environment's interpreter is one.
        """
        if row.python is None:
            return sys.executable
        is_bare = os.sep not in row.python and "/" not in row.python
        return row.python if is_bare else os.path.abspath(self.folder / Path(row.python).expanduser())

    def source(self, section: ModelSection) -> str:
        """Return an absolute model path, or the factory as written."""
        return str(self.resolve(section.path)) if section.path else section.source

    def state_of(self, source: str) -> dict[str, str]:
        """Return input -> output fed back into it, of the model at a resolved source; empty for most models."""
        return next((dict(model.state) for model in self.models if self.source(model) == source), {})

    @property
    def models(self) -> list[ModelSection]:
        """The candidates' models, in their order."""
        sections = [candidate.model or self.file.model for candidate in self.file.candidates] or [self.file.model]
        return [section for section in sections if section is not None]

    @property
    def candidates(self) -> list[Candidate]:
        """Candidates in order; without [[candidates]] the one of [model] + [scheme]."""
        sections = self.file.candidates or [CandidateSection(name=self.file.scheme.name)]
        return [self._candidate(section) for section in sections]

    def _candidate(self, section: CandidateSection) -> Candidate:
        model = section.model or self.file.model
        if model is None:
            raise StudyError(f"Candidate {section.name!r} has no model", how="Give [model] path, or model in it.")
        return Candidate(
            name=section.name,
            source=self.source(model),
            scheme_section=section.scheme or self.file.scheme,
            plan=self.resolve(section.plan) if section.plan else None,
            native=section.native or "",
            native_options=section.native_options,
        )

    def data_spec(self, part: Literal["calibration", "evaluation"]) -> DataSpec | None:
        """Return where one set of samples comes from; None where the study names none."""
        section: DataSection | None = getattr(self.file.data, part)
        if section is None:
            return None
        labels = str(self.resolve(section.labels)) if section.labels else section.labels
        path = self.resolve(section.path)
        return DataSpec(section.kind, path, labels, section.limit, section.seed, section.frames)

    @property
    def preprocess(self) -> Preprocess:
        """The declared preprocessing."""
        return preprocess_from_json(self.file.preprocess.model_dump(exclude_none=True))

    @property
    def sha256(self) -> str:
        """Hash of the study as written, independent of spelling and order of keys."""
        return sha256_of_bytes(canonical_json(self.file.model_dump(mode="json")))


def load_study(path: Path) -> Study:
    """Read and check a study file. Raises StudyError, FileFormatError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read", why=error.strerror or str(error), how=_other_file(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path.name} is not a TOML file", why=str(error), how=_toml_remedy(error)) from error
    return study_from_document(document, path.parent.resolve(), path.name)


def _other_file(path: Path) -> str:
    """Return which study file may be meant: one inside the folder that was given, or one beside of a similar name."""
    if (path / "study.toml").is_file():
        return f"Give {path / 'study.toml'}."
    beside = {item.name: item for item in path.parent.glob("*.toml")} if path.parent.is_dir() else {}
    near = difflib.get_close_matches(path.name, beside, n=1)
    return f"Did you mean {beside[near[0]]}?" if near else "Give the study file, such as study.toml."


def _toml_remedy(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "Give the study file, text in UTF-8 such as study.toml."
    if "Unescaped" in str(error) or "Invalid hex" in str(error):
        return "Write paths with / or between single quotes: in double quotes \\ begins an escape."
    return "Mend that line, or save the study again."


def study_from_document(document: dict[str, Any], folder: Path, name: str) -> Study:
    """Check a study given as a dict. Raises StudyError, FileFormatError."""
    document = migrate(document, name, "study", STUDY_VERSION, {})
    try:
        file = StudyFile.model_validate(document)
    except ValidationError as error:
        raise StudyError(f"{name}: {first_problem(error, StudyFile)}") from error
    for gate, limit in file.gates.items():
        find_gate(gate, limit)
    _check_choices(file, name)
    study = Study(file, folder, Path(name).stem)
    _check_values(study)
    return study


def save_study(study: Study, path: Path) -> None:
    """Write the study as TOML, paths as they are in it. Raises OutputError."""
    document = study.file.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    document = {"schema_version": STUDY_VERSION, **document}
    write_text_atomic(path, tomli_w.dumps(document))


def with_row_names(study: Study, titles: Mapping[str, str]) -> Study:
    """Return the study with every unnamed row called by its runtime's title, where no other row has that name.

    Args:
        titles: runtime id -> title.
    """
    taken = {row.name for row in study.file.runtimes}
    rows = []
    for row in study.file.runtimes:
        title = titles.get(row.id, row.id)
        name = row.name or (row.id if title in taken else title)
        taken.add(name)
        rows.append(row.model_copy(update={"name": name}))
    return Study(study.file.model_copy(update={"runtimes": rows}), study.folder, study.name)


def with_absolute_paths(study: Study) -> Study:
    """Return the study with every path absolute, so that it can be saved in another folder."""
    document = study.file.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    document |= {"schema_version": STUDY_VERSION, "name": study.name}
    for row, section in zip(document.get("runtimes", []), study.file.runtimes, strict=True):
        if section.python:
            row["python"] = study.interpreter(section)
    for holder in _path_holders(document):
        for key in ("path", "labels", "plan"):
            if isinstance(holder.get(key), str) and holder[key]:
                holder[key] = str(study.resolve(holder[key]))
    return study_from_document(document, study.folder, f"{study.name}.toml")


def _path_holders(document: dict[str, Any]) -> list[dict[str, Any]]:
    holders = [document.get("model", {}), *document.get("data", {}).values()]
    for candidate in document.get("candidates", []):
        holders += [candidate, candidate.get("model", {})]
    return holders


def _check_choices(file: StudyFile, name: str) -> None:
    for section in [file.model, *(candidate.model for candidate in file.candidates)]:
        if section is not None and (section.path is None) == (section.factory is None):
            raise StudyError(f"{name}: a model needs either path or factory", how="Give exactly one of the two.")
    if file.model is None and (not file.candidates or any(item.model is None for item in file.candidates)):
        raise StudyError(f"{name} names no model", how='Add [model] with path = "model.onnx".')
    for candidate in file.candidates:
        if candidate.native and (candidate.scheme or candidate.plan):
            raise StudyError(
                f"{name}: candidate {candidate.name!r} names a native tool-chain and a scheme or plan",
                how="A tool-chain chooses its own numbers; give native alone.",
            )
        if candidate.native_options and not candidate.native:
            raise StudyError(f"{name}: candidate {candidate.name!r} has native_options without native")
    _check_unique([row.label for row in file.runtimes], name, "runtimes", "Give each row its own name.")
    _check_unique([item.name for item in file.candidates], name, "candidates", "Give each its own name.")


def _check_values(study: Study) -> None:
    """Raise what preprocessing, schemes and data sections have to say now, not in the middle of a run."""
    _ = study.preprocess, [candidate.scheme for candidate in study.candidates]
    _ = [study.data_spec("calibration"), study.data_spec("evaluation")]
    check_sequences(study)


def _check_unique(names: list[str], file_name: str, table: str, how: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"{file_name}: two {table} are called {name!r}", how=how)
