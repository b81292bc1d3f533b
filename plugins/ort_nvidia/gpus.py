"""Is an NVIDIA GPU here, and a driver? Read from what the operating system lists; no driver is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NVIDIA_VENDOR = "0x10de"
DISPLAY_CLASS = "0x03"
"""PCI base class 03h, "display controller" (PCI Code and ID Assignment Specification): VGA and 3D controllers."""
ROOT = Path("/")


@dataclass(frozen=True)
class Gpus:
    """What the operating system knows.

    Attributes:
        names: one per GPU; empty where none is listed.
        driver: version of the loaded kernel driver, or "".
    """

    names: tuple[str, ...] = ()
    driver: str = ""


def find_gpus(root: Path = ROOT) -> Gpus:
    """Look at /proc, /sys and /dev below `root`; a Jetson's and WSL's GPU count too. Never raises.

    On Windows nothing is listed there: what the loader says of the driver's library decides alone.
    """
    try:
        names = _by_driver(root) or _by_bus(root) or _jetson(root) or _wsl(root)
        return Gpus(names, _driver_version(root))
    except OSError:
        return Gpus()


def engine_folder(gpus: Gpus) -> str:
    """Return the name of a folder for engines of these GPUs: an engine is tuned for the very GPU it was built on.

    Where nothing is listed, as on Windows, it is one folder; TensorRT then refuses another compute capability's alone.
    """
    return re.sub(r"\W+", "_", " ".join(sorted(set(gpus.names)))).strip("_") or "unlisted_gpu"


def _by_driver(root: Path) -> tuple[str, ...]:
    files = sorted(root.glob("proc/driver/nvidia/gpus/*/information"))
    models = (re.search(r"^Model:\s*(.+)$", _text(path), re.MULTILINE) for path in files)
    return tuple(found.group(1).strip() if found else "NVIDIA GPU" for found in models)


def _by_bus(root: Path) -> tuple[str, ...]:
    devices = sorted(root.glob("sys/bus/pci/devices/*"))
    return tuple(
        f"NVIDIA GPU at PCI {device.name}"
        for device in devices
        if _text(device / "vendor").strip() == NVIDIA_VENDOR and _text(device / "class").startswith(DISPLAY_CLASS)
    )


def _jetson(root: Path) -> tuple[str, ...]:
    tree = root / "proc" / "device-tree"
    if "nvidia,tegra" not in _text(tree / "compatible"):
        return ()
    return (_text(tree / "model").strip("\0 \n") or "NVIDIA Jetson",)


def _wsl(root: Path) -> tuple[str, ...]:
    has_both = (root / "dev" / "dxg").exists() and (root / "usr/lib/wsl/lib/libcuda.so.1").exists()
    return ("NVIDIA GPU through WSL",) if has_both else ()


def _driver_version(root: Path) -> str:
    named = _text(root / "sys/module/nvidia/version").strip()
    found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", _text(root / "proc/driver/nvidia/version"))
    return named or (found.group() if found else "")


def _text(path: Path) -> str:
    """Return a small file's text, "" where it is absent or closed to us."""
    try:
        return path.read_bytes()[:65536].decode("utf-8", "replace")
    except OSError:
        return ""
