"""When a series counts as settled, and where its rate changed last."""

from __future__ import annotations

import numpy as np

from workbench.measure.steady import find_steady_start, is_steady

MS = 1_000_000


def test_steady_tolerates_noise_but_not_a_step() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(10 * MS, MS, 400).astype(np.int64)
    assert is_steady(noise)
    stepped = noise.copy()
    stepped[310:] = (stepped[310:] * 0.8).astype(np.int64)
    assert not is_steady(stepped)
    assert not is_steady(noise[:3])


def test_the_last_lasting_change_is_found() -> None:
    rates = np.array([100.0] * 12 + [80.0] * 10 + [90.0] * 20)
    assert find_steady_start(rates) == 22
    assert find_steady_start(rates[22:]) == 0
    assert find_steady_start(rates[:4]) == 0


def test_noise_and_hiccups_are_no_change_of_rate() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        rates = rng.normal(100, 4, 60)
        rates[rng.integers(0, 60, 3)] *= 0.5
        found += find_steady_start(rates) > 0
    assert found <= 2
