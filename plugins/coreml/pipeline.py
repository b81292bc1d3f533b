"""From a MIL program to a package on disk, by coremltools' passes without those that change or hide our numbers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import logging
import sys
import uuid
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

COREMLTOOLS = "9.0"
REMOVED: Mapping[str, str] = {
    "common::distributive_quantized_binary_op_scale_normalization": "it rewrites the scales of an Add's inputs",
    "common::int_op_canonicalization": "it gives wrong numbers where a Reshape stands between dequantize and quantize",
    "common::fuse_elementwise_to_batchnorm": "it makes a Mul and an Add a batch_norm, which divides by sqrt(1 + 1e-5)",
    "common::const_deduplication": "it makes one weight of two equal ones, so that one cannot be read back",
}
"""Pass of the default pipeline -> why it is left out; all but the last change numbers."""
RELIED_ON = (
    "common::nullify_redundant_quantization_zero_point",
    "common::dequantize_quantize_pair_elimination",
    "common::add_fp16_cast",
    "common::dead_code_elimination",
)
"""Passes that stay: they are exact, or round to float16 where that is asked for."""
NOT_NEEDED = ("torch", "sklearn", "tensorflow", "xgboost")
"""Packages that coremltools loads wherever they are installed, for conversions that are not done here."""
_DATE = "com.github.apple.coremltools.conversion_date"
_SPACE = uuid.UUID("6f1d5a56-3c2e-5c5f-9f5b-6a2f0c8a7e11")
_MODEL = Path("Data") / "com.apple.CoreML" / "model.mlmodel"


def missing_parts() -> list[str]:
    """Return what this module needs of coremltools and does not find, in words; [] where all is there."""
    found = importlib.metadata.version("coremltools")
    problems = [] if found == COREMLTOOLS else [f"coremltools {found} is installed, passes are known for {COREMLTOOLS}"]
    names = set(load_library().PassPipeline.DEFAULT.passes)
    return problems + [f"it has no pass {name!r}" for name in (*REMOVED, *RELIED_ON) if name not in names]


def write_package(
    program: Any, path: Path, target: str, compute: str, removed: Mapping[str, str] | tuple[str, ...] = tuple(REMOVED)
) -> None:
    """Apply the passes to a fresh program and save it; the same program gives the same bytes.

    Args:
        program: a MIL Program; it is changed, so that it serves once.
        path: of the package; must not exist.
        target: iOS17 | iOS18. compute: float32 | float16.
        removed: passes to leave out of the default pipeline; tests pass ().

    Raises:
        ModelError: coremltools is another than the one this is written for, or refuses the program.
    """
    problems = missing_parts()
    if problems:
        how = f'pip install "coremltools=={COREMLTOOLS}"'
        raise ModelError("Core ML packages cannot be made here", why="; ".join(problems), how=how)
    try:
        with _quiet():
            _convert(program, target, compute, set(removed)).save(str(path))
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AssertionError) as error:
        raise ModelError("coremltools does not convert the model", why=_first_line(error)) from error
    _make_repeatable(path)


def load_library() -> Any:
    """Return coremltools; what it says at import of parts that this system lacks is dropped.

    It is loaded without `NOT_NEEDED`: beside an installed torch and scikit-learn that takes a quarter of the time.
    """
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    with _quiet(), _hidden(NOT_NEEDED):
        import coremltools  # noqa: PLC0415  (takes seconds)
    return coremltools


@contextlib.contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Let imports inside not find packages; those that are loaded already, and all of them afterwards, are found."""
    absent: Any = None  # as a module, it is how Python is told that there is none
    hidden = {name: absent for name in names if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars and warnings of coremltools' own code out of the log."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _convert(program: Any, target: str, compute: str, removed: set[str]) -> Any:
    coremltools = load_library()
    pipeline = coremltools.PassPipeline.DEFAULT  # a new one at each access; conversion changes it
    pipeline.remove_passes(removed)
    return coremltools.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=getattr(coremltools.target, target),
        compute_precision=getattr(coremltools.precision, compute.upper()),
        pass_pipeline=pipeline,
        skip_model_load=True,
        compute_units=coremltools.ComputeUnit.CPU_ONLY,
    )


def _make_repeatable(package: Path) -> None:
    """Take the date, the random identifiers and the order of maps out of a package."""
    from coremltools.proto import Model_pb2  # noqa: PLC0415  (takes seconds)

    spec = Model_pb2.Model()
    spec.ParseFromString((package / _MODEL).read_bytes())
    spec.description.metadata.userDefined.pop(_DATE, None)
    (package / _MODEL).write_bytes(spec.SerializeToString(deterministic=True))
    manifest = json.loads((package / "Manifest.json").read_text(encoding="utf-8"))
    names = {key: str(uuid.uuid5(_SPACE, entry["path"])) for key, entry in manifest["itemInfoEntries"].items()}
    manifest["itemInfoEntries"] = {names[key]: entry for key, entry in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    text = json.dumps(manifest, indent=4, sort_keys=True)
    (package / "Manifest.json").write_text(text, encoding="utf-8")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
