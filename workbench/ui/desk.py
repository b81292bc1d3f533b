"""What every set-up page works with: the look, the document, the bridge, the settings."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.ui.commands import Bridge
from workbench.ui.document import Document
from workbench.ui.settings import Settings
from workbench.ui.theme import Theme


@dataclass(frozen=True)
class Desk:
    """Handed to each set-up page when it is made; pages keep it and share nothing else."""

    theme: Theme
    document: Document
    bridge: Bridge
    settings: Settings
