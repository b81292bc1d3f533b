"""Which libraries a provider needs, which of them the loader finds, and which lie in Python packages."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench_plugins.ort_nvidia.binaries import needed_libraries

Loader = Callable[[str], str]

PACKAGE_FOLDERS = ("nvidia/*/lib", "nvidia/*/bin", "nvidia/*/bin/*", "tensorrt_libs")
"""Where NVIDIA's Python packages keep their libraries, below site-packages."""
VERSION_CALLS: Mapping[str, tuple[str, str]] = {
    "CUDA runtime": ("cudart", "cudaRuntimeGetVersion"),
    "cuDNN": ("cudnn", "cudnnGetVersion"),
    "TensorRT": ("nvinfer", "getInferLibVersion"),
}
"""Tool -> (library, function that tells its version without touching a device)."""


@dataclass(frozen=True)
class Lookup:
    """What became of the libraries a provider needs.

    Attributes:
        needed: their names, as the provider's file lists them.
        shipped: files in Python packages that the loader does not find by itself; loading them first mends that.
        missing: names that are nowhere.
    """

    needed: tuple[str, ...] = ()
    shipped: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()


def look_up(library: Path, folders: Sequence[Path] | None = None, loads: Loader | None = None) -> Lookup:
    """Try every library that `library` needs, in its order, then cuDNN; the ones that are found stay loaded.

    Args:
        folders: of Python packages that may hold them; those of this interpreter by default.
        loads: tries one name or path, "" when it loads; the system's loader by default.

    Raises:
        OSError, ValueError: `library` cannot be read.
    """
    loads = loads or load_error
    needed = (*needed_libraries(library), *opened_later(library))
    places = package_folders(sys.path) if folders is None else folders
    shipped: list[Path] = []
    missing: list[str] = []
    for name in needed:
        if not loads(name):
            continue
        path = next((folder / name for folder in places if (folder / name).is_file()), None)
        if path is not None and not loads(str(path)):
            shipped.append(path)
        else:
            missing.append(name)
    return Lookup(needed, tuple(shipped), tuple(missing))


def opened_later(library: Path) -> tuple[str, ...]:
    """Return cuDNN's file name where the CUDA provider does not list it: it opens cuDNN by name at its first node.

    The name is the one that the TensorRT provider beside it lists, both being built for one cuDNN; () without it.
    """
    beside = library.with_name(library.name.replace("providers_cuda", "providers_tensorrt"))
    if beside == library or not beside.is_file():
        return ()
    listed = needed_libraries(library)
    return tuple(name for name in needed_libraries(beside) if "cudnn" in name.lower() and name not in listed)


def load_error(name: str) -> str:
    """Load a library by name or path and return "", or the loader's words. No device is initialised by that."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return str(error)
    return ""


def preload(paths: Iterable[Path]) -> None:
    """Load shipped libraries, and what lies beside TensorRT's own, which it opens by name later. Raises OSError."""
    for path in paths:
        ctypes.CDLL(str(path))
        if "nvinfer" in path.name:
            for other in sorted(path.parent.glob("*nvinfer_*")):
                load_error(str(other))


def package_folders(search_path: Iterable[str]) -> list[Path]:
    """Return the folders with libraries in NVIDIA's Python packages on a module search path."""
    roots = [Path(entry) for entry in search_path if entry.endswith("-packages")]
    found = (folder for root in roots for pattern in PACKAGE_FOLDERS for folder in sorted(root.glob(pattern)))
    return [folder for folder in found if folder.is_dir()]


def is_driver(name: str) -> bool:
    """Whether a library comes with the GPU's driver: libcuda.so.1 on Linux, nvcuda.dll on Windows."""
    return re.match(r"(libcuda\.so|nvcuda\.dll)", name, re.IGNORECASE) is not None


def is_tensorrt(name: str) -> bool:
    """Whether a library is one of TensorRT's."""
    return "nvinfer" in name.lower() or "nvonnxparser" in name.lower()


def major_of(names: Iterable[str], library: str) -> int | None:
    """Return the major version in a library's file name, such as 13 of libcudart.so.13 or cudart64_13.dll."""
    pattern = re.compile(rf"(?:lib)?{library}(?:64)?(?:\.so\.|_)(\d+)", re.IGNORECASE)
    found = next((match for name in names if (match := pattern.match(name))), None)
    return int(found.group(1)) if found else None


def library_versions(lookup: Lookup) -> dict[str, str]:
    """Ask the libraries that load for their versions; {"TensorRT": "10.13.3", ...}. Never raises."""
    found = {}
    for tool, (library, function) in VERSION_CALLS.items():
        name = next((name for name in lookup.needed if library in name and name not in lookup.missing), "")
        version = _asked(name, function, lookup.shipped) if name else ""
        if version:
            found[tool] = version
    return found


def _asked(name: str, function: str, shipped: Iterable[Path]) -> str:
    path = next((str(path) for path in shipped if path.name == name), name)
    try:
        call = getattr(ctypes.CDLL(path), function)
        if function == "cudaRuntimeGetVersion":
            number = ctypes.c_int()
            call(ctypes.byref(number))
            return f"{number.value // 1000}.{number.value % 1000 // 10}"
        call.restype = ctypes.c_size_t if function == "cudnnGetVersion" else ctypes.c_int
        return dotted(int(call()))
    except (OSError, AttributeError):
        return ""


def dotted(number: int) -> str:
    """Return major.minor.patch of cuDNN 9's and TensorRT 10's version numbers: 10000 major + 100 minor + patch."""
    return f"{number // 10000}.{number % 10000 // 100}.{number % 100}"
