"""What is pinned, what pyproject.toml asks for and what the plugins name are the same packages."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SETS = {"base": ("gui", "nvidia"), "test": ("torch", "nncf")}
"""Pinned set -> the extras of pyproject.toml that it brings; the base has the dependencies too."""
NOT_PINNED = {"tensorrt"}
"""Named by plugins; not part of any pinned set."""


def pins(kind: str) -> dict[str, Requirement]:
    """Return the requirements of one file, by name."""
    lines = (ROOT / "packaging" / "pins" / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    named = {canonicalize_name(item.name): item for item in found}
    assert len(named) == len(found), "a package is pinned twice"
    return named


def project() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def asked_for() -> Iterator[tuple[str, Requirement]]:
    """Yield the pinned set and each requirement of pyproject.toml that it has to meet."""
    extras = project()["optional-dependencies"]
    yield from (("base", Requirement(line)) for line in project()["dependencies"])
    yield from ((kind, Requirement(line)) for kind, names in SETS.items() for name in names for line in extras[name])


def version_of(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def test_no_extra_is_forgotten() -> None:
    assert sorted(project()["optional-dependencies"]) == sorted(name for names in SETS.values() for name in names)


@pytest.mark.parametrize(("kind", "wanted"), [pytest.param(*item, id=item[1].name) for item in asked_for()])
def test_each_requirement_is_met_by_its_pin_on_the_same_systems(kind: str, wanted: Requirement) -> None:
    pin = pins(kind)[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(version_of(pin))
    assert str(pin.marker) == str(wanted.marker)


def test_nothing_is_pinned_in_both_sets() -> None:
    assert set(pins("base")) & set(pins("test")) == set()


@pytest.mark.parametrize("manifest", sorted(ROOT.glob("plugins/*/plugin.toml")), ids=lambda path: path.parent.name)
def test_plugins_name_the_pinned_versions(manifest: Path) -> None:
    pinned = {**pins("base"), **pins("test")}
    named = [Requirement(line) for line in tomllib.loads(manifest.read_text(encoding="utf-8")).get("requirements", ())]
    for requirement in named:
        if requirement.name not in NOT_PINNED:
            assert version_of(requirement) == version_of(pinned[canonicalize_name(requirement.name)])


def test_the_doctor_looks_for_every_dependency_that_is_no_runtimes_own() -> None:
    from workbench.cli.setup_commands import PARTS

    manifests = [tomllib.loads(path.read_text(encoding="utf-8")) for path in ROOT.glob("plugins/*/plugin.toml")]
    of_runtimes = {Requirement(line).name for manifest in manifests for line in manifest.get("requirements", ())}
    assert sorted(PARTS) == sorted({Requirement(line).name for line in project()["dependencies"]} - of_runtimes)


SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
NAMES = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


@pytest.mark.parametrize(("system", "machine"), SYSTEMS)
def test_core_mls_library_is_asked_for_where_it_has_a_build(system: str, machine: str) -> None:
    from workbench_plugins.coreml.runtime import NEWEST_PYTHON, has_build

    (wanted,) = [item for _, item in asked_for() if item.name == "coremltools"]
    assert wanted.marker is not None
    for minor in range(11, 17):
        place = {"sys_platform": system, "platform_machine": machine, "python_version": f"3.{minor}"}
        assert wanted.marker.evaluate(place) == (has_build(NAMES[system], machine) and (3, minor) <= NEWEST_PYTHON)
