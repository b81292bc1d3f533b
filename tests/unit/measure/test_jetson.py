"""A Jetson board's files, laid out as NVIDIA's guide describes them; handmade, none came from a board."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.measure import machine
from workbench.measure.jetson import board_model, board_power

FILES = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3768-0000\0nvidia,tegra234\0",
    "var/lib/nvpmodel/status": "pmode:0002\n",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    "sys/class/devfreq/13e40000.host1x/max_freq": "999\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "1020000000\n",
}


@pytest.fixture
def board(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_board_tells_model_mode_and_clock(board: Path) -> None:
    assert board_model(board) == "NVIDIA Jetson Orin Nano Developer Kit"
    assert board_power(board) == "nvpmodel 2 MAXN_SUPER, GPU clock 306 to 1020 MHz"


def test_what_is_not_told_is_left_out(board: Path) -> None:
    (board / "etc/nvpmodel.conf").unlink()
    (board / "sys/class/devfreq/17000000.gpu/min_freq").write_text("none", encoding="utf-8")
    assert board_power(board) == "nvpmodel 2"


def test_other_machines_are_no_board(tmp_path: Path) -> None:
    assert (board_model(tmp_path), board_power(tmp_path)) == ("", "")


def test_the_machines_facts_have_them(board: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "SYSTEM", "linux")
    monkeypatch.setattr(machine, "board_model", lambda: board_model(board))
    monkeypatch.setattr(machine, "board_power", lambda: board_power(board))
    monkeypatch.setattr(machine, "gpu_details", str)
    monkeypatch.setattr(machine, "NVIDIA_GPUS", tmp_path / "none")
    assert machine.gpus() == "NVIDIA Jetson Orin Nano Developer Kit"
    assert "nvpmodel 2 MAXN_SUPER, GPU clock 306 to 1020 MHz" in machine.power_mode()
