"""Loading openvino starts no telemetry."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
events = []
def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(("socket.", "subprocess.", "os.system", "os.mkdir")):
        events.append((event, str(arguments)[:200]))
sys.addaudithook(watch)
from workbench_plugins.openvino.library import load_openvino
load_openvino().Core().get_property("CPU", "FULL_DEVICE_NAME")
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules), "telemetry was loaded"
print([event for event in events if "__pycache__" not in event[1]])
"""


def test_loading_opens_no_socket_and_writes_no_file() -> None:
    done = subprocess.run([sys.executable, "-B", "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
