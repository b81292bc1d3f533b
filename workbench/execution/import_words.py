"""What failed in a user's PyTorch code or in torch's exporter, in one line: why, and how to mend it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

MAX_CHARACTERS = 300
NO_TENSOR = "which is no tensor"
"""How the error for an output that is not made of tensors ends."""
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_MISSING_OP = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+?)'")
_WRAPPERS = ("Failed to convert", "Failed to export", "Failed to decompose", "Error when translating")
_SAVE = "Save it with torch.export (.pt2) where that works, or give its ONNX file."


def failure_words(error: BaseException, *, exporting: bool) -> tuple[str, str]:
    """Return why and how for an error of a user's code, of torch.export or of torch.onnx.

    Args:
        exporting: it happened while ONNX was written; else while the source was loaded or run.
    """
    causes = list(_causes(error))
    for words in _KNOWN:
        found = next((pair for cause in causes if (pair := words(cause)) is not None), None)
        if found is not None:
            return found
    telling = next((cause for cause in reversed(causes) if not _text(cause).startswith(_WRAPPERS)), error)
    return one_line(telling if _text(error).startswith(_WRAPPERS) else error), _SAVE if exporting else ""


def one_line(error: BaseException) -> str:
    """Return the error's class and its first telling line; one that ends in a colon is read on."""
    lines = [line.strip() for line in _text(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    if text.endswith(":") and len(lines) > 1:
        text = f"{text} {lines[1]}"
    return f"{type(error).__name__}: {text[:MAX_CHARACTERS]}" if text else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give the error and what caused it, the deepest last; each once."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _text(error: BaseException) -> str:
    return _COLOR.sub("", str(error)).strip()


def _missing_package(error: BaseException) -> tuple[str, str] | None:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    how = f"Install the package that has it, such as: {sys.executable} -m pip install {error.name.partition('.')[0]}"
    return f"it needs the module {error.name}, which is not installed here", how


def _missing_op(error: BaseException) -> tuple[str, str] | None:
    found = _MISSING_OP.search(_text(error))
    if not found:
        return None
    op = found.group(1).replace(".", "::", 1)
    return f"ONNX has no op for {op}", "Write that part with torch's own functions, or give its ONNX file."


def _control_flow(error: BaseException) -> tuple[str, str] | None:
    if "data-dependent" not in _text(error):
        return None
    why = "an if, a loop or a shape in it depends on the values of its inputs"
    return f"{why} ({one_line(error)})", "Write it with torch.where or torch.cond, or give its ONNX file."


def _quantized(error: BaseException) -> tuple[str, str] | None:
    text = _text(error)
    if "PackedParams" not in text and "quantized::" not in text:
        return None
    return "it holds torch's own quantized layers", "Give the float model: quantizing it is this program's work."


def _odd_output(error: BaseException) -> tuple[str, str] | None:
    if not _text(error).endswith(NO_TENSOR):
        return None
    return _text(error), "Let the factory return a module around it that returns tensors only."


_KNOWN: tuple[Callable[[BaseException], tuple[str, str] | None], ...] = (
    _missing_package, _missing_op, _quantized, _control_flow, _odd_output,
)  # fmt: skip
