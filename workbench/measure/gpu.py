"""NVIDIA GPUs while something is measured: clocks, temperature, power, what slows them, who else computes there.

Read through NVIDIA's management library (package nvidia-ml-py, optional) in the program itself, never in a worker, at
most once a second; nothing is ever set. Without the package or a driver there is nothing to tell, and no error.
Sources: NVIDIA, "NVML API Reference Guide", groups "Device Queries", "NvmlClocksEventReasons", "Multi Instance GPU".
"""

from __future__ import annotations

import atexit
import importlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from types import TracebackType
from typing import Any

from workbench.measure.periodic import Periodic

SAMPLE_S = 1.0
CLOCK_SM, CLOCK_MEMORY = 1, 2
TEMPERATURE_OF_GPU = 0
SLOWED_BY: Mapping[int, str] = {
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}
"""Bit of nvmlClocksEventReasons -> words: clocks lower than the card's own rating allows."""
POWER_CAP = 0x4
"""Clocks held to keep the power limit: how a card works under full load, as rated; told, and no disturbance."""


@dataclass(frozen=True)
class GpuSample:
    """One reading of one GPU; None is what the GPU does not tell.

    Attributes:
        gpu: index by NVML. reasons: bits of nvmlClocksEventReasons.
        is_ours: whether a process of this program computes there; others: how many foreign processes do.
    """

    gpu: int
    sm_mhz: int | None = None
    memory_mhz: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    reasons: int = 0
    is_ours: bool = False
    others: int = 0


@dataclass(frozen=True)
class GpuReport:
    """What the GPUs did during one measurement.

    Attributes:
        samples: readings; sm_mhz and memory_mhz: (least, median, most); temperature_c: most; power_w: median.
        slowed: reason -> share of the readings, 0..1; power_capped: share of the readings at the power limit.
        others: most foreign processes that computed there at once; None where our own are not listed, as in a
            container with process ids of its own.
    """

    samples: int
    sm_mhz: Sequence[float] | None = None
    memory_mhz: Sequence[float] | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    slowed: Mapping[str, float] = field(default_factory=dict)
    power_capped: float = 0.0
    others: int | None = None

    @property
    def disturbance(self) -> str:
        """Why the GPU was not quiet, in words, or "": it was slowed in any reading, or others computed on it."""
        parts = [f"the GPU was slowed: {name} in {100 * share:.0f} % of the readings" for name, share in _sorted(self)]
        if self.others:
            parts.append(f"{self.others} other {'process' if self.others == 1 else 'processes'} computed on the GPU")
        return "; ".join(parts)

    @property
    def text(self) -> str:
        """All of it in one line."""
        parts = [
            f"SM {_range(self.sm_mhz)} MHz" if self.sm_mhz else "",
            f"memory {_range(self.memory_mhz)} MHz" if self.memory_mhz else "",
            "" if self.temperature_c is None else f"at most {self.temperature_c:.0f} °C",
            "" if self.power_w is None else f"{self.power_w:.0f} W",
            f"at the power limit in {100 * self.power_capped:.0f} % of the readings" if self.power_capped else "",
            "slowed: " + ", ".join(name for name, _ in _sorted(self)) if self.slowed else "not slowed",
            "other processes: " + ("not told" if self.others is None else str(self.others)),
            f"{self.samples} readings",
        ]
        return ", ".join(part for part in parts if part)


class GpuMonitor:
    """Context manager around a measurement; `samples` afterwards. Does nothing where NVML is not there.

    A reading costs the host a few ms and the GPU no work; the first is taken half an interval after the start.
    """

    def __init__(self, sample_s: float = SAMPLE_S) -> None:
        self.samples: list[GpuSample] = []
        self._nvml = open_nvml()
        is_there = self._nvml is not None
        self._thread = Periodic("gpu-monitor", self._read, sample_s / 2, sample_s) if is_there else nullcontext()

    def __enter__(self) -> GpuMonitor:
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.__exit__(kind, error, trace)

    def _read(self) -> None:
        self.samples += read_samples(self._nvml, own_processes())


@cache
def open_nvml() -> Any:
    """Return the initialised module pynvml, or None where package or driver is missing.

    It is opened once and given back when the program ends: opening takes the driver longer than reading.
    """
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    atexit.register(_asked, nvml, "nvmlShutdown")
    return nvml


def read_samples(nvml: Any, own: set[int]) -> list[GpuSample]:
    """Read every GPU once; `own` are the ids of this program's processes."""
    count = _asked(nvml, "nvmlDeviceGetCount") or 0
    handles = [(index, _asked(nvml, "nvmlDeviceGetHandleByIndex", index)) for index in range(count)]
    return [_sample(nvml, index, handle, own) for index, handle in handles if handle is not None]


