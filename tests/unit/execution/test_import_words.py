"""What failed in a user's PyTorch code, in one line with a remedy."""

from __future__ import annotations

import pytest

from workbench.execution.import_words import failure_words, one_line


def chained(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "why", "how"),
    [
        (
            ModuleNotFoundError("No module named 'mmcv'", name="mmcv.ops"),
            "needs the module mmcv.ops",
            "pip install mmcv",
        ),
        (
            chained(
                RuntimeError(
                    "Failed to convert the exported program to an ONNX model. \x1b[96mThis is step 3/3\x1b[0m"
                ),
                ValueError(
                    "No ONNX function found for <OpOverload(op='mine.twice', overload='default')>. Failure: None"
                ),
            ),
            "ONNX has no op for mine::twice",
            "torch's own functions",
        ),
        (
            RuntimeError("Could not guard on data-dependent expression Eq(u0, 1)\nmore"),
            "depends on the values of its inputs",
            "torch.where",
        ),
        (AttributeError("LinearPackedParamsBase has no field"), "own quantized layers", "float model"),
        (TypeError("it returns set b, which is no tensor"), "it returns set b, which is no tensor", "tensors only"),
        (RuntimeError("anything else\nmore"), "RuntimeError: anything else", "Save it with torch.export"),
    ],
)
def test_known_failures_have_their_words(error: Exception, why: str, how: str) -> None:
    found = failure_words(error, exporting=True)
    assert why in found[0]
    assert how in found[1]
    assert "\x1b" not in "".join(found)
    assert "\n" not in "".join(found)


def test_a_wrapper_of_the_exporter_gives_way_to_what_it_wraps() -> None:
    error = chained(RuntimeError("Failed to convert the model"), chained(ValueError("deeper"), KeyError("deepest")))
    assert failure_words(error, exporting=True)[0] == "KeyError: 'deepest'"
    assert failure_words(chained(ValueError("own words"), KeyError("k")), exporting=False) == (
        "ValueError: own words",
        "",
    )


def test_a_circle_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert failure_words(one, exporting=False)[0] == "ValueError: one"


def test_the_first_telling_line_counts() -> None:
    assert one_line(ValueError("\n\nweights not found:\n  /w/x.pt")) == "ValueError: weights not found: /w/x.pt"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line(ValueError("x" * 5000))) < 400
