"""Loads the openvino package without its telemetry."""

from __future__ import annotations

import sys
from typing import Any

_TELEMETRY = "openvino_telemetry"


def load_openvino() -> Any:
    """Import `openvino` and return it. Raises ImportError when it is absent or broken.

    Its import would start `openvino_telemetry`, which writes an identity file into the home folder and may report
    over the network. An entry of None in `sys.modules` makes that import fail, which openvino treats as "not
    installed" and replaces by a stub that does nothing.
    """
    if _TELEMETRY not in sys.modules:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    import openvino  # noqa: PLC0415  (the telemetry must be out of the way first)

    return openvino
