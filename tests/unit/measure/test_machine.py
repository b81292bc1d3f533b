"""Facts of the machine: what is read on each system, and what never gets out."""

from __future__ import annotations

import getpass
import platform
import time
from pathlib import Path

import pytest

from workbench.measure import machine

CPUINFO = """processor\t: 0
model name\t: Example CPU 9000
flags\t\t: fpu sse4_2 avx2 avx512f avx512_vnni hypervisor avx_vnni

processor\t: 1
model name\t: Other
"""
ARM_CPUINFO = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU part\t: 0xd0c\n"


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Linux machine made of files."""
    monkeypatch.setattr(machine, "SYSTEM", "linux")
    for name in (
        "CPUINFO",
        "GOVERNOR",
        "PROFILE",
        "CLOCK_SOURCE",
        "HYPERVISOR",
        "DMI_PRODUCT",
        "NVIDIA_GPUS",
        "NVIDIA_DRIVER",
    ):
        monkeypatch.setattr(machine, name, tmp_path / name)
    (tmp_path / "CPUINFO").write_text(CPUINFO)
    return tmp_path


def test_this_machine() -> None:
    facts = machine.machine_facts()
    assert {"os", "kernel", "architecture", "cpu", "cores", "memory", "clock", "python"} <= set(facts)
    assert list(facts) == [fact.key for fact in machine.FACTS if fact.key in facts]
    assert all(value == value.strip() != "" for value in facts.values())


def test_no_host_name_user_or_path() -> None:
    text = " ".join(machine.machine_facts().values())
    private = {platform.node(), getpass.getuser(), str(Path.home()), str(Path.cwd())}
    assert not {word for word in private if word and word in text.split()}
    assert "/home" not in text
    assert str(Path.cwd()) not in text


def test_table_is_complete() -> None:
    keys = [fact.key for fact in machine.FACTS]
    assert len(keys) == len(set(keys))
    assert all(fact.label and fact.help for fact in machine.FACTS)


def test_linux_cpu_and_flags(linux: Path) -> None:
    assert machine.cpu_model() == "Example CPU 9000"
    assert machine.isa_flags() == "sse4.2 avx2 avx512f avx512_vnni avx_vnni"
    (linux / "CPUINFO").write_text(ARM_CPUINFO)
    assert machine.isa_flags() == "neon dotprod i8mm"


def test_linux_arm_model_comes_from_lscpu(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (linux / "CPUINFO").write_text(ARM_CPUINFO)
    monkeypatch.setattr(machine, "_output", lambda *command: "Architecture: aarch64\nModel name:   Neoverse-N1\n")
    assert machine.cpu_model() == "Neoverse-N1"


def test_linux_power_and_virtualization(linux: Path) -> None:
    assert machine.power_mode() == ""
    (linux / "GOVERNOR").write_text("performance\n")
    assert machine.power_mode() == "governor performance"
    (linux / "PROFILE").write_text("balanced\n")
    assert machine.power_mode() == "governor performance, platform profile balanced"
    assert machine.virtualization().startswith("virtual machine")
    (linux / "DMI_PRODUCT").write_text("Standard PC (Q35, QEMU)")
    assert machine.virtualization().startswith("virtual machine (QEMU)")
    (linux / "DMI_PRODUCT").write_text("Board of a company 1234")
    (linux / "CPUINFO").write_text(CPUINFO.replace("hypervisor", ""))
    assert "machine" not in machine.virtualization()
    assert "1234" not in machine.virtualization()


def test_clock_names_source_and_resolution(linux: Path) -> None:
    (linux / "CLOCK_SOURCE").write_text("tsc\n")
    resolution = time.get_clock_info("perf_counter").resolution * 1e9
    assert ", tsc; resolution " + f"{resolution:.0f} ns, smallest step " in machine.clock()
    assert 0 < machine.smallest_clock_step_ns() < 1e6


def test_mac_readings_from_documented_output(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        ("sysctl", "-n", "machdep.cpu.brand_string"): "Apple M3",
        ("sysctl", "-n", "kern.hv_vmm_present"): "0",
        (
            "sysctl",
            "hw.optional",
        ): "hw.optional.AdvSIMD: 1\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0",
        ("pmset", "-g"): "Currently in use:\n lowpowermode         1\n",
    }
    monkeypatch.setattr(machine, "SYSTEM", "darwin")
    monkeypatch.setattr(machine, "_output", lambda *command: answers.get(command, ""))
    assert machine.cpu_model() == "Apple M3"
    assert machine.isa_flags() == "neon dotprod"
    assert machine.power_mode() == "low power mode on"
    assert machine.virtualization() == ""


def test_windows_readings_from_documented_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SYSTEM", "win32")
    monkeypatch.setattr(machine, "_windows_cpu_name", lambda: "Intel(R) Core(TM)")
    monkeypatch.setattr(machine, "_output", lambda *command: "Power Scheme GUID: 381b4222-f694  (Balanced)")
    assert machine.cpu_model() == "Intel(R) Core(TM)"
    assert machine.power_mode() == "Balanced"
    assert (machine.isa_flags(), machine.virtualization()) == ("", "")


def test_a_missing_or_failing_command_is_no_fact() -> None:
    assert machine._output("no-such-command-anywhere") == ""
    assert machine._output("false") == ""


def test_unreadable_facts_are_left_out(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machine, "FACTS", (machine.Fact("a", "A", "h", lambda: " x "), machine.Fact("b", "B", "h", str))
    )
    assert machine.machine_facts() == {"a": "x"}


def test_gpus_are_those_that_the_driver_lists(linux: Path) -> None:
    assert (machine.gpus(), machine.gpu_driver()) == ("", "")
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        folder = linux / "NVIDIA_GPUS" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text("Model: \t NVIDIA L4\nGPU UUID: GPU-1234\n")
    (linux / "NVIDIA_DRIVER").write_text("580.95.05\n")
    facts = machine.machine_facts()
    assert (facts["gpu"], facts["gpu_driver"]) == ("2 x NVIDIA L4", "580.95.05")
