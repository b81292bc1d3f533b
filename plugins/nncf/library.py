"""Loads nncf and openvino without their telemetry."""

from __future__ import annotations

import sys
from typing import Any

_TELEMETRY = "openvino_telemetry"


def load_openvino() -> Any:
    """Import `openvino` and return it. Raises ImportError when it is absent or broken.

    Its telemetry writes an identity file into the home folder and may report over the network. An entry of None in
    `sys.modules` makes the import of it fail, which both packages take as "not installed".
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    import openvino  # noqa: PLC0415  (the telemetry must be out of the way first)

    return openvino


def load_nncf() -> Any:
    """Import `nncf` and return it, as above."""
    load_openvino()
    import nncf  # noqa: PLC0415  (as above)

    return nncf
