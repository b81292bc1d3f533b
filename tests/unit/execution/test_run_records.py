"""Records of one run: closed sets, numbers that are finite, and windows behind a rate."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from workbench.execution import result, run_records
from workbench.execution.run_records import Problem, Record, Throughput


def _throughput(**fields: Any) -> Throughput:
    common: dict[str, Any] = {"sustained": 10.0, "interval": None, "first_5s": None, "peak": None, "label": "SHORT"}
    counts = {"warm_up_s": 0.0, "warm_up_runs": 0, "answers_checked": 0, "answers_differing": 0}
    return Throughput(**{**common, **counts, "windows_per_s": [9.0, 10.0, 11.0], **fields})


def test_the_rate_stands_on_the_steady_windows_alone() -> None:
    assert _throughput().n == 3
    assert _throughput(steady_from=2).n == 1


@pytest.mark.parametrize("fields", [{"label": "FAST"}, {"sustained": float("nan")}, {"windows": []}])
def test_what_a_record_may_not_hold(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _throughput(**fields)


def test_a_record_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Problem(message="x").message = "y"  # type: ignore[misc]


def test_the_result_gives_all_of_them_on() -> None:
    own = [name for name, value in vars(run_records).items() if isinstance(value, type) and issubclass(value, Record)]
    assert len(own) > 10
    assert all(getattr(result, name) is getattr(run_records, name) and name in result.__all__ for name in own)
