from __future__ import annotations

import pytest

from workbench.ui.charts.palette import colour
from workbench.ui.tokens import DARK, LIGHT


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_names_are_tokens_or_series(tokens) -> None:  # type: ignore[no-untyped-def]
    assert colour(tokens, "muted") == tokens.muted
    assert colour(tokens, "series2") == tokens.series[2]
    assert colour(tokens, "series8") == tokens.series[2]


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError):
        colour(LIGHT, "seriesx")
