"""What a tool-chain alone changes, said in one line: answers and accuracy, or the distance where there are none."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import results

from workbench.execution.result import Exchange, Result
from workbench.report.exchanges import exchange_lines

COMMON = {"label": "ORT", "instead_of": "S1", "candidate": "Tool, MinMax", "n": 2000}


def lines(**fields: Any) -> list[str]:
    document = results.ordinary_document()
    document["exchanges"] = [Exchange.model_validate({**COMMON, **fields}).model_dump()]
    return exchange_lines(Result.model_validate(document))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {
                "answers_differ": 31,
                "accuracy_change_points": {"value": -0.5, "interval": [-1.2, 0.2], "n": 2000},
                "sqnr_db": 20.0,
                "nmse": 0.01,
            },
            "changes the answer on 31 of 2,000 images and accuracy by \u22120.5 [\u22121.2, +0.2] points.",
        ),
        ({"answers_differ": 31, "nmse": 0.01}, "changes the answer on 31 of 2,000 images."),
        ({"sqnr_db": 23.14, "nmse": 0.005}, "changes the outputs by 23.1 dB SQNR."),
        ({"nmse": 0.0}, "changes nothing: both give the same outputs."),
        ({}, "changes the outputs by an unknown distance."),
    ],
)
def test_a_line_says_what_is_known(fields: dict[str, Any], text: str) -> None:
    assert lines(**fields) == [f"ORT: Tool, MinMax instead of S1 {text}"]
