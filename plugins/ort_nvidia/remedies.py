"""What to install for what is missing, put together from what the files and packages here say of themselves."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterable

from workbench_plugins.ort_nvidia.gpus import Gpus
from workbench_plugins.ort_nvidia.libraries import Lookup, is_driver, is_tensorrt, major_of

_EXTRA = re.compile(r"""nvidia-.*;\s*extra\s*==\s*["']([^"']+)["']""")


def remedy(lookup: Lookup, gpus: Gpus, has_gpu: bool, distribution: tuple[str, str]) -> str:
    """Return one line: the machine or the driver first, then the packages for what is missing; "" for nothing.

    Args:
        distribution: name and version of the ONNX Runtime package found.
    """
    steps = []
    cuda = major_of(lookup.needed, "cudart")
    if not has_gpu:
        steps.append("Use a machine with an NVIDIA GPU and its driver.")
    elif any(is_driver(name) for name in lookup.missing):
        steps.append(f"Install NVIDIA's driver for {platform.system()} {platform.machine()}{_with_cuda(cuda)}.")
    packages = packages_for(lookup, distribution)
    if packages and any("jetson" in name.lower() or "tegra" in name.lower() for name in gpus.names):
        steps.append("sudo apt install nvidia-jetpack")
    elif packages:
        there = "" if has_gpu else "There: "
        steps.append(there + "pip install " + " ".join(f'"{item}"' for item in packages))
    return " ".join(steps)


def packages_for(lookup: Lookup, distribution: tuple[str, str]) -> list[str]:
    """Return pip requirements that bring the missing libraries, the driver's aside.

    ONNX Runtime's own extras name the packages of CUDA and cuDNN; TensorRT's package carries the CUDA version in its
    name and the major version that the provider was linked with.
    """
    name, version = distribution
    found = []
    if any(not is_driver(item) and not is_tensorrt(item) for item in lookup.missing):
        extras = extras_with_nvidia(_requirements(name))
        found.append(f"{name}[{','.join(extras)}]=={version}" if extras else f"{name}=={version}")
    cuda, tensorrt = major_of(lookup.needed, "cudart"), major_of(lookup.needed, "nvinfer")
    if any(is_tensorrt(item) for item in lookup.missing) and cuda and tensorrt:
        found.append(f"tensorrt-cu{cuda}=={tensorrt}.*")
    return found


def extras_with_nvidia(requirements: Iterable[str]) -> list[str]:
    """Return the extras of a distribution whose requirements are NVIDIA's packages, sorted."""
    found = (_EXTRA.match(line) for line in requirements)
    return sorted({match.group(1) for match in found if match})


def _requirements(name: str) -> list[str]:
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _with_cuda(major: int | None) -> str:
    return f", for CUDA {major} or newer" if major else ""
