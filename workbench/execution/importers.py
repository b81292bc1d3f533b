"""Turns a PyTorch model into ONNX and proves that both compute the same. The only module that imports torch.

Runs inside a worker: a PyTorch model is code.

NOT a duty: checking the ONNX graph further, folding, quantizing (that is `workbench.model`).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from workbench.errors import MissingPartError, ModelError, UserError
from workbench.execution.import_check import (
    SQNR_FLOOR_DB,
    ImportReport,
    Outputs,
    compare,
    in_call_order,
    under_names_of,
)
from workbench.execution.import_file import strip_traces
from workbench.execution.import_module import Source, half_program_notes, in_float32, source_of_module
from workbench.execution.import_source import Kind, find_kind, refuse_code
from workbench.execution.import_words import failure_words
from workbench.parts import install_line
from workbench.reference import ReferenceSession

__all__ = ["OPSETS", "SQNR_FLOOR_DB", "ImportReport", "import_model"]

OPSETS: Mapping[Kind, int] = {"torch.export": 18, "factory": 18, "TorchScript": 17}

_EXPORT_BATCH = 2
_CHECK_BATCH = 3
_CHECK_FEEDS = 4
_ONE_FILE_BYTES = 1_900_000_000
_TORCH_NOTICES: tuple[tuple[type[Warning], str], ...] = (
    (DeprecationWarning, r"`torch\.jit\.\w+` is deprecated"),
    (DeprecationWarning, r"You are using the legacy TorchScript-based ONNX export"),
    (DeprecationWarning, r"The feature will be removed"),
    (FutureWarning, r"`isinstance\(treespec, LeafSpec\)` is deprecated"),
    (UserWarning, r"no signature found for <torch\.ScriptMethod"),
    (UserWarning, r"Exporting a model to ONNX with a batch_size other than 1"),  # which is checked on another batch
    (UserWarning, r"The tensor attributes? .* assigned during export"),  # an LSTM's flat weights
)
Feeds = Mapping[str, npt.NDArray[Any]]
T = TypeVar("T")
# What a user's code and torch's exporters raise; anything else is a bug and ends at the worker's boundary.
_CODE_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError, EOFError,
)  # fmt: skip


@dataclass(frozen=True)
class SampleFeeds:
    """The user's samples as an import takes them, read when they are needed.

    Attributes:
        own: -> feeds by the samples' own names and shapes, for a source that tells neither; empty where there are none.
        of: the written ONNX file -> feeds under its inputs, to compare on; empty where there are none.
    """

    own: Callable[[], Sequence[Feeds]]
    of: Callable[[Path], Sequence[Feeds]]


def import_model(
    source: str,
    out: Path,
    feeds: Sequence[Feeds] | SampleFeeds | None,
    allow_code: bool,
    search_path: Sequence[Path] = (),
) -> ImportReport:
    """Write `source` as one ONNX file and compare it with torch.

    Args:
        source: path of a .pt2 or TorchScript file, or `package.module:function`; the function returns a module or
            (module, example_inputs).
        out: the ONNX file to write; weights lie inside it below 1.9 GB.
        feeds: input name -> array, batch first, or the samples that give them; None means seeded random inputs of the
            example's shapes.
        allow_code: loading the source may run code of its author.
        search_path: folders where a factory's package is looked for, before the working folder and `sys.path`.

    Raises:
        CodeNotAllowedError: `allow_code` is False.
        MissingPartError: torch or onnxscript is not installed.
        ModelError: unreadable, not exportable, or the ONNX file departs from torch by more than the floor.
    """
    kind = find_kind(source)
    name = Path(source).name
    if not allow_code:
        raise refuse_code(source)
    torch = _load_torch()
    with _quiet(torch):
        data = feeds if isinstance(feeds, SampleFeeds) else SampleFeeds(lambda: feeds or (), lambda _: feeds or ())
        model = _code_errors(name, "cannot be loaded", lambda: _load(torch, kind, source, search_path, data))
        return _import(_Job(torch, model, kind, name, out, _examples(torch, model, data, name), data))


def _import(job: _Job) -> ImportReport:
    """Try a symbolic batch first, unless the program's author decided; then the example's own batch."""
    try:
        return _attempt(job, True, ())
    except ModelError as error:
        if job.model.batch_is_decided:
            raise
        reason = str(error).rstrip(".")
    rows = _rows(job.examples)
    return _attempt(job, False, (f"The batch is fixed at {rows}, because a symbolic one failed: {reason}.",))


@dataclass(frozen=True, eq=False)
class _Job:
    """One import: what `import_model` was asked, the loaded model and its example inputs."""

    torch: Any
    model: Source
    kind: Kind
    name: str
    out: Path
    examples: tuple[Any, ...]
    data: SampleFeeds


def _attempt(job: _Job, dynamic: bool, notes: tuple[str, ...]) -> ImportReport:
    """Export once, compare, and move the result to its place only if it computes the same."""
    job.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=job.out.parent, prefix=".import-") as folder:
        written = Path(folder) / job.out.name
        examples = [_tiled(tensor, _EXPORT_BATCH) for tensor in job.examples] if dynamic else list(job.examples)
        _code_errors(job.name, "cannot be exported to ONNX", lambda: job.model.export(examples, written, dynamic))
        is_dynamic = strip_traces(written)
        cases, origin = _cases(job, job.data.of(written), is_dynamic)
        report = _compared(
            job, written, cases, is_dynamic, (*job.model.notes, *notes, origin, *_batch_note(job, is_dynamic))
        )
        for part in sorted(Path(folder).iterdir()):
            os.replace(part, job.out.parent / part.name)
    return report


def _batch_note(job: _Job, is_dynamic: bool) -> tuple[str, ...]:
    if is_dynamic or not job.model.batch_is_decided:
        return ()
    return (f"The program was saved for a batch of {_rows(job.examples)}; export it with a symbolic batch to vary it.",)


def _rows(tensors: Sequence[Any]) -> int:
    return int(tensors[0].shape[0]) if tensors and tensors[0].ndim else 0


def _compared(
    job: _Job, written: Path, cases: Sequence[Sequence[Any]], is_dynamic: bool, notes: tuple[str, ...]
) -> ImportReport:
    with ReferenceSession(written) as session:
        pairs = [_both(job, session, case) for case in cases]
        _refuse_random(job, cases[0], pairs[0][0])
        figures = compare(pairs, job.name)
    return ImportReport(
        kind=job.kind,
        sqnr_db=figures.sqnr_db,
        agreement=figures.agreement,
        samples=sum(_rows(case) for case in cases),
        opset=job.model.opset,
        dynamic_batch=is_dynamic,
        torch_version=str(job.torch.__version__),
        notes=notes,
    )


def _refuse_random(job: _Job, case: Sequence[Any], first: Outputs) -> None:
    """Raise ModelError when torch itself answers the same inputs otherwise each time."""
    again = _in_torch(job, case)
    if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(first, again, strict=True)):
        raise ModelError(
            f"{job.name} answers the same inputs otherwise each time", why="something in it is random, such as dropout",
            how="Switch it off: functional.dropout needs training=self.training, and torch.rand a fixed value.",
        )  # fmt: skip


def _in_torch(job: _Job, case: Sequence[Any]) -> Outputs:
    return _code_errors(job.name, "cannot be run", lambda: [_array(value) for value in job.model.call(case)])


def _both(job: _Job, session: ReferenceSession, case: Sequence[Any]) -> tuple[Outputs, Outputs]:
    """Run one case in torch and in ONNX Runtime. Raises ModelError."""
    expected = _in_torch(job, case)
    arrays = {name: _array(tensor) for name, tensor in zip(job.model.names, case, strict=True)}
    return expected, list(session.run(under_names_of(arrays, session.input_names, job.name)).values())


def _examples(torch: Any, model: Source, data: SampleFeeds, name: str) -> tuple[Any, ...]:
    if model.examples:
        return model.examples
    feeds = data.own()
    if not feeds:
        raise ModelError(
            f"The input shapes of {name} are not known",
            how="A study's data give them; or let a factory return (module, example_inputs).",
        )
    return tuple(torch.from_numpy(np.array(array)) for array in in_call_order(feeds[0], model.names, name))


def _cases(job: _Job, feeds: Sequence[Feeds], is_dynamic: bool) -> tuple[list[list[Any]], str]:
    """Inputs to compare on, and a sentence on where they come from."""
    if feeds:
        cases = [case for feed in feeds for case in _given(job, feed, is_dynamic)]
        if cases and is_dynamic:
            cases.append([_tiled(tensor, _CHECK_BATCH) for tensor in cases[0]])  # another batch than the exported one
        if cases:
            return cases, "Compared with torch on the given data."
    rows = _CHECK_BATCH if is_dynamic else 0
    cases = [[_random_like(job.torch, tensor, rows, seed) for tensor in job.examples] for seed in range(_CHECK_FEEDS)]
    return cases, "Compared with torch on seeded random inputs of the example's shapes; integers are the example's own."


def _given(job: _Job, feed: Feeds, is_dynamic: bool) -> Iterator[list[Any]]:
    """One case per feed; a fixed batch takes whole pieces of its size, the rest is left out."""
    arrays = [np.array(array) for array in in_call_order(feed, job.model.names, job.name)]
    if is_dynamic or any(array.ndim == 0 for array in arrays):
        yield [job.torch.from_numpy(array) for array in arrays]
        return
    rows = _rows(job.examples)
    for start in range(0, arrays[0].shape[0] - rows + 1, rows):
        yield [job.torch.from_numpy(array[start : start + rows].copy()) for array in arrays]


def _random_like(torch: Any, example: Any, rows: int, seed: int) -> Any:
    """Standard normal values for floats, the example's own values for the rest; `rows` replaces the first axis."""
    example = _tiled(example, rows) if rows else example
    if not example.dtype.is_floating_point:
        return example
    values = np.random.default_rng(seed).standard_normal(tuple(example.shape))
    return torch.from_numpy(values).to(example.dtype)


