"""A plugin's stand-alone file, which opens its models on machines without this program: found, and looked at."""

from __future__ import annotations

import ast

from workbench.errors import StudyError
from workbench.execution.discovery import MANIFEST, Manifest, discover

FACE = ("probe", "open_model")
"""Functions that the runner calls; plugins/README.md describes them."""
OLDEST_PYTHON = (3, 9)
AT_HOME = ("workbench", "workbench_plugins", "workbench_resources")
"""Packages that are not there elsewhere."""


def travelling_runtimes() -> frozenset[str]:
    """Return the ids of all usable runtimes whose plugin has a stand-alone file; no plugin is run."""
    return frozenset(manifest.id for manifest, _, error in discover() if manifest and not error and manifest.elsewhere)


def standalone_file(manifest: Manifest) -> bytes:
    """Return a plugin's stand-alone file.

    Raises:
        StudyError: it has none, or one that cannot stand alone; says what the plugin's author must do.
    """
    title, name = f"{manifest.title} cannot be bundled", manifest.elsewhere
    if not name:
        how = f'Its author adds one and names it in {MANIFEST}: elsewhere = "elsewhere.py" (see plugins/README.md).'
        raise StudyError(title, why="its plugin has no file that runs without this program", how=how)
    try:
        data = (manifest.folder / name).read_bytes()
        problem = _problem(ast.parse(data, name, feature_version=OLDEST_PYTHON))
    except OSError as error:
        problem = error.strerror or str(error)
    except (SyntaxError, ValueError) as error:
        problem = f"Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} cannot read it: {error}"
    if problem:
        raise StudyError(title, why=f"its {name} cannot stand alone: {problem}", how="Its author mends it.")
    return data


def _problem(tree: ast.Module) -> str:
    """Return why a file cannot be loaded by the runner, or ""."""
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported |= {"." * node.level + (node.module or "") for node in named}
    if home := sorted(name for name in imported if name.partition(".")[0] in ("", *AT_HOME)):
        return f"it imports {home[0]}"
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    missing = [name for name in FACE if name not in defined]
    return f"it defines no function {missing[0]}" if missing else ""
