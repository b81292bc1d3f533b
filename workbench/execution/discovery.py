"""Finding plugins without running them: manifests, what is wrong with them, and loading one on demand.

A plugin is a folder with `plugin.toml` and `runtime.py`. Folders come from the package `workbench_plugins`, from
entry points of the group `int8_workbench.runtimes`, from the environment variable INT8_WORKBENCH_PLUGINS (folders
that hold plugin folders, separated as in PATH) and from the caller. Discovery never raises and imports no plugin.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from workbench.errors import ContractError, StudyError
from workbench.execution.bootstrap import install_finder
from workbench.execution.jobs import PLUGIN_PACKAGE, PluginRef
from workbench.execution.tool_options import is_declaration
from workbench.quant.scheme import SCHEME_TITLES
from workbench.spi import SPI_VERSION, Deviation, GraphSummary, Quantizer, Runtime, Scheme

OLDEST_SPI_VERSION = 1
ENTRY_POINTS = "int8_workbench.runtimes"
FOLDERS_VARIABLE = "INT8_WORKBENCH_PLUGINS"
MANIFEST = "plugin.toml"
KIND_WORDS: dict[str, str] = {"runtime": "runtime", "quantizer": "native tool-chain"}
KINDS: tuple[str, ...] = tuple(KIND_WORDS)
SYSTEMS: tuple[str, ...] = ("linux", "windows", "macos")
PROCESSORS: tuple[str, ...] = ("x86_64", "arm64")
_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
_PYTHON_FILE = re.compile(r"[a-z][a-z0-9_]*\.py\Z")

Found = tuple["Manifest | None", Path, str]


@dataclass(frozen=True)
class Manifest:
    """A plugin's `plugin.toml`.

    Attributes:
        id: lower_snake, unique; title: name on screen.
        kind: "runtime" measures, "quantizer" makes other candidates.
        spi_version: version of `workbench.spi` it was written for.
        platforms: where it can be used, such as "linux", "macos", "linux-x86_64"; empty means everywhere.
        requirements: pip requirement lines of its runtime.
        schemes: of a runtime: schemes it accepts.
        module: name of the Python file with `RUNTIME` or `QUANTIZER`, without suffix; the kind by default.
        description, homepage: one sentence, an address, or "".
        reads: of a runtime: formats of native tool-chains' artifacts that it runs as they are.
        writes: of a quantizer: the format of its artifact. "qdq_onnx" is one ONNX file with Q/DQ nodes, "openvino_ir" a
            folder with model.xml and model.bin; others are free.
        options: of a quantizer: its options (see tool_options).
        elsewhere: of a runtime: name of the file that opens its models on machines without this program, or "".
        folder: absolute folder of the plugin.
    """

    id: str
    title: str
    kind: Literal["runtime", "quantizer"]
    spi_version: int
    folder: Path
    schemes: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    module: str = "runtime"
    description: str = ""
    homepage: str = ""
    reads: tuple[str, ...] = ()
    writes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: str = ""

    @property
    def ref(self) -> PluginRef:
        """What a job needs to name this plugin."""
        return PluginRef(self.id, self.folder, self.requirements, self.module, self.spi_version)


def discover(extra_dirs: Sequence[Path] = ()) -> list[Found]:
    """Return (manifest, folder, error) of every plugin, sorted by source, then by folder name.

    A usable plugin has error "". A plugin for another platform, or one whose id is taken, has a manifest and an error;
    one whose manifest is wrong has None and an error. Never raises.

    Args:
        extra_dirs: further folders that hold plugin folders, or plugin folders themselves.
    """
    found: list[Found] = []
    for folder, problem in _folders(extra_dirs):
        if any(folder == other for _, other, _ in found):
            continue
        manifest, error = (None, problem) if problem else read_manifest(folder)
        if manifest and not error:
            error = _taken(manifest, found) or _other_platform(manifest)
        found.append((manifest, folder, error))
    return found


def find_plugin(plugin_id: str, extra_dirs: Sequence[Path] = (), kind: str = "runtime") -> Manifest:
    """Return the manifest of a usable plugin, whatever its kind.

    Args:
        kind: what is looked for: the ids that the message of a wrong one offers.

    Raises:
        StudyError: no such id (names the nearest and all known ones), or the plugin is broken, with its reason.
    """
    found = discover(extra_dirs)
    usable = {manifest.id: manifest for manifest, _, error in found if manifest and not error}
    if plugin_id in usable:
        return usable[plugin_id]
    for manifest, folder, error in found:
        if error and plugin_id in (folder.name, manifest.id if manifest else ""):
            raise StudyError(f"The {KIND_WORDS[kind]} {plugin_id!r} cannot be used", why=error)
    offered = [name for name, manifest in usable.items() if manifest.kind == kind]
    nearest = difflib.get_close_matches(plugin_id, offered, n=1)
    hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
    known = ", ".join(sorted(offered)) or "none"
    raise StudyError(f"There is no {KIND_WORDS[kind]} {plugin_id!r}", how=f"{hint}Known: {known}.")


def read_manifest(folder: Path) -> tuple[Manifest | None, str]:
    """Read a plugin folder's manifest; returns (manifest, "") or (None, what is wrong). Never raises."""
    try:
        document = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        return None, f"{MANIFEST} cannot be read: {error.strerror or error}"
    except ValueError as error:
        return None, f"{MANIFEST} is not valid TOML: {error}"
    problem = _problem(document) or _wrong_folder(document, folder)
    if problem:
        return None, problem
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    return Manifest(folder=folder, **{"module": document["kind"], **values}), ""


