"""pyproject.toml lists every package; a forgotten one would be absent from the wheel only."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "workbench").rglob("__init__.py")}
    plugins = (path.parent.relative_to(ROOT / "plugins") for path in (ROOT / "plugins").rglob("__init__.py"))
    found |= {".".join(("workbench_plugins", *path.parts)) for path in plugins}
    assert listed == found | {"workbench_resources"}
