"""Names of needed libraries come out of the files themselves: ELF and PE."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.handmade_libraries import elf, pe
from workbench_plugins.ort_nvidia.binaries import needed_libraries
from workbench_plugins.ort_nvidia.probing import CUDA, TENSORRT, provider_library


@pytest.mark.parametrize("make", [elf, pe])
def test_names_are_read_in_their_order(make, tmp_path: Path) -> None:
    path = tmp_path / "library"
    path.write_bytes(make(["libnvinfer.so.10", "libc.so.6"]))
    assert needed_libraries(path) == ("libnvinfer.so.10", "libc.so.6")
    path.write_bytes(make([]))
    assert needed_libraries(path) == ()


def test_the_string_table_is_found_through_its_segment(tmp_path: Path) -> None:
    path = tmp_path / "library"
    path.write_bytes(elf(["a.so"], base=0x7000))
    assert needed_libraries(path) == ("a.so",)


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF\x01\x01", elf(["a"])[:100], b"MZ" + bytes(100)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "library"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"library|Windows"):
        needed_libraries(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names are those of Linux")
def test_the_installed_providers_name_cuda_and_tensorrt() -> None:
    cuda, tensorrt = provider_library(CUDA), provider_library(TENSORRT)
    if cuda is None or tensorrt is None:
        pytest.skip("this ONNX Runtime has no NVIDIA providers")
    assert any(name.startswith("libcudart.so.") for name in needed_libraries(cuda))
    assert any(name.startswith("libcuda.so.") for name in needed_libraries(cuda))
    assert any(name.startswith("libnvinfer.so.") for name in needed_libraries(tensorrt))