def load_runtime(plugin: PluginRef) -> Runtime:
    """Import a plugin's code in this process and return its `RUNTIME`. Only for workers and for `realise`.

    Raises:
        ImportError: the plugin's module or something it needs at the top cannot be imported.
        ContractError: `RUNTIME` is missing or lacks a method.
    """
    runtime = cast("Runtime", _load(plugin, ("RUNTIME",)))
    return runtime if plugin.spi_version > 1 else cast("Runtime", _Version1(runtime))


class _Version1:
    """A runtime written for version 1 of the plugin surface, whose `realise` knows no options."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def realise(self, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]) -> list[Deviation]:
        """Ask without the settings."""
        found: list[Deviation] = self._runtime.realise(graph, scheme)
        return found


def load_quantizer(plugin: PluginRef) -> Quantizer:
    """Import a plugin's code in this process and return its `QUANTIZER`; errors as in `load_runtime`. For workers."""
    return cast("Quantizer", _load(plugin, ("QUANTIZER",)))


def load_plugin(plugin: PluginRef) -> Runtime | Quantizer:
    """Import a plugin's code and return whichever object it defines, for what both kinds have: `probe`."""
    return cast("Runtime | Quantizer", _load(plugin, tuple(_METHODS)))


def _load(plugin: PluginRef, wanted: tuple[str, ...]) -> object:
    install_finder({f"{PLUGIN_PACKAGE}.{plugin.id}": str(plugin.folder)})
    module = importlib.import_module(plugin.dotted_name)
    name = next((name for name in wanted if getattr(module, name, None) is not None), "")
    if not name:
        raise ContractError(f"The plugin {plugin.id} defines no {' or '.join(wanted)} in {plugin.module}.py")
    found = getattr(module, name)
    if isinstance(found, type):
        raise ContractError(f"The plugin {plugin.id}: {name} is a class; write {name} = {found.__name__}()")
    missing = [method for method in _METHODS[name] if not callable(getattr(found, method, None))]
    if missing:
        raise ContractError(f"The plugin {plugin.id} lacks {', '.join(missing)}")
    return cast("object", found)


def package_folder(name: str) -> Path:
    """Return the folder of a top-level package without importing it. Raises ContractError when it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ContractError(f"The package {name} is not installed with this program")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


_METHODS = {
    "RUNTIME": ("probe", "realise", "prepare", "read_back", "open"),
    "QUANTIZER": ("probe", "quantize", "read_back"),
}


def _folders(extra_dirs: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield (plugin folder, problem) of all sources; a problem is an entry point or folder that leads nowhere."""
    try:
        yield from ((folder, "") for folder in _plugins_in(package_folder(PLUGIN_PACKAGE)))
    except ContractError as error:
        yield Path(PLUGIN_PACKAGE), str(error)
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        yield _entry_point_folder(point)
    named = [Path(entry) for entry in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if entry]
    for directory in (*named, *extra_dirs):
        resolved = directory.resolve()
        inside = _plugins_in(resolved)
        if not inside:
            yield resolved, f"No plugin is here: the folder holds no {MANIFEST}"
        yield from ((folder, "") for folder in inside)


def _plugins_in(directory: Path) -> list[Path]:
    if (directory / MANIFEST).is_file():
        return [directory]
    return sorted(path.parent for path in directory.glob(f"*/{MANIFEST}"))


