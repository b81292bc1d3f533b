"""Facts of the machine a figure was measured on, and what else kept it busy. No host name, user name or path.

Runs in the program itself, never in a worker. Linux is tested; the readings marked "untested" below (macOS: sysctl and
pmset, Windows: registry and powercfg) follow the systems' documentation. A fact that cannot be read is absent.
"""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.measure.gpu import driver_details, gpu_details
from workbench.measure.jetson import board_model, board_power

SYSTEM: str = sys.platform

# What decides which integer kernels a runtime takes: name in the sheet -> names in /proc/cpuinfo or sysctl.
ISA_FLAGS: Mapping[str, tuple[str, ...]] = {
    "sse4.2": ("sse4_2",),
    "avx2": ("avx2",),
    "fma": ("fma",),
    "f16c": ("f16c",),
    "avx512f": ("avx512f",),
    "avx512bw": ("avx512bw",),
    "avx512_vnni": ("avx512_vnni", "avx512vnni"),
    "avx512_bf16": ("avx512_bf16",),
    "avx512_fp16": ("avx512_fp16",),
    "avx_vnni": ("avx_vnni",),
    "avx_vnni_int8": ("avx_vnni_int8",),
    "amx_int8": ("amx_int8",),
    "amx_bf16": ("amx_bf16",),
    "neon": ("asimd", "neon", "advsimd"),
    "dotprod": ("asimddp", "feat_dotprod"),
    "i8mm": ("i8mm", "feat_i8mm"),
    "sve": ("sve",),
}

CPUINFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
PROFILE = Path("/sys/firmware/acpi/platform_profile")
CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
HYPERVISOR = Path("/sys/hypervisor/type")
DMI_PRODUCT = Path("/sys/class/dmi/id/product_name")
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")
NVIDIA_DRIVER = Path("/sys/module/nvidia/version")
_COMMAND_TIMEOUT_S = 5


@dataclass(frozen=True)
class Fact:
    """One fact of a machine: key in the sheet, label and help for a person, how it is read ("" when it cannot be)."""

    key: str
    label: str
    help: str
    read: Callable[[], str]


def machine_facts() -> dict[str, str]:
    """Read all FACTS; those that this machine does not tell are left out."""
    found = {fact.key: fact.read().strip() for fact in FACTS}
    return {key: value for key, value in found.items() if value}


def os_name() -> str:
    """Name and version of the operating system."""
    if SYSTEM == "linux":
        return _linux_release()
    if SYSTEM == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.release()} {platform.version()}"


def cpu_model() -> str:
    """Marketing name of the processor."""
    if SYSTEM == "linux":
        info = _cpuinfo()
        return info.get("model name") or info.get("hardware") or _lscpu_model() or platform.processor()
    if SYSTEM == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    return _windows_cpu_name() or platform.processor()


def isa_flags() -> str:
    """Names of ISA_FLAGS that the processor has, blank-separated. Windows does not tell without extra libraries."""
    if SYSTEM == "linux":
        info = _cpuinfo()
        present = set((info.get("flags", "") + " " + info.get("features", "")).lower().split())
    elif SYSTEM == "darwin":
        present = _darwin_flags()
    else:
        return ""
    return " ".join(name for name, spellings in ISA_FLAGS.items() if present.intersection(spellings))


def power_mode() -> str:
    """Frequency governor or power plan, on a Jetson board its mode too, as far as it can be read."""
    if SYSTEM == "linux":
        parts = {"governor": _text_of(GOVERNOR), "platform profile": _text_of(PROFILE)}
        told = [f"{name} {value}" for name, value in parts.items() if value]
        return ", ".join([*told, *filter(None, [board_power()])])
    if SYSTEM == "darwin":
        low_power = [line.split()[-1] for line in _output("pmset", "-g").splitlines() if "lowpowermode" in line]
        return f"low power mode {'on' if low_power[0] == '1' else 'off'}" if low_power else ""
    return _between_parentheses(_output("powercfg", "/getactivescheme"))


def power_source() -> str:
    """Mains or battery; "" on machines without a battery."""
    import psutil  # noqa: PLC0415  (host side only)

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return ""
    return "mains" if battery.power_plugged else f"battery, {battery.percent:.0f} %"


def virtualization() -> str:
    """Hypervisor or container the program runs in, as far as the system tells."""
    if SYSTEM == "darwin":
        return "virtual machine" if _sysctl("kern.hv_vmm_present") == "1" else ""
    if SYSTEM != "linux":
        return ""
    is_virtual = "hypervisor" in _cpuinfo().get("flags", "").split()
    name = _text_of(HYPERVISOR) or _known_hypervisor(_text_of(DMI_PRODUCT))
    parts = [f"virtual machine ({name})" if name else "virtual machine"] if is_virtual or name else []
    parts += ["container"] if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists() else []
    return ", ".join(parts)


def clock() -> str:
    """The clock behind every latency, its resolution and the smallest step seen."""
    info = time.get_clock_info("perf_counter")
    source = _text_of(CLOCK_SOURCE) if SYSTEM == "linux" else ""
    named = f"{info.implementation}, {source}" if source else info.implementation
    return f"{named}; resolution {info.resolution * 1e9:.0f} ns, smallest step {smallest_clock_step_ns()} ns"


