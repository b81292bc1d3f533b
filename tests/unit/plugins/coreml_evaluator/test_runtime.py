from pathlib import Path

import pytest
from helpers.contexts import lowered
from helpers.rule_nets import planned_rule
from workbench_plugins.coreml.runtime import CoreMlRuntime
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.quant.scheme import Scheme
from workbench.spi import GraphSummary


def test_it_runs_everywhere() -> None:
    found = EvaluatorRuntime().probe()
    assert found.ok
    assert set(found.versions) == {"coremltools", "numpy"}


def test_it_has_no_processors_to_choose_from() -> None:
    with pytest.raises(ValueError, match="no option 'compute_units'"):
        EvaluatorRuntime().realise(GraphSummary((), (), ()), Scheme(), {"compute_units": "all"})


def test_its_package_is_core_mls_byte_for_byte(tmp_path: Path) -> None:
    canonical, plan = planned_rule("relu")
    packages = []
    for name, runtime in (("core", CoreMlRuntime()), ("evaluator", EvaluatorRuntime())):
        (tmp_path / name).mkdir()
        prepared, _ = lowered(runtime, canonical, plan, tmp_path / name)
        files = [path for path in sorted(prepared.artifact.rglob("*")) if path.is_file()]
        packages.append([path.read_bytes() for path in files])
    assert packages[0] == packages[1]
    assert len(packages[0]) == 3
