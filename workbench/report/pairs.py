"""Which rows of a sheet answer differently, in words; for sheets put together of several."""

from __future__ import annotations

from workbench.report.names import difference_words, row_name
from workbench.report.sheet import Sheet


def disagreement_lines(sheet: Sheet) -> list[str]:
    """Return "A and B disagree on 31 of 2,000." for every pair of INT8 rows that was compared."""
    several = sheet.candidate_count > 1
    return [
        f"{row_name(pair.label_a, pair.candidate, several)} and {row_name(pair.label_b, pair.candidate, several)} "
        + difference_words(pair.answers_differ, pair.n)
        for pair in sheet.disagreements
        if pair.precision == "int8" and pair.answers_differ is not None
    ]
