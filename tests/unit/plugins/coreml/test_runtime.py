import importlib.metadata
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.contexts import PlainContext
from workbench_plugins.coreml import runtime
from workbench_plugins.coreml.runtime import CoreMlRuntime

from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions


def absent(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


def test_elsewhere_it_says_what_is_missing_and_keeps_its_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    found = CoreMlRuntime().probe()
    assert not found.ok
    assert "macOS only" in found.reason
    assert "bundle" in found.remedy
    assert found.precisions == ("fp32", "fp16", "int8")


@pytest.mark.parametrize(("version", "ok"), [("15.1", True), ("14.0", True), ("13.6.1", False)])
def test_on_macos_its_version_counts(version: str, ok: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: (version, ("", "", ""), "arm64"))
    found = CoreMlRuntime().probe()
    assert found.ok == ok
    assert version in (found.devices[0] if ok else found.reason)


def test_without_the_library_nothing_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", absent)
    found = CoreMlRuntime().probe()
    assert (found.ok, found.precisions) == (False, ())
    assert found.remedy == 'pip install "coremltools==9.0"'


def test_a_python_that_is_too_new_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    found = CoreMlRuntime().probe()
    assert found.reason == "coremltools 9.0 has no build for Python 3.15"
    assert "Python 3.13 or older" in found.remedy


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Windows", "AMD64")])
def test_a_system_without_a_build_is_one_line_with_the_remedy(
    system: str, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    found = CoreMlRuntime().probe()
    assert found.reason == f"coremltools 9.0 has no build for {system} {machine}"
    assert found.remedy == "Make the packages on macOS or on Linux x86_64."


def test_the_requirement_is_the_manifests() -> None:
    text = (Path(runtime.__file__).parent / "plugin.toml").read_text(encoding="utf-8")
    assert f'requirements = ["{runtime.REQUIREMENT}"]' in text


def test_options_are_checked_everywhere(residual: Any, tmp_path: Path) -> None:
    subject, wrong = CoreMlRuntime(), {"precision": "int4"}
    context = PlainContext(tmp_path, "int8", residual.canonical, residual.plan, settings=wrong)
    for attempt in (
        lambda: subject.realise(context.graph, Scheme(), wrong),
        lambda: subject.prepare(tmp_path / "model.onnx", residual.plan, context),
        lambda: subject.open(residual.prepared, OpenOptions("int8", 1, 1, tmp_path, wrong)),
    ):
        with pytest.raises(ValueError, match="no option 'precision'"):
            attempt()


def test_where_core_ml_is_the_package_is_compiled_while_preparing(
    residual: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[tuple[Path, Path]] = []
    monkeypatch.setattr(runtime, "compile_package", lambda package, place: compiled.append((package, place)))
    monkeypatch.setattr(runtime, "prepare_package", lambda *_: residual.prepared)
    context = PlainContext(tmp_path, "int8", residual.canonical, residual.plan)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert CoreMlRuntime().prepare(tmp_path, residual.plan, context) == residual.prepared
    assert compiled == []
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    assert CoreMlRuntime().prepare(tmp_path, residual.plan, context) == residual.prepared
    ((package, place),) = compiled
    assert package == residual.prepared.artifact
    assert place.parent.parent == package.parent / "engines"


def test_int8_needs_a_plan(residual: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="with a plan only"):
        CoreMlRuntime().prepare(tmp_path, None, PlainContext(tmp_path, "int8", residual.canonical))