def _tiled(tensor: Any, rows: int) -> Any:
    """Repeat along the first axis until it has `rows` rows; scalars stay as they are."""
    if tensor.ndim == 0:
        return tensor
    times = -(-rows // int(tensor.shape[0]))
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:rows].clone()


def _array(tensor: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def _load_torch() -> Any:
    try:
        import onnxscript  # noqa: F401, PLC0415  (what torch's exporter writes ONNX with; absent from the base install)
        import torch  # noqa: PLC0415  (754 MB; absent from the base install)
    except ImportError as error:
        raise MissingPartError(
            "PyTorch models need torch and onnxscript", why=str(error), how=f"Install them: {install_line('torch')}"
        ) from error
    return torch


def _load(torch: Any, kind: Kind, source: str, search_path: Sequence[Path], data: SampleFeeds) -> Source:
    if kind == "torch.export":
        return _from_program(torch, torch.export.load(source))
    if kind == "TorchScript":
        return _from_script(torch, torch.jit.load(source, map_location="cpu").eval())
    return _from_factory(torch, _call_factory(source, search_path), data)


def _from_program(torch: Any, program: Any) -> Source:
    flatten = torch.utils._pytree.tree_flatten
    unflatten = torch.utils._pytree.tree_unflatten
    module = program.module()

    def call(tensors: Sequence[Any]) -> list[Any]:
        args, kwargs = unflatten(list(tensors), program.call_spec.in_spec)
        with torch.no_grad():
            return list(flatten(module(*args, **kwargs))[0])

    def export(_: Sequence[Any], path: Path, __: bool) -> None:
        _write_onnx(torch, program, path, _bytes_of(program.state_dict.values()))

    return Source(
        names=tuple(program.graph_signature.user_inputs),
        examples=tuple(flatten(program.example_inputs)[0]) if program.example_inputs else (),
        call=call,
        export=export,
        opset=OPSETS["torch.export"],
        batch_is_decided=True,
        notes=half_program_notes(torch, program.state_dict.values()),
    )


def _from_script(torch: Any, module: Any, examples: tuple[Any, ...] = ()) -> Source:
    module, notes = in_float32(torch, module)
    names = tuple(argument.name for argument in module.forward.schema.arguments[1:])

    def call(tensors: Sequence[Any]) -> list[Any]:
        with torch.no_grad():
            return list(torch.utils._pytree.tree_flatten(module(*tensors))[0])

    def export(tensors: Sequence[Any], path: Path, dynamic: bool) -> None:
        outputs = [f"output_{i}" for i in range(len(call(tensors)))] if len(call(tensors)) > 1 else ["output"]
        axes = {name: {0: "batch"} for name in (*names, *outputs)} if dynamic else {}
        torch.onnx.export(
            module, tuple(tensors), str(path), dynamo=False, opset_version=OPSETS["TorchScript"],
            input_names=list(names), output_names=outputs, dynamic_axes=axes,
        )  # fmt: skip

    return Source(names, examples, call, export, OPSETS["TorchScript"], notes=notes)


def _from_factory(torch: Any, made: Any, data: SampleFeeds) -> Source:
    """Return what a factory made: a module, a tuple of it and its example inputs, or a program of torch's own kinds."""
    module, *examples = made if isinstance(made, tuple) and made else (made,)
    if isinstance(module, torch.jit.ScriptModule):
        return _from_script(torch, module.eval(), tuple(torch.utils._pytree.tree_flatten(examples)[0]))
    if isinstance(module, torch.export.ExportedProgram):
        return _from_program(torch, module)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"the factory returned {type(module).__name__}, not a torch.nn.Module")

    first = () if examples else data.own()
    given = tuple(first[0]) if first else ()

    def write(program: Any, path: Path, weight_bytes: int, outputs: Sequence[str]) -> None:
        _write_onnx(torch, program, path, weight_bytes, outputs)

    return source_of_module(torch, module, tuple(examples), given, OPSETS["factory"], write)


