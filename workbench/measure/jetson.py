"""What an NVIDIA Jetson board tells of itself in files: model, power mode, limits of its GPU's clock. Untested on one.

Sources: NVIDIA, "Jetson Linux Developer Guide", "nvpmodel": the mode in use lies in its status file, the modes' names
in its configuration; Linux kernel documentation, "sysfs-class-devfreq" (frequencies in Hz).
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/")
STATUS, MODES = "var/lib/nvpmodel/status", "etc/nvpmodel.conf"
GPU_CLOCKS = re.compile(r"\.(gpu|ga10b|gv11b|gp10b)$")
"""How the devfreq entry of a board's GPU ends."""


def board_model(root: Path = ROOT) -> str:
    """Return the board's name, "" on other machines."""
    tree = root / "proc" / "device-tree"
    return _text(tree / "model") if "nvidia,tegra" in _text(tree / "compatible") else ""


def board_power(root: Path = ROOT) -> str:
    """Return power mode and limits of the GPU's clock, such as "nvpmodel 2 MAXN, GPU clock 306 to 1020 MHz"."""
    found = re.search(r"pmode:0*(\d+)", _text(root / STATUS))
    names = dict(re.findall(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", _text(root / MODES), re.MULTILINE))
    mode = f"nvpmodel {found.group(1)} {names.get(found.group(1), '')}".strip() if found else ""
    return ", ".join(part for part in (mode, _gpu_clock(root)) if part)


def _gpu_clock(root: Path) -> str:
    for entry in sorted(root.glob("sys/class/devfreq/*")):
        limits = [_text(entry / name) for name in ("min_freq", "max_freq")]
        if GPU_CLOCKS.search(entry.name) and all(limit.isdigit() for limit in limits):
            low, high = (int(limit) / 1e6 for limit in limits)
            return f"GPU clock {low:.0f} to {high:.0f} MHz"
    return ""


def _text(path: Path) -> str:
    """Return a small file's text without its end, "" where it is absent or closed to us."""
    try:
        return path.read_bytes()[:65536].decode("utf-8", "replace").strip("\0 \n")
    except OSError:
        return ""
