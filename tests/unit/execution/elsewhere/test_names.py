"""The names on both sides of the process boundary are the same, and stand once on each."""

from __future__ import annotations

from helpers.elsewhere import ROOT, RUNNER, runner_module

from workbench.execution.elsewhere import names


def test_the_runner_means_the_same_files() -> None:
    runner = runner_module()
    assert (runner.JOB_NAME, runner.RETURNED_NAME) == (names.JOB_NAME, names.RETURNED_NAME)


def test_each_name_is_spelt_once_on_each_side() -> None:
    here = [path for path in (ROOT / "workbench").rglob("*.py") if "elsewhere" in path.parts or "ui" in path.parts]
    for name in (names.JOB_NAME, names.RETURNED_NAME):
        spelt = [path.name for path in here for _ in range(path.read_text(encoding="utf-8").count(f'"{name}"'))]
        assert spelt == ["names.py"]
        assert RUNNER.read_text(encoding="utf-8").count(f'"{name}"') == 1
