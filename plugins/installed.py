"""Which distributions are installed, and in which versions: read from their metadata, nothing is imported."""

from __future__ import annotations

import importlib.metadata


def versions_of(*names: str) -> dict[str, str]:
    """Return name -> version of those of the named distributions that are installed, in the order given."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