def _write_onnx(torch: Any, program: Any, path: Path, weight_bytes: int, outputs: Sequence[str] = ()) -> None:
    torch.onnx.export(
        program, (), str(path), dynamo=True, opset_version=OPSETS["torch.export"], verbose=False, optimize=True,
        external_data=weight_bytes > _ONE_FILE_BYTES, output_names=list(outputs) or None,
    )  # fmt: skip


def _bytes_of(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _call_factory(source: str, search_path: Sequence[Path]) -> Any:
    module_name, _, function = source.partition(":")
    folders = [str(path) for path in search_path] + [str(Path.cwd())]
    sys.path[:0] = folders
    try:
        importlib.invalidate_caches()
        return getattr(importlib.import_module(module_name), function)()
    finally:
        for folder in folders:
            sys.path.remove(folder)


def _code_errors(name: str, what: str, action: Callable[[], T]) -> T:
    """Run code of the model's author, or torch on its behalf; turn what it raises into one line."""
    try:
        return action()
    except UserError:
        raise
    except _CODE_ERRORS as error:
        why, how = failure_words(error, exporting="export" in what)
        raise ModelError(f"{name} {what}", why=why, how=how) from error


@contextlib.contextmanager
def _quiet(torch: Any) -> Iterator[None]:
    """One thread, and none of torch's notices that its own old exporter and loader are old."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            for category, message in _TORCH_NOTICES:
                warnings.filterwarnings("ignore", message=message, category=category)
            yield
    finally:
        torch.set_num_threads(threads)
