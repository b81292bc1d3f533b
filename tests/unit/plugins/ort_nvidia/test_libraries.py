"""What the loader finds, what packages ship, what is missing; versions asked without a device."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.handmade_libraries import elf
from workbench_plugins.ort_nvidia import libraries
from workbench_plugins.ort_nvidia.libraries import (
    Lookup,
    dotted,
    is_driver,
    is_tensorrt,
    library_versions,
    load_error,
    look_up,
    major_of,
    opened_later,
    package_folders,
    preload,
)

NAMES = ["libcuda.so.1", "libcudart.so.13", "libnvinfer.so.10", "libc.so.6"]


@pytest.fixture
def provider(tmp_path: Path) -> Path:
    path = tmp_path / "provider.so"
    path.write_bytes(elf(NAMES))
    return path


def test_found_shipped_and_missing_are_told_apart(provider: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site-packages" / "nvidia" / "cu13" / "lib"
    folder.mkdir(parents=True)
    (folder / "libcudart.so.13").write_bytes(b"")

    def loads(name: str) -> str:
        return "" if name in ("libc.so.6", str(folder / "libcudart.so.13")) else f"{name}: cannot open"

    found = look_up(provider, package_folders([str(tmp_path / "site-packages")]), loads)
    assert found == Lookup(tuple(NAMES), (folder / "libcudart.so.13",), ("libcuda.so.1", "libnvinfer.so.10"))


def test_a_shipped_library_that_does_not_load_is_missing(provider: Path, tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").write_bytes(b"")
    assert look_up(provider, [tmp_path], lambda name: "broken").missing == tuple(NAMES)


def test_cudnn_which_the_cuda_provider_opens_by_name_counts_as_needed(tmp_path: Path) -> None:
    cuda, tensorrt = (tmp_path / f"libonnxruntime_providers_{name}.so" for name in ("cuda", "tensorrt"))
    cuda.write_bytes(elf(["libcudart.so.13"]))
    assert opened_later(cuda) == ()
    tensorrt.write_bytes(elf(["libcudnn.so.9", "libnvinfer.so.10"]))
    assert opened_later(cuda) == ("libcudnn.so.9",)
    assert look_up(cuda, [], lambda name: "absent").missing == ("libcudart.so.13", "libcudnn.so.9")
    assert opened_later(tensorrt) == ()
    cuda.write_bytes(elf(["libcudnn.so.9"]))
    assert opened_later(cuda) == ()


def test_the_loader_itself_answers(tmp_path: Path) -> None:
    assert "libnothing" in load_error("libnothing_of_this_name.so.99")
    with pytest.raises(OSError, match="libnothing"):
        preload([tmp_path / "libnothing.so"])


def test_kinds_and_majors_are_read_from_names() -> None:
    assert [is_driver(name) for name in ("libcuda.so.1", "nvcuda.dll", "libcudart.so.13", "libcudnn.so.9")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [is_tensorrt(name) for name in ("libnvinfer.so.10", "nvonnxparser_10.dll", "libnvrtc.so.13")] == [
        True, True, False,
    ]  # fmt: skip
    assert major_of(NAMES, "cudart") == 13
    assert major_of(["cudart64_13.dll", "nvinfer_10.dll"], "nvinfer") == 10
    assert major_of(["cudart64_13.dll"], "cudart") == 13
    assert major_of([], "cudart") is None
    assert major_of(["libcudart_static.so.1"], "cudart") is None


def test_versions_are_asked_of_the_libraries_that_load(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        def __init__(self, path: str) -> None:
            self.path = path

        def __getattr__(self, name: str):
            if name == "cudaRuntimeGetVersion":
                return lambda number: setattr(number._obj, "value", 13020)

            class Call:
                restype = None

                def __call__(self) -> int:
                    return {"cudnnGetVersion": 91300, "getInferLibVersion": 101303}[name]

            return Call()

    monkeypatch.setattr(libraries.ctypes, "CDLL", Library)
    needed = ("libcudart.so.13", "libcudnn.so.9", "libnvinfer.so.10")
    assert library_versions(Lookup(needed)) == {"CUDA runtime": "13.2", "cuDNN": "9.13.0", "TensorRT": "10.13.3"}
    assert library_versions(Lookup(needed, missing=needed)) == {}


def test_a_library_without_the_function_has_no_version() -> None:
    assert library_versions(Lookup(("libcudart.so.4242",))) == {}


def test_dotted_versions() -> None:
    assert (dotted(101303), dotted(91300)) == ("10.13.3", "9.13.0")
