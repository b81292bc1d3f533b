"""A model named on the command line as an ONNX file: PyTorch is turned into one in a folder that is gone later."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.cli.common import stop_on_signal
from workbench.cli.progress import Progress
from workbench.execution.import_check import report_line
from workbench.execution.import_source import find_kind, is_pytorch, refuse_code
from workbench.execution.stages import Stages
from workbench.execution.store import Store


@contextmanager
def onnx_of(source: str, allow_code: bool) -> Iterator[tuple[Path, list[str]]]:
    """Give the ONNX file of a model, and what its import has to say; an ONNX file is given as it is, without words.

    Args:
        source: path of a model, or `package.module:function`.

    Raises:
        ModelError: of another kind, or it cannot be imported. CodeNotAllowedError: it is code. MissingPartError: torch.
    """
    if not is_pytorch(source):
        yield Path(source), []
        return
    find_kind(source)
    if not allow_code:
        raise refuse_code(source)
    name = Path(source.rpartition(":")[2]).stem
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder:
        out = Path(folder) / f"{name}.onnx"
        whole = str(Path(source).resolve()) if Path(source).exists() else source  # a worker has its own folder
        report = _imported(whole, out)
        yield out, [report_line(report), *report["notes"]]


def _imported(source: str, out: Path) -> dict[str, Any]:
    """Run the import in a worker, with progress and Ctrl-C; nothing is known of the user's data here."""
    progress = Progress()
    here = [str(Path.cwd())]
    arguments = {"source": source, "out": str(out), "allow_code": True, "bundle": None, "search_path": here}
    with stop_on_signal() as cancel:
        try:
            return Stages(Store(out.parent), progress, cancel).core_job("import_model", arguments, out.parent)
        finally:
            progress.close()
