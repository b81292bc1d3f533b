"""The line for an optional part names what pyproject.toml asks for, and nothing of the program's own name."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from workbench import parts

EXTRAS = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_line_holds_what_the_extra_asks_for(extra: str) -> None:
    start, _, listed = parts.install_line(extra).partition(" -m pip install ")
    assert start == sys.executable
    assert {Requirement(item.strip('"')) for item in listed.split(" ")} == set(map(Requirement, EXTRAS[extra]))
    assert parts.PROGRAM not in listed


def test_where_it_is_not_installed_the_line_is_for_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(parts, "requires", absent)
    assert parts.install_line("torch").endswith('-m pip install ".[torch]"')


@pytest.mark.parametrize(
    ("name", "expected"),
    [("llvmlite", '"llvmlite<1,>=0.50"'), ("torch", '"torch"'), ("no-such-package", '"no-such-package"')],
)
def test_a_package_that_is_needed_has_its_versions(name: str, expected: str) -> None:
    assert parts.package_line(name) == f"{sys.executable} -m pip install {expected}"


@pytest.mark.parametrize("remedy", ['pip install "nncf==3.4.0"', "Update macOS.", "There: pip install tensorrt", ""])
def test_only_a_line_for_here_gets_this_interpreter(remedy: str) -> None:
    expected = f"{sys.executable} -m {remedy}" if remedy.startswith("pip") else remedy
    assert parts.into_this_interpreter(remedy) == expected
