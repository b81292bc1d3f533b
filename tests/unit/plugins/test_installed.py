"""Versions of what is installed; what is not is left out."""

from __future__ import annotations

import importlib.metadata

from workbench_plugins.installed import versions_of


def test_only_what_is_there_is_told_in_the_order_asked() -> None:
    found = versions_of("pytest", "no-such-distribution", "numpy")
    assert list(found.items()) == [(name, importlib.metadata.version(name)) for name in ("pytest", "numpy")]
    assert versions_of() == {}