def report_of(samples: Sequence[GpuSample]) -> GpuReport | None:
    """Return what samples say of the GPUs that this program computed on; of all where none is listed; None of none."""
    used = {sample.gpu for sample in samples if sample.is_ours}
    seen = [sample for sample in samples if sample.gpu in used or not used]
    if not seen:
        return None
    slowed = Counter(words for sample in seen for bit, words in SLOWED_BY.items() if sample.reasons & bit)
    powers = [sample.power_w for sample in seen if sample.power_w is not None]
    return GpuReport(
        samples=len(seen),
        sm_mhz=_spread([sample.sm_mhz for sample in seen]),
        memory_mhz=_spread([sample.memory_mhz for sample in seen]),
        temperature_c=max((sample.temperature_c for sample in seen if sample.temperature_c is not None), default=None),
        power_w=median(powers) if powers else None,
        slowed={words: count / len(seen) for words, count in slowed.items()},
        power_capped=sum(bool(sample.reasons & POWER_CAP) for sample in seen) / len(seen),
        others=max(sample.others for sample in seen) if used else None,
    )


def own_processes() -> set[int]:
    """Return the ids of this process and its descendants."""
    import psutil  # noqa: PLC0415  (host side only)

    try:
        return {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    except psutil.Error:
        return {os.getpid()}


def gpu_details() -> str:
    """Return the GPUs with compute capability, memory, power limit, most SM clock, MIG and persistence mode."""
    nvml = open_nvml()
    if nvml is None:
        return ""
    count = _asked(nvml, "nvmlDeviceGetCount") or 0
    words = Counter(_details(nvml, _asked(nvml, "nvmlDeviceGetHandleByIndex", index)) for index in range(count))
    return ", ".join(text if number == 1 else f"{number} x {text}" for text, number in words.items())


def driver_details() -> str:
    """Return the driver's version and the newest CUDA version it serves, such as "580.95.05 (CUDA 13.0)"."""
    nvml = open_nvml()
    if nvml is None:
        return ""
    version, cuda = _asked(nvml, "nvmlSystemGetDriverVersion"), _asked(nvml, "nvmlSystemGetCudaDriverVersion")
    newest = f" (CUDA {cuda // 1000}.{cuda % 1000 // 10})" if cuda else ""
    return f"{version}{newest}" if version else ""


def _details(nvml: Any, handle: Any) -> str:
    capability = _asked(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
    memory = _asked(nvml, "nvmlDeviceGetMemoryInfo", handle)
    limit = _asked(nvml, "nvmlDeviceGetEnforcedPowerLimit", handle)
    clock = _asked(nvml, "nvmlDeviceGetMaxClockInfo", handle, CLOCK_SM)
    mig, kept = _asked(nvml, "nvmlDeviceGetMigMode", handle), _asked(nvml, "nvmlDeviceGetPersistenceMode", handle)
    parts = [
        f"compute capability {capability[0]}.{capability[1]}" if capability else "",
        f"{memory.total / 2**30:.0f} GiB" if memory else "",
        f"power limit {limit / 1000:.0f} W" if limit else "",
        f"SM at most {clock} MHz" if clock else "",
        f"MIG {'on' if mig[0] else 'off'}" if mig else "",
        "" if kept is None else f"persistence mode {'on' if kept else 'off'}",
    ]
    return f"{_asked(nvml, 'nvmlDeviceGetName', handle) or 'NVIDIA GPU'} ({', '.join(part for part in parts if part)})"


def _sample(nvml: Any, index: int, handle: Any, own: set[int]) -> GpuSample:
    power = _asked(nvml, "nvmlDeviceGetPowerUsage", handle)
    listed = {item.pid for item in _asked(nvml, "nvmlDeviceGetComputeRunningProcesses", handle) or ()}
    return GpuSample(
        gpu=index,
        sm_mhz=_asked(nvml, "nvmlDeviceGetClockInfo", handle, CLOCK_SM),
        memory_mhz=_asked(nvml, "nvmlDeviceGetClockInfo", handle, CLOCK_MEMORY),
        temperature_c=_asked(nvml, "nvmlDeviceGetTemperature", handle, TEMPERATURE_OF_GPU),
        power_w=None if power is None else power / 1000,
        reasons=_asked(nvml, "nvmlDeviceGetCurrentClocksEventReasons", handle)
        or _asked(nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        or 0,
        is_ours=bool(listed & own),
        others=len(listed - own),
    )


def _asked(nvml: Any, function: str, *arguments: Any) -> Any:
    """Call one function of the library; None where this GPU, driver or package does not have it."""
    try:
        return getattr(nvml, function)(*arguments)
    except (nvml.NVMLError, AttributeError):
        return None


def _spread(values: Sequence[int | None]) -> tuple[float, float, float] | None:
    known = [value for value in values if value is not None]
    return (min(known), median(known), max(known)) if known else None


def _range(spread: Sequence[float]) -> str:
    least, middle, most = spread
    return f"{middle:.0f}" if least == most else f"{middle:.0f} [{least:.0f}, {most:.0f}]"


def _sorted(report: GpuReport) -> list[tuple[str, float]]:
    return sorted(report.slowed.items(), key=lambda item: -item[1])
