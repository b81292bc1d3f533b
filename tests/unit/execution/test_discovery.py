"""Discovery: manifests as data, what is wrong in words, and never an exception or an import of a plugin."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from helpers.workers import PLUGINS

from workbench.errors import ContractError, StudyError
from workbench.execution import discovery
from workbench.execution.discovery import (
    Manifest,
    discover,
    find_plugin,
    load_plugin,
    load_quantizer,
    load_runtime,
    package_folder,
    read_manifest,
    this_platform,
)
from workbench.execution.jobs import PluginRef

GOOD = 'id = "mine"\ntitle = "Mine"\nkind = "runtime"\nspi_version = 1\nschemes = ["S1"]\n'


TOOL = 'id = "mine"\ntitle = "Mine"\nkind = "quantizer"\nspi_version = 1\nwrites = "qdq_onnx"\n'


@pytest.fixture(autouse=True)
def no_other_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(discovery.FOLDERS_VARIABLE, raising=False)


def write(folder: Path, manifest: str = GOOD, code: str = "RUNTIME = None\n") -> Path:
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(manifest, encoding="utf-8")
    (folder / "runtime.py").write_text(code, encoding="utf-8")
    return folder


def test_a_good_manifest(tmp_path: Path) -> None:
    manifest, error = read_manifest(write(tmp_path / "mine", GOOD + 'requirements = ["a==1"]\n'))
    assert error == ""
    assert manifest == Manifest("mine", "Mine", "runtime", 1, tmp_path / "mine", ("S1",), requirements=("a==1",))
    assert manifest.ref == PluginRef("mine", tmp_path / "mine", ("a==1",), spi_version=1)


def test_a_good_manifest_of_a_tool_chain(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", TOOL + '[options]\nmethod = ["a", "b"]\nshare = 99.9\n')
    (folder / "quantizer.py").write_text("QUANTIZER = print\n", encoding="utf-8")
    manifest, error = read_manifest(folder)
    assert error == ""
    assert manifest is not None
    assert (manifest.kind, manifest.module, manifest.writes) == ("quantizer", "quantizer", "qdq_onnx")
    assert manifest.options == {"method": ["a", "b"], "share": 99.9}
    with pytest.raises(ContractError, match="lacks probe, quantize, read_back"):
        load_quantizer(manifest.ref)
    with pytest.raises(ContractError, match=r"defines no RUNTIME in quantizer\.py"):
        load_runtime(manifest.ref)


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        (GOOD + "requirment = []\n", "Unknown key 'requirment' in plugin.toml; did you mean 'requirements'?"),
        (GOOD + "zzz = 1\n", "Unknown key 'zzz' in plugin.toml; known keys: id, title"),
        (
            GOOD.replace("spi_version = 1", "spi_version = 3"),
            "surface version 3, this program has version 2. Update",
        ),
        (GOOD.replace("spi_version = 1", "spi_version = true"), "expected a whole number"),
        (GOOD.replace("spi_version = 1\n", ""), "plugin.toml lacks 'spi_version'"),
        (GOOD.replace('"runtime"', '"engine"'), "kind = 'engine' in plugin.toml; expected one of runtime, quantizer"),
        (GOOD.replace('"mine"', '"other"'), "id = 'other', but its folder is 'mine'"),
        (GOOD.replace('"mine"', '"Not-Lower"'), "expected a lower_snake name"),
        (GOOD.replace('["S1"]', '["S9"]'), "expected a list of S1, S2"),
        (GOOD.replace('["S1"]', "[[1]]"), "expected a list of S1, S2"),
        (GOOD + 'platforms = ["beos"]\n', "expected a list of linux, windows, macos"),
        (GOOD + 'module = "engine"\n', "engine.py is missing beside plugin.toml"),
        (GOOD.replace('schemes = ["S1"]\n', ""), "plugin.toml lacks 'schemes'"),
        (GOOD + 'writes = "qdq_onnx"\n', "'writes' in plugin.toml belongs to a quantizer, this is a runtime"),
        (GOOD + 'reads = ["Q DQ"]\n', "expected a list of formats"),
        (TOOL + 'schemes = ["S1"]\n', "'schemes' in plugin.toml belongs to a runtime, this is a quantizer"),
        (TOOL.replace("writes", "reads"), "reads = 'qdq_onnx' in plugin.toml; expected a list"),
        (TOOL.replace('writes = "qdq_onnx"\n', ""), "plugin.toml lacks 'writes'"),
        (TOOL + "[options]\ndepth = true\n", "expected a table of choices, numbers and texts"),
        (TOOL, "quantizer.py is missing beside plugin.toml"),
        ("not toml [", "plugin.toml is not valid TOML"),
        ("\xff", "plugin.toml is not valid TOML"),
    ],
)
def test_a_bad_manifest_says_what_is_wrong(tmp_path: Path, manifest: str, text: str) -> None:
    folder = write(tmp_path / "mine", manifest)
    if manifest == "\xff":
        (folder / "plugin.toml").write_bytes(b"\xff\xfe")
    found, error = read_manifest(folder)
    assert found is None
    assert text in error


def test_missing_files_are_errors_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    (folder / "runtime.py").unlink()
    assert "runtime.py is missing" in read_manifest(folder)[1]
    assert "cannot be read" in read_manifest(tmp_path / "absent")[1]


def test_discovery_finds_folders_from_the_environment_and_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a" / "mine")
    write(tmp_path / "b" / "mine")
    write(tmp_path / "c" / "third", GOOD.replace('"mine"', '"third"'))
    monkeypatch.setenv(discovery.FOLDERS_VARIABLE, str(tmp_path / "a"))
    found = discover([tmp_path / "b", tmp_path / "c" / "third", tmp_path / "a", tmp_path / "nowhere"])
    extra = [(m.id if m else None, folder.name, error) for m, folder, error in found if folder.is_relative_to(tmp_path)]
    assert extra[0] == ("mine", "mine", "")
    assert extra[1][2].startswith("The id 'mine' is already taken")
    assert extra[2] == ("third", "third", "")
    assert extra[3] == (None, "nowhere", "No plugin is here: the folder holds no plugin.toml")


def test_bundled_plugins_are_found() -> None:
    ids = {manifest.id for manifest, _, error in discover() if manifest and not error}
    assert {"ort_cpu", "openvino", "ort_quantize_static", "nncf"} <= ids
    tool = find_plugin("ort_quantize_static", kind="quantizer")
    assert load_plugin(tool.ref) is load_quantizer(tool.ref)
    assert package_folder("workbench_plugins").name in {"plugins", "workbench_plugins"}
    with pytest.raises(ContractError, match="not installed"):
        package_folder("no_such_package_at_all")


def test_a_broken_installation_is_an_entry_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "PLUGIN_PACKAGE", "no_such_package_at_all")
    assert discover()[0][::2] == (None, "The package no_such_package_at_all is not installed with this program")
    assert find_plugin("echo", [PLUGINS]).id == "echo"


def test_discovery_imports_no_plugin() -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from workbench.execution.discovery import discover\n"
        "assert len(discover([Path(sys.argv[1])])) > 9\n"
        "names = ('workbench_plugins', 'onnx', 'onnxruntime', 'openvino')\n"
        "print([name for name in sys.modules if name.split('.')[0] in names])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(PLUGINS)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_platform_is_listed_with_its_reason(tmp_path: Path) -> None:
    other = "windows" if sys.platform != "win32" else "macos"
    write(tmp_path / "mine", GOOD + f'platforms = ["{other}"]\n')
    manifest, _, error = next(entry for entry in discover([tmp_path]) if entry[1] == tmp_path / "mine")
    assert manifest is not None
    assert error == f"It needs {other}; this machine is {this_platform()}"
    with pytest.raises(StudyError, match=f"needs {other}"):
        find_plugin("mine", [tmp_path])


def test_find_plugin_names_the_nearest_and_all() -> None:
    assert find_plugin("echo", [PLUGINS]).title.startswith("Echo")
    with pytest.raises(StudyError, match=r"no runtime 'ort-cpu'. Did you mean 'ort_cpu'\? Known: .*openvino"):
        find_plugin("ort-cpu")
    with pytest.raises(StudyError, match="surface version 99"):
        find_plugin("wrong_spi", [PLUGINS])


def test_entry_points_are_located_without_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "zz_vendor"
    write(package / "fast", GOOD.replace('"mine"', '"fast"'))
    (package / "__init__.py").write_text("raise AssertionError('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [
        importlib.metadata.EntryPoint("fast", "zz_vendor.fast", discovery.ENTRY_POINTS),
        importlib.metadata.EntryPoint("gone", "zz_not_there", discovery.ENTRY_POINTS),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    found = {folder.name: (manifest, error) for manifest, folder, error in discover()}
    manifest, error = found["fast"]
    assert (manifest.id if manifest else None, error) == ("fast", "")
    assert "zz_not_there, which is not installed" in found["gone"][1]
    assert "zz_vendor" not in sys.modules


def test_a_runtime_must_have_its_methods(tmp_path: Path) -> None:
    write(tmp_path / "zz_none", code="")
    write(tmp_path / "zz_half", code="class R:\n    def probe(self): ...\nRUNTIME = R()\n")
    with pytest.raises(ContractError, match="zz_none defines no RUNTIME"):
        load_runtime(PluginRef("zz_none", tmp_path / "zz_none"))
    with pytest.raises(ContractError, match="zz_half lacks realise, prepare, read_back, open"):
        load_runtime(PluginRef("zz_half", tmp_path / "zz_half"))
    write(tmp_path / "zz_class", code="class R:\n    def probe(self): ...\nRUNTIME = R\n")
    with pytest.raises(ContractError, match=r"zz_class: RUNTIME is a class; write RUNTIME = R\(\)"):
        load_runtime(PluginRef("zz_class", tmp_path / "zz_class"))
    assert callable(load_runtime(find_plugin("echo", [PLUGINS]).ref).probe)


@pytest.mark.parametrize(("version", "parameters"), [(1, "graph, scheme"), (2, "graph, scheme, settings")])
def test_a_plugin_of_either_version_is_asked_alike(tmp_path: Path, version: int, parameters: str) -> None:
    others = "probe = prepare = read_back = open = lambda self: 7"
    code = f"class R:\n    {others}\n    def realise(self, {parameters}): return [{parameters}]\nRUNTIME = R()\n"
    name = f"zz_version{version}"
    manifest, error = read_manifest(
        write(tmp_path / name, GOOD.replace("mine", name).replace("spi_version = 1", f"spi_version = {version}"), code)
    )
    assert (manifest is not None, error) == (True, "")
    assert manifest is not None
    runtime = load_runtime(manifest.ref)
    assert runtime.realise("g", "s", {"a": 1}) == ["g", "s", {"a": 1}][: version + 1]  # type: ignore[arg-type]
    assert runtime.probe() == 7  # type: ignore[comparison-overlap]
