"""Errors are one line for the user and a drawn tree."""

from __future__ import annotations

import pytest

from workbench import errors


def test_user_error_says_what_why_how_in_one_line() -> None:
    error = errors.UserError("model.onnx cannot be read", why="it is cut\noff", how="Copy it again.")
    assert str(error) == "model.onnx cannot be read: it is cut off. Copy it again."


def test_parts_may_be_left_out() -> None:
    assert str(errors.UserError("No data.")) == "No data"
    assert str(errors.UserError("No data", how="Add some.")) == "No data. Add some."


@pytest.mark.parametrize(
    "name",
    [
        "ModelError",
        "DataError",
        "StudyError",
        "SchemeError",
        "PlanError",
        "FileFormatError",
        "SheetError",
        "OutputError",
        "CodeNotAllowedError",
        "MissingPartError",
    ],
)
def test_tree_is_what_the_docstring_draws(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.UserError)
    assert name in (errors.__doc__ or "")


def test_a_broken_contract_is_not_a_users_mistake() -> None:
    assert not issubclass(errors.ContractError, errors.WorkbenchError)
