from __future__ import annotations

import pytest

from workbench.ui.charts.drawing import BAND_COLOURS
from workbench.ui.charts.palette import colour
from workbench.ui.tokens import DARK, LIGHT, Tokens, blend, contrast


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_names_are_tokens_or_series(tokens: Tokens) -> None:
    assert colour(tokens, "muted") == tokens.muted
    assert colour(tokens, "series2") == tokens.series[2]
    assert colour(tokens, "series8") == tokens.series[2]


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("band", BAND_COLOURS.values())
@pytest.mark.parametrize("words", ["text", "muted"])
def test_words_can_be_read_on_bands(tokens: Tokens, band: tuple[str, float], words: str) -> None:
    ground = blend(colour(tokens, band[0]), tokens.surface, band[1])
    assert contrast(colour(tokens, words), ground) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_markers_stand_out(tokens: Tokens) -> None:
    assert all(contrast(series, tokens.surface) >= 3 for series in tokens.series)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError):
        colour(LIGHT, "seriesx")
