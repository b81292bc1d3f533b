"""Processor facts from the text of /proc/cpuinfo."""

from __future__ import annotations

import pytest
from workbench_plugins.ort_cpu import cpu as module
from workbench_plugins.ort_cpu.cpu import Cpu, cpu_from_fields, cpuinfo_fields, this_cpu

CPUINFO = """processor\t: 0
model name\t: Some CPU 9000
flags\t\t: fpu sse avx2 avx512f avx512_vnni

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


def test_fields_of_the_first_processor():
    fields = cpuinfo_fields(CPUINFO)
    assert fields["model name"] == "Some CPU 9000"
    assert cpu_from_fields(fields, "x86_64", "") == Cpu("Some CPU 9000", True, ("avx2", "avx512f", "avx512_vnni"))
    assert str(cpu_from_fields(fields, "x86_64", "")) == "Some CPU 9000 (avx2, avx512f, avx512_vnni)"


@pytest.mark.parametrize(
    ("flags", "machine", "saturates"),
    [
        ("avx2 avx512f", "x86_64", True),
        ("avx2 avx_vnni", "x86_64", False),
        ("avx512_vnni", "AMD64", False),
        (None, "AMD64", None),
        ("asimddp", "aarch64", False),
        (None, "arm64", False),
    ],
)
def test_saturation_follows_vnni_on_x64_only(flags, machine, saturates):
    fields = {} if flags is None else {"flags": flags}
    assert cpu_from_fields(fields, machine, "").saturates is saturates


def test_arm_lists_features():
    assert cpu_from_fields({"Features": "fp asimddp i8mm"}, "aarch64", "").flags == ("asimddp", "i8mm")


def test_a_system_without_cpuinfo_still_has_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "CPUINFO", tmp_path / "absent")
    assert this_cpu().name
    assert this_cpu().flags is None
