"""GPU readings on a stand-in for the management library: what is told, what disturbs, what is absent."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.measure import gpu, machine
from workbench.measure.gpu import GpuMonitor, GpuReport, GpuSample, read_samples, report_of

FOREIGN = 2**30


class NvmlStandIn:
    """Two GPUs; every answer may be replaced, an exception as a value is raised."""

    class NVMLError(Exception):
        """As the library's."""

    def __init__(self, **answers: Any) -> None:
        self.open, self.read = 0, threading.Event()
        self.answers: dict[str, Any] = {
            "DeviceGetCount": 2,
            "DeviceGetName": "NVIDIA L4",
            "DeviceGetCudaComputeCapability": (8, 9),
            "DeviceGetMemoryInfo": SimpleNamespace(total=24 * 2**30),
            "DeviceGetEnforcedPowerLimit": 72000,
            "DeviceGetMaxClockInfo": 2040,
            "DeviceGetMigMode": self.NVMLError("not supported"),
            "DeviceGetPersistenceMode": 1,
            "DeviceGetTemperature": 51,
            "DeviceGetPowerUsage": 70500,
            "DeviceGetCurrentClocksEventReasons": 0,
            "DeviceGetComputeRunningProcesses": [],
            "SystemGetDriverVersion": "580.95.05",
            "SystemGetCudaDriverVersion": 13020,
            **answers,
        }

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._answer(name.removeprefix("nvml"), arguments)

    def _answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name in ("Init", "Shutdown"):
            self.open += 1 if name == "Init" else -1
            return None
        if name == "DeviceGetHandleByIndex":
            return f"gpu{arguments[0]}"
        if name == "DeviceGetClockInfo":
            self.read.set()
            return {gpu.CLOCK_SM: 1980, gpu.CLOCK_MEMORY: 6251}[arguments[1]]
        if name not in self.answers:
            raise AttributeError(name)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def opened_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Nothing is open before and after a test; what would be done when the program ends."""
    ends: list[Any] = []
    monkeypatch.setattr("atexit.register", lambda *call: ends.append(call))
    gpu.open_nvml.cache_clear()
    yield ends
    gpu.open_nvml.cache_clear()


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> NvmlStandIn:
    """The stand-in in the library's place."""
    found = NvmlStandIn()
    monkeypatch.setitem(sys.modules, "pynvml", found)  # type: ignore[arg-type]
    return found


def test_details_leave_out_what_a_gpu_does_not_tell(nvml: NvmlStandIn) -> None:
    assert gpu.gpu_details() == (
        "2 x NVIDIA L4 (compute capability 8.9, 24 GiB, power limit 72 W, SM at most 2040 MHz, persistence mode on)"
    )
    nvml.answers.update(DeviceGetMigMode=[0, 1], DeviceGetCount=1)
    assert "MIG off" in gpu.gpu_details()
    assert gpu.driver_details() == "580.95.05 (CUDA 13.2)"


def test_the_machine_tells_them(nvml: NvmlStandIn) -> None:
    facts = machine.machine_facts()
    assert (facts["gpu"], facts["gpu_driver"]) == (gpu.gpu_details(), gpu.driver_details())


def test_without_package_or_driver_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert (gpu.open_nvml(), gpu.gpu_details(), gpu.driver_details()) == (None, "", "")
    refusing = SimpleNamespace(NVMLError=NvmlStandIn.NVMLError, nvmlInit=_refuse)
    monkeypatch.setitem(sys.modules, "pynvml", refusing)  # type: ignore[arg-type]
    gpu.open_nvml.cache_clear()
    with GpuMonitor(sample_s=0.001) as monitor:
        pass
    assert monitor.samples == []


def _refuse() -> None:
    raise NvmlStandIn.NVMLError("driver not loaded")


def test_the_monitor_reads_while_the_measurement_runs(nvml: NvmlStandIn) -> None:
    with GpuMonitor(sample_s=0.002) as monitor:
        assert nvml.read.wait(10)
    assert monitor.samples[:2] == [GpuSample(index, 1980, 6251, 51, 70.5) for index in (0, 1)]


def test_the_library_is_opened_once_for_all_blocks_and_closed_when_the_program_ends(
    nvml: NvmlStandIn, opened_anew: list[Any]
) -> None:
    for _ in range(3):
        with GpuMonitor(sample_s=60):
            assert nvml.open == 1
    assert (gpu.gpu_details() != "", nvml.open) == (True, 1)
    ((work, *arguments),) = opened_anew
    work(*arguments)
    assert nvml.open == 0


def test_a_measurement_shorter_than_half_an_interval_has_no_reading(nvml: NvmlStandIn) -> None:
    with GpuMonitor(sample_s=60) as monitor:
        pass
    assert monitor.samples == []


def test_processes_are_ours_or_others(nvml: NvmlStandIn) -> None:
    nvml.answers["DeviceGetComputeRunningProcesses"] = [SimpleNamespace(pid=os.getpid()), SimpleNamespace(pid=FOREIGN)]
    first = read_samples(nvml, gpu.own_processes())[0]
    assert (first.is_ours, first.others) == (True, 1)


def test_an_older_library_names_the_reasons_otherwise(nvml: NvmlStandIn) -> None:
    del nvml.answers["DeviceGetCurrentClocksEventReasons"]
    nvml.answers["DeviceGetCurrentClocksThrottleReasons"] = 0x40
    assert read_samples(nvml, set())[0].reasons == 0x40


@pytest.mark.parametrize(
    ("reasons", "words"), [(0, ""), (0x1, ""), (0x4, ""), *[(bit, text) for bit, text in gpu.SLOWED_BY.items()]]
)
def test_slowing_disturbs_and_the_power_limit_does_not(reasons: int, words: str) -> None:
    report = report_of([GpuSample(0), GpuSample(0, reasons=reasons)])
    assert report is not None
    assert report.disturbance == (f"the GPU was slowed: {words} in 50 % of the readings" if words else "")
    assert report.power_capped == (0.5 if reasons == gpu.POWER_CAP else 0.0)


def test_others_count_only_where_our_own_are_listed() -> None:
    assert report_of([GpuSample(0, others=2)]).others is None  # type: ignore[union-attr]
    both = report_of([GpuSample(0, is_ours=True, others=2), GpuSample(1, others=5)])
    assert both is not None
    assert (both.samples, both.others) == (1, 2)
    assert both.disturbance == "2 other processes computed on the GPU"
    assert report_of([]) is None


def test_all_of_it_in_one_line() -> None:
    samples = [GpuSample(0, 1410 + 10 * step, 3201, 40 + step, 600.0, gpu.POWER_CAP, True) for step in range(3)]
    assert report_of(samples).text == (  # type: ignore[union-attr]
        "SM 1420 [1410, 1430] MHz, memory 3201 MHz, at most 42 °C, 600 W, at the power limit in 100 % of the "
        "readings, not slowed, other processes: 0, 3 readings"
    )
    assert GpuReport(1).text == "not slowed, other processes: not told, 1 readings"


@given(
    st.lists(
        st.builds(GpuSample, gpu=st.integers(0, 3), reasons=st.integers(0, 0x1FF), is_ours=st.booleans()), min_size=1
    )
)
def test_a_report_speaks_of_the_gpus_in_use(samples: list[GpuSample]) -> None:
    report, used = report_of(samples), {sample.gpu for sample in samples if sample.is_ours}
    assert report is not None
    assert report.samples == sum(sample.gpu in used or not used for sample in samples)
    assert all(0 < share <= 1 for share in report.slowed.values())