def _entry_point_folder(point: importlib.metadata.EntryPoint) -> tuple[Path, str]:
    """Find an entry point's folder from its dotted package name; only its top-level package is located."""
    top, _, rest = point.module.partition(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return Path(point.name), f"The entry point {point.name!r} names {point.module}, which is not installed"
    return Path(next(iter(spec.submodule_search_locations)), *rest.split(".")).resolve(), ""


def _problem(document: Mapping[str, Any]) -> str:
    """Return what is wrong with a manifest's keys and values, or ""."""
    unknown = sorted(set(document) - set(_FIELDS))
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], _FIELDS, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"known keys: {', '.join(_FIELDS)}"
        return f"Unknown key {unknown[0]!r} in {MANIFEST}; {hint}"
    missing = [key for key, (_, required, _) in _FIELDS.items() if required and key not in document]
    if missing:
        return f"{MANIFEST} lacks {missing[0]!r}"
    for key, value in document.items():
        is_valid, _, expected = _FIELDS[key]
        if not is_valid(value):
            return f"{key} = {value!r} in {MANIFEST}; expected {expected}"
    if _of_other_kind(document):
        return _of_other_kind(document)
    if not OLDEST_SPI_VERSION <= document["spi_version"] <= SPI_VERSION:
        return _other_version(document["spi_version"])
    return ""


def _of_other_kind(document: Mapping[str, Any]) -> str:
    """Return which key the manifest's kind needs or must not have, or ""."""
    kind = document["kind"]
    for key, (owner, is_needed) in _KEYS_OF_KIND.items():
        if kind == owner and is_needed and key not in document:
            return f"{MANIFEST} lacks {key!r}"
        if kind != owner and key in document:
            return f"{key!r} in {MANIFEST} belongs to a {owner}, this is a {kind}"
    return ""


def _other_version(found: int) -> str:
    mend = "Update int8-workbench." if found > SPI_VERSION else "Update the plugin."
    return f"It was written for plugin surface version {found}, this program has version {SPI_VERSION}. {mend}"


def _wrong_folder(document: Mapping[str, Any], folder: Path) -> str:
    named = [f"{document.get('module', document['kind'])}.py", document.get("elsewhere", MANIFEST)]
    if missing := [name for name in named if not (folder / name).is_file()]:
        return f"{missing[0]} is missing beside {MANIFEST}"
    if document["id"] == folder.name:
        return ""
    return f"id = {document['id']!r}, but its folder is {folder.name!r}; give both the same name"


def _taken(manifest: Manifest, found: Sequence[Found]) -> str:
    for other, folder, error in found:
        if other and not error and other.id == manifest.id:
            return f"The id {manifest.id!r} is already taken by the plugin in {folder}"
    return ""


def _other_platform(manifest: Manifest) -> str:
    here = this_platform()
    if not manifest.platforms or {here, here.partition("-")[0]} & set(manifest.platforms):
        return ""
    return f"It needs {' or '.join(manifest.platforms)}; this machine is {here}"


def this_platform() -> str:
    """Return this machine's name in manifests, such as "linux-x86_64"."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return f"{system}-{ {'amd64': 'x86_64', 'aarch64': 'arm64'}.get(machine, machine) }"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(entry) for entry in value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.match(value) is not None


def _is_ids(value: object) -> bool:
    return isinstance(value, list) and all(_is_id(entry) for entry in value)


def _is_python_file(value: object) -> bool:
    return isinstance(value, str) and _PYTHON_FILE.match(value) is not None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_platforms(value: object) -> bool:
    names = {*SYSTEMS, *(f"{system}-{processor}" for system in SYSTEMS for processor in PROCESSORS)}
    return _is_texts(value) and set(cast("list[str]", value)) <= names


def _is_schemes(value: object) -> bool:
    return _is_texts(value) and bool(value) and set(cast("list[str]", value)) <= set(SCHEME_TITLES)


# key -> (check, whether it must be there, what is expected in words)
_FIELDS: dict[str, tuple[Callable[[object], bool], bool, str]] = {
    "id": (_is_id, True, "a lower_snake name"),
    "title": (_is_text, True, "a text"),
    "kind": (lambda value: value in KINDS, True, f"one of {', '.join(KINDS)}"),
    "spi_version": (_is_whole, True, "a whole number from 1"),
    "schemes": (_is_schemes, False, f"a list of {', '.join(SCHEME_TITLES)}"),
    "platforms": (_is_platforms, False, f"a list of {', '.join(SYSTEMS)}, each also with -{' or -'.join(PROCESSORS)}"),
    "requirements": (_is_texts, False, "a list of pip requirement lines"),
    "module": (_is_id, False, "the name of a Python file without suffix"),
    "description": (_is_text, False, "a text"),
    "homepage": (_is_text, False, "an address"),
    "reads": (_is_ids, False, "a list of formats, lower_snake names"),
    "writes": (_is_id, False, "a format, a lower_snake name"),
    "options": (is_declaration, False, "a table of choices, numbers and texts"),
    "elsewhere": (_is_python_file, False, "the name of a Python file beside it, lower_snake.py"),
}
# key -> (the kind of plugin it is for, whether that kind needs it)
_KEYS_OF_KIND: dict[str, tuple[str, bool]] = {
    "schemes": ("runtime", True),
    "reads": ("runtime", False),
    "elsewhere": ("runtime", False),
    "writes": ("quantizer", True),
    "options": ("quantizer", False),
}