def smallest_clock_step_ns(tries: int = 1000) -> int:
    """Smallest difference above 0 between two neighboring readings of perf_counter_ns."""
    readings = [time.perf_counter_ns() for _ in range(tries)]
    steps = [after - before for before, after in pairwise(readings) if after > before]
    return min(steps, default=0)


def cores() -> str:
    """Physical cores, hardware threads, and how many of them this process may use."""
    import psutil  # noqa: PLC0415  (host side only)

    physical, logical = psutil.cpu_count(logical=False), psutil.cpu_count()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    limited = f", {usable} usable" if usable != logical else ""
    return f"{physical or 'unknown'} cores, {logical} threads{limited}"


def memory() -> str:
    """Installed memory in GiB."""
    import psutil  # noqa: PLC0415  (host side only)

    return f"{psutil.virtual_memory().total / 2**30:.1f} GiB"


def gpus() -> str:
    """NVIDIA GPUs in detail where the package nvidia-ml-py is there, else as the driver lists them, or the board.

    "2 x NAME" where several are alike. Source of the list (Linux): NVIDIA driver README, "The /proc filesystem
    interface".
    """
    return gpu_details() or _listed_gpus() or board_model()


def _listed_gpus() -> str:
    files = sorted(NVIDIA_GPUS.glob("*/information"))
    lines = [line.partition(":") for path in files for line in _text_of(path).splitlines()]
    counts = Counter(value.strip() for key, _, value in lines if key.strip() == "Model")
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def gpu_driver() -> str:
    """Version of the loaded NVIDIA driver, and the newest CUDA version it serves where nvidia-ml-py is there."""
    return driver_details() or _text_of(NVIDIA_DRIVER)


FACTS: tuple[Fact, ...] = (
    Fact("os", "Operating system", "name and version", os_name),
    Fact("kernel", "Kernel", "release of the kernel", platform.release),
    Fact("architecture", "Architecture", "instruction set family", platform.machine),
    Fact("cpu", "CPU", "model name of the processor", cpu_model),
    Fact("cores", "Cores", "physical cores, hardware threads, and those this process may use", cores),
    Fact("isa_flags", "ISA flags", "vector extensions that decide which integer kernels run", isa_flags),
    Fact("memory", "Memory", "installed memory", memory),
    Fact("gpu", "GPU", "NVIDIA GPUs that the loaded driver lists", gpus),
    Fact("gpu_driver", "GPU driver", "version of the loaded NVIDIA driver", gpu_driver),
    Fact("power_mode", "Power mode", "frequency governor or power plan", power_mode),
    Fact("power_source", "Power source", "mains or battery", power_source),
    Fact("virtualization", "Virtualization", "hypervisor or container, as far as the system tells", virtualization),
    Fact("clock", "Clock", "source and resolution of the clock behind every latency", clock),
    Fact(
        "python",
        "Python",
        "version and implementation",
        lambda: f"{platform.python_implementation()} {platform.python_version()}",
    ),
)


def _linux_release() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _cpuinfo() -> dict[str, str]:
    """Fields of the first processor in /proc/cpuinfo, keys in lower case."""
    fields: dict[str, str] = {}
    for line in _text_of(CPUINFO).splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    return fields


def _lscpu_model() -> str:
    """ARM kernels give no model name in /proc/cpuinfo; lscpu knows many by their part number."""
    lines = [line.partition(":")[2].strip() for line in _output("lscpu").splitlines() if line.startswith("Model name:")]
    return lines[0] if lines else ""


def _known_hypervisor(product: str) -> str:
    """The product name only where it names a hypervisor; a machine's own product name is not asked for."""
    known = ("KVM", "VMware", "VirtualBox", "QEMU", "Hyper-V", "Virtual Machine", "HVM domU", "Google Compute Engine")
    return next((name for name in known if name.lower() in product.lower()), "")


def _darwin_flags() -> set[str]:
    """Untested. Intel: feature lists; Apple silicon: hw.optional.arm.FEAT_* = 1."""
    intel = _sysctl("machdep.cpu.features") + " " + _sysctl("machdep.cpu.leaf7_features")
    optional = [line.partition(":") for line in _output("sysctl", "hw.optional").splitlines()]
    arm = {key.rpartition(".")[2] for key, _, value in optional if value.strip() == "1"}
    return {flag.lower().replace("sse4.2", "sse4_2") for flag in [*intel.split(), *arm]}


def _windows_cpu_name() -> str:
    """Untested. ProcessorNameString of the first processor in the registry."""
    if SYSTEM != "win32":
        return ""
    winreg: Any = importlib.import_module("winreg")
    key_name = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key_name) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    return _output("sysctl", "-n", name)


def _output(*command: str) -> str:
    """What a command prints, or "" when it is missing, slow or fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=True, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _between_parentheses(text: str) -> str:
    return text.rpartition("(")[2].rpartition(")")[0]
