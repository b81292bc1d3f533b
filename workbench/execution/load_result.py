"""Reads `result.json` back."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from workbench.errors import FileFormatError
from workbench.execution.result import RESULT_VERSION, Result
from workbench.files import Migration, read_versioned_json

MIGRATIONS: dict[int, Migration] = {1: dict}
"""Version 2 added native tool-chains and what they change, and sequences with their error by position; what a version 1
file holds means the same."""


def load_result(path: Path) -> Result:
    """Read a result of this or an older version. Raises FileFormatError when it is damaged, foreign or newer."""
    document = read_versioned_json(path, "result", RESULT_VERSION, MIGRATIONS)
    try:
        return Result.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise FileFormatError(f"{path.name} is damaged", why=f"{where}: {problem['msg']}") from error
