"""Can a provider of ONNX Runtime be used here? Package, GPU, libraries, and last one node in a process of its own.

The list of available providers proves nothing: the package names CUDA and TensorRT on machines without either.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench_plugins.installed import versions_of
from workbench_plugins.ort_nvidia.gpus import Gpus, find_gpus
from workbench_plugins.ort_nvidia.libraries import Lookup, is_driver, library_versions, look_up, major_of
from workbench_plugins.ort_nvidia.remedies import remedy

from workbench.spi import Availability

PACKAGES = ("onnxruntime-gpu", "onnxruntime")
ONE_NODE_S = 45.0


@dataclass(frozen=True)
class Provider:
    """One execution provider of ONNX Runtime.

    Attributes:
        name: as ONNX Runtime spells it, such as "CUDAExecutionProvider".
        title: on screen; library: stem of its file, "" for one that is built in.
        device: name of the device its nodes run on, without the index.
    """

    name: str
    title: str
    library: str
    device: str = "CUDA"


CUDA = Provider("CUDAExecutionProvider", "CUDA", "onnxruntime_providers_cuda")
TENSORRT = Provider("TensorrtExecutionProvider", "TensorRT", "onnxruntime_providers_tensorrt")


def availability(provider: Provider, requirement: str) -> Availability:
    """Return whether a provider can be used; never raises.

    Args:
        requirement: pip requirement that brings ONNX Runtime with this provider.
    """
    try:
        return _availability(provider, requirement)
    except Exception as error:  # noqa: BLE001  (a probe answers, whatever it stumbles over)
        return Availability(False, f"{provider.title} cannot be looked for: {error}", precisions=())


def provider_library(provider: Provider) -> Path | None:
    """Return the provider's file in the ONNX Runtime package, None where the package has none; nothing is imported."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "capi"
    names = (f"lib{provider.library}.so", f"{provider.library}.dll")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def is_ready(provider: Provider) -> bool:
    """Whether a GPU is listed and every library of the provider loads: what can be told without a device."""
    library = provider_library(provider) if provider.library else None
    if library is None or not (find_gpus().names or sys.platform == "win32"):
        return False
    return not look_up(library).missing


def installed() -> tuple[str, str]:
    """Return name and version of the ONNX Runtime package, or two empty texts."""
    return next(iter(versions_of(*PACKAGES).items()), ("", ""))


def _availability(provider: Provider, requirement: str) -> Availability:
    name, version = installed()
    if not name:
        return Availability(False, "ONNX Runtime is not installed", f'pip install "{requirement}"', precisions=())
    library = provider_library(provider)
    if library is None:
        reason = f"{name} {version} has no {provider.title} provider"
        mend = f'pip uninstall -y {name}; pip install "{requirement}"'
        return Availability(False, reason, mend, {name: version}, precisions=())
    gpus, lookup = find_gpus(), look_up(library)
    versions = {name: version, **library_versions(lookup), **({"NVIDIA driver": gpus.driver} if gpus.driver else {})}
    devices = tuple(f"GPU: {item}" for item in gpus.names)
    has_gpu = bool(gpus.names) or (sys.platform == "win32" and not any(map(is_driver, lookup.missing)))
    reason = why_not(gpus, lookup, has_gpu) or one_node_problem(provider, lookup)
    mend = (remedy(lookup, gpus, has_gpu, (name, version)) or last_resort(lookup, gpus)) if reason else ""
    return Availability(not reason, reason, mend, versions, devices, ("fp32", "fp16", "int8"))


def why_not(gpus: Gpus, lookup: Lookup, has_gpu: bool) -> str:
    """Return what is missing in words, or ""."""
    problems = [] if has_gpu else ["no NVIDIA GPU is in this machine"]
    drivers = [name for name in lookup.missing if is_driver(name)]
    others = [name for name in lookup.missing if not is_driver(name)]
    problems += [f"no NVIDIA driver ({', '.join(drivers)})"] if drivers else []
    problems += [f"the loader does not find {', '.join(others)}"] if others else []
    return "; ".join(problems)


def last_resort(lookup: Lookup, gpus: Gpus) -> str:
    """Return what to look at where GPU and libraries are all there and the provider does not run all the same."""
    cuda, driver = major_of(lookup.needed, "cudart"), f" {gpus.driver}" if gpus.driver else ""
    newest = f" is for CUDA {cuda} or newer" if cuda else " is new enough"
    return f"See that NVIDIA's driver{driver}{newest}, and that the GPU has free memory."


def one_node_problem(provider: Provider, lookup: Lookup) -> str:
    """Run one node on the provider in a process of its own; return why it did not run there, or ""."""
    script = Path(__file__).with_name("one_node.py")
    shipped = json.dumps([str(path) for path in lookup.shipped])
    command = [sys.executable, str(script), provider.name, shipped]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ONE_NODE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"one node on the {provider.title} provider took more than {ONE_NODE_S:.0f} s"
    return _read_answer(provider, done.stdout.splitlines(), done.stderr.splitlines(), done.returncode)


def _read_answer(provider: Provider, lines: Sequence[str], log: Sequence[str], code: int) -> str:
    if code or not lines:
        last = next((line.strip() for line in reversed(log) if line.strip()), "no message")
        return f"one node on the {provider.title} provider ended the process (exit code {code}): {last}"
    answer = json.loads(lines[-1])
    if answer["error"]:
        return f"one node on the {provider.title} provider failed: {answer['error']}"
    if provider.name not in answer["providers"] or provider.name not in answer["nodes"]:
        got = ", ".join(answer["nodes"] or answer["providers"])
        return f"ONNX Runtime silently gave one node to {got} instead of {provider.name}"
    return ""
