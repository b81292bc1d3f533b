"""Loading nncf and openvino starts no telemetry."""

from __future__ import annotations

import subprocess
import sys

import pytest
from workbench_plugins.nncf.quantizer import QUANTIZER

SCRIPT = """
import sys
events = []
def watch(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        events.append((event, str(arguments)[:200]))
sys.addaudithook(watch)
from workbench_plugins.nncf.library import load_nncf
nncf = load_nncf()
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules), "telemetry was loaded"
print(nncf.__version__, events)
"""


def test_loading_opens_no_socket() -> None:
    if not QUANTIZER.probe().ok:
        pytest.skip(QUANTIZER.probe().reason)
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2].endswith(" []")
