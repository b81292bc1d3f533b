"""GPUs and drivers, read from handmade copies of what Linux lists."""

from __future__ import annotations

from pathlib import Path

from workbench_plugins.ort_nvidia.gpus import Gpus, engine_folder, find_gpus


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert find_gpus(tmp_path) == Gpus()


def test_the_driver_names_its_gpus(tmp_path: Path) -> None:
    info = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information"
    info.parent.mkdir(parents=True)
    info.write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 1\n", encoding="utf-8")
    write(tmp_path, proc__driver__nvidia__version="NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue\n")
    assert find_gpus(tmp_path) == Gpus(("NVIDIA H100 80GB HBM3",), "580.95.05")


def pci(root: Path, name: str, vendor: str, kind: str) -> None:
    device = root / "sys/bus/pci/devices" / name
    device.mkdir(parents=True)
    (device / "vendor").write_text(vendor + "\n", encoding="utf-8")
    (device / "class").write_text(kind + "\n", encoding="utf-8")


def test_a_gpu_without_driver_is_found_on_the_bus(tmp_path: Path) -> None:
    pci(tmp_path, "0000:00:02.0", "0x8086", "0x030000")
    pci(tmp_path, "0000:01:00.0", "0x10de", "0x030200")
    pci(tmp_path, "0000:01:00.1", "0x10de", "0x040300")  # its sound
    assert find_gpus(tmp_path) == Gpus(("NVIDIA GPU at PCI 0000:01:00.0",))


def test_a_jetson_is_one(tmp_path: Path) -> None:
    tree = tmp_path / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "compatible").write_bytes(b"nvidia,p3768\0nvidia,tegra234\0")
    (tree / "model").write_bytes(b"NVIDIA Jetson Orin Nano\0")
    assert find_gpus(tmp_path).names == ("NVIDIA Jetson Orin Nano",)


def test_wsl_needs_device_and_library(tmp_path: Path) -> None:
    write(tmp_path, dev__dxg="")
    assert find_gpus(tmp_path).names == ()
    write(tmp_path, **{"usr/lib/wsl/lib/libcuda.so.1": ""})
    assert find_gpus(tmp_path).names == ("NVIDIA GPU through WSL",)


def test_engines_of_other_gpus_lie_elsewhere() -> None:
    assert engine_folder(Gpus(("NVIDIA L4",), "580.1")) == engine_folder(Gpus(("NVIDIA L4", "NVIDIA L4"), "590.2"))
    names = {engine_folder(Gpus(names)) for names in ((), ("NVIDIA L4",), ("NVIDIA RTX 4090",), ("a/b", "NVIDIA L4"))}
    assert len(names) == 4
    assert all(name.replace("_", "").isalnum() for name in names)
