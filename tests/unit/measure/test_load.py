"""Load of other processes: the rule on made-up samples, and one real measurement."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from workbench.measure import load
from workbench.measure.load import LoadMonitor, LoadReport, Usage


def samples(*others_per_s: float, own: float = 1.0, steal: float = 0.0) -> tuple[Usage, ...]:
    """One sample a second; others' CPU seconds in each of them."""
    usages = [Usage(100.0, 5000.0, 3.0, 7.0)]
    for others in others_per_s:
        last = usages[-1]
        usages.append(Usage(last.time_s + 1, last.busy + others + own, last.steal + steal, last.own + own))
    return tuple(usages)


def test_shares_are_of_all_cores_without_our_own() -> None:
    report = load.report_of(samples(0.2, 0.2, 0.2, 0.2), cores=4)
    assert report.others_mean == pytest.approx(0.05)
    assert report.others_peak == pytest.approx(0.05)
    assert (report.seconds, report.cores) == (4.0, 4)
    assert not report.disturbed


def test_load_on_average_disturbs() -> None:
    report = load.report_of(samples(*[0.25] * 10), cores=2)
    assert report.disturbed
    assert report.disturbance == "other processes took 12 % of 2 CPU threads, 12 % at most"


def test_one_bad_second_disturbs() -> None:
    report = load.report_of(samples(*[0.0] * 30, 0.7), cores=2)
    assert report.others_mean < load.MEAN_LIMIT
    assert report.others_peak == pytest.approx(0.35)
    assert report.disturbed


def test_steal_disturbs() -> None:
    report = load.report_of(samples(0.0, 0.0, steal=0.1), cores=2)
    assert report.disturbance == "the hypervisor took 5 %"


def test_short_spans_do_not_make_a_peak() -> None:
    usages = (*samples(0.0, 0.0), Usage(102.1, 5002.1, 3.0, 9.0))
    assert load.report_of(usages, cores=1).others_peak == pytest.approx(0.1 / 2.1)


def test_noise_of_the_books_never_leaves_0_to_1() -> None:
    assert load.report_of(samples(-0.5, -0.2), cores=2).others_mean == 0.0
    assert load.report_of(samples(9.0), cores=2).others_mean == 1.0
    assert load.report_of((), cores=2) == LoadReport(0.0, 0.0, 0.0, 0.0, 2)


def test_blocks_of_one_measurement_are_judged_together() -> None:
    quiet, busy = LoadReport(0.0, 0.02, 0.0, 4.0, 2), LoadReport(0.2, 0.25, 0.05, 1.0, 2)
    together = load.combine_reports([quiet, busy])
    assert busy.disturbed
    assert together == LoadReport(pytest.approx(0.04), 0.25, pytest.approx(0.01), 5.0, 2)  # type: ignore[arg-type]
    assert not together.disturbed
    assert load.combine_reports([load.report_of((), 2)] * 2).others_mean == 0.0
    with pytest.raises(ValueError, match="no reports"):
        load.combine_reports([])


def test_a_child_that_ended_counts_as_our_own() -> None:
    spin = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    with LoadMonitor(sample_s=10) as monitor:
        subprocess.run([sys.executable, "-c", spin], check=True)
        time.sleep(0.05)
    first, last = monitor._usages[0], monitor._usages[-1]
    assert last.own - first.own >= 0.45
    assert monitor.report().seconds > 0.5


def test_the_thread_ends_with_the_measurement() -> None:
    with LoadMonitor(sample_s=0.01) as monitor:
        last_s = time.monotonic() + 20
        while len(monitor._usages) <= 3 and time.monotonic() < last_s:
            time.sleep(0.01)
    assert len(monitor._usages) > 3
    assert "load-monitor" not in {thread.name for thread in threading.enumerate()}
