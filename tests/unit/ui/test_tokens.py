"""Contrast of every pair used for text, in both tables; blending."""

from __future__ import annotations

import pytest

from workbench.ui.tokens import DARK, EDGE_PAIRS, LIGHT, TABLES, TEXT_PAIRS, blend, contrast


@pytest.mark.parametrize("name", sorted(TABLES))
@pytest.mark.parametrize("pair", TEXT_PAIRS, ids="-on-".join)
def test_every_text_pair_can_be_read(name: str, pair: tuple[str, str]) -> None:
    tokens = TABLES[name]
    assert contrast(tokens.colour(pair[0]), tokens.colour(pair[1])) >= 4.5


@pytest.mark.parametrize("name", sorted(TABLES))
@pytest.mark.parametrize("pair", EDGE_PAIRS, ids="-on-".join)
def test_what_is_seen_by_its_line_alone_stands_out(name: str, pair: tuple[str, str]) -> None:
    tokens = TABLES[name]
    assert contrast(tokens.colour(pair[0]), tokens.colour(pair[1])) >= 3


def test_contrast_has_the_known_ends() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_series_stand_out_from_the_surface(tokens: object) -> None:
    assert all(contrast(colour, tokens.surface) >= 3 for colour in tokens.series)  # type: ignore[attr-defined]
    assert len(set(tokens.series)) == 6  # type: ignore[attr-defined]


def test_blend_mixes_per_channel() -> None:
    assert blend("#FF0000", "#0000FF", 0.5) == "#800080"
    assert blend("#FF0000", "#0000FF", 0.0) == "#0000FF"
