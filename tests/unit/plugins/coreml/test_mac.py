import inspect
import platform
import shutil
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from helpers.coreml_standin import put_in_place
from workbench_plugins.coreml.mac import MacModel, compile_package, compiled_place, devices
from workbench_plugins.coreml.options import COMPUTE_UNITS
from workbench_plugins.coreml.pipeline import load_library


def sample(residual: Any) -> Any:
    return {"input": residual.feeds["input"][:1]}


@pytest.mark.parametrize("units", COMPUTE_UNITS)
def test_each_choice_of_processors_is_asked_for(residual: Any, units: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = put_in_place(monkeypatch)
    model = MacModel(residual.prepared.artifact, units)
    found = model.predict(sample(residual))
    np.testing.assert_array_equal(found["logits"], residual.simulated["logits"][:1])
    assert stand_in.asked == [("compile", str(residual.prepared.artifact)), ("load", units.upper())]
    assert not model.was_compiled
    model.close()
    with pytest.raises(AttributeError):
        model.predict(sample(residual))


def test_what_was_compiled_while_preparing_is_loaded(residual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = put_in_place(monkeypatch)
    package, place = residual.prepared.artifact, compiled_place(residual.prepared.artifact)
    compile_package(package, place)
    try:
        with closing(MacModel(package, "all")) as model:
            assert model.was_compiled
        assert stand_in.asked == [("compile", str(package)), ("load", "ALL")]
        assert place.is_dir()
        monkeypatch.setattr(platform, "mac_ver", lambda: ("99.0", ("", "", ""), "arm64"))
        assert not compiled_place(package).exists(), "another system has its own"
    finally:
        shutil.rmtree(package.parent / "engines")


def test_preferences_leave_out_constants_and_say_where_nothing_is_told(
    residual: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(monkeypatch)
    with closing(MacModel(residual.prepared.artifact, "all")) as model:
        found = model.preferences()
    by_type = {item.op_type: item for item in found}
    assert "const" not in by_type
    assert (by_type["conv"].device, by_type["conv"].cost) == ("Neural Engine", 0.01)
    assert by_type["conv"].supported == ("CPU", "Neural Engine")
    assert by_type["add"].device == "CPU"
    assert (by_type["dequantize"].device, by_type["dequantize"].supported) == ("unknown", ())


def test_values_within_the_program(residual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = put_in_place(monkeypatch)
    with closing(MacModel(residual.prepared.artifact, "cpu_only")) as model:
        plain = model.intermediates(sample(residual), ["stem", "stem_relu"])
        stand_in.moved["stem"] = 1.0
        moved = model.intermediates(sample(residual), ["stem", "stem_relu"])
    np.testing.assert_array_equal(moved["stem"], plain["stem"] + 1)
    np.testing.assert_array_equal(moved["stem_relu"], plain["stem_relu"])


def test_devices_are_told_by_macos_alone() -> None:
    assert bool(devices()) == (platform.system() == "Darwin")


def test_the_library_has_what_the_stand_in_stands_for() -> None:
    """Names and parameters that `mac` uses, looked up in the real library."""
    coremltools = load_library()
    from coremltools.models.compute_plan import MLComputePlan
    from coremltools.models.ml_program.experimental.debugging_utils import MLModelInspector

    for units in COMPUTE_UNITS:
        assert hasattr(coremltools.ComputeUnit, units.upper())
    assert list(inspect.signature(coremltools.models.utils.compile_model).parameters)[:2] == [
        "model",
        "destination_path",
    ]
    assert "compute_units" in inspect.signature(coremltools.models.CompiledMLModel).parameters
    assert "compute_units" in inspect.signature(MLComputePlan.load_from_path).parameters
    assert hasattr(MLComputePlan, "get_compute_device_usage_for_mlprogram_operation")
    assert hasattr(MLComputePlan, "get_estimated_cost_for_mlprogram_operation")
    assert {"inputs", "output_names"} <= set(inspect.signature(MLModelInspector.inspect).parameters)
