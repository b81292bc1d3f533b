"""What a plugin answered, checked against the forms of the result before anything is kept: host side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from workbench.execution.jobs import Outcome
from workbench.execution.result import DeviationRecord, PlacementRecord

TEXTS: TypeAdapter[Any] = TypeAdapter(dict[str, str])
DEVIATIONS: TypeAdapter[Any] = TypeAdapter(list[DeviationRecord])
FORMS: Mapping[str, TypeAdapter[Any]] = {
    "announced": DEVIATIONS,
    "deviations": DEVIATIONS,
    "placement": TypeAdapter(list[PlacementRecord]),
    "facts": TEXTS,
    "notes": TEXTS,
    "versions": TEXTS,
    "devices": TypeAdapter(list[str]),
    "precisions": TypeAdapter(list[Literal["fp32", "fp16", "int8"]]),
}
"""Key of a worker's answer -> what its value must be."""


def broken_contract(plugin_id: str, answer: Mapping[str, Any]) -> Outcome | None:
    """Return the failed outcome of a plugin whose answer has a wrong form, None when all is well.

    Without this check one plugin's odd value would stop the whole study when the result is written.
    """
    for key, form in FORMS.items():
        if key not in answer:
            continue
        try:
            form.validate_python(answer[key])
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in (key, *problem["loc"]))
            message = f"{plugin_id} answered {where} = {problem['input']!r:.60}: {problem['msg']}"
            return Outcome(
                "failed", error_kind="ContractError", message=message, remedy="Report it to the plugin's author."
            )
    return None
