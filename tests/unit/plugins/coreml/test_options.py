import pytest
from workbench_plugins.coreml.options import ARTIFACT_CHOICES, CHOICES, Options, options_of


def test_defaults_are_the_first_choices() -> None:
    found = options_of("coreml", {}, CHOICES)
    assert found == Options(*(choices[0] for choices in CHOICES.values()))


@pytest.mark.parametrize(("precision", "compute"), [("fp32", "float32"), ("fp16", "float16"), ("int8", "float16")])
def test_a_float_row_computes_in_its_precision_and_int8_as_asked(precision: str, compute: str) -> None:
    assert options_of("coreml", {"compute": "float16"}, CHOICES).compute_of(precision) == compute


def test_unknown_names_and_values_are_told_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"compute_unit.*it knows compute_units, deployment_target, compute"):
        options_of("coreml", {"compute_unit": "all"}, CHOICES)
    with pytest.raises(ValueError, match="one of iOS17, iOS18, not 'iOS15'"):
        options_of("coreml", {"deployment_target": "iOS15"}, CHOICES)
    with pytest.raises(ValueError, match="no option 'compute_units'"):
        options_of("coreml_evaluator", {"compute_units": "all"}, ARTIFACT_CHOICES)
