from typing import Any

import numpy as np
import pytest
from helpers.coreml_standin import put_in_place
from workbench_plugins.coreml.options import Options
from workbench_plugins.coreml.session import CoreMlSession

from workbench.errors import ContractError


def test_a_session_runs_places_and_tells(residual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch)
    with CoreMlSession(residual.prepared, Options(compute_units="cpu_and_ne")) as session:
        found = session.run(residual.feeds)
        rows, facts = session.placement(), session.facts()
    np.testing.assert_array_equal(found["logits"], residual.simulated["logits"])
    names = [row.node for row in rows if row.node]
    assert names == [node.name for node in residual.canonical.graph.node]
    conv = next(row for row in rows if row.op_type == "conv")
    assert (conv.device, conv.precision, conv.reason) == ("Neural Engine", "unknown", "preference before the run")
    assert facts["compute_units"] == "cpu_and_ne"
    assert "evidence" not in facts
    assert "Neural Engine: 5" in facts["operations_by_device"]
    assert facts["compiled"] == "while loading"


def test_a_closed_session_does_not_run(residual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch)
    session = CoreMlSession(residual.prepared, Options())
    with pytest.raises(ContractError, match="before it was entered"):
        session.run(residual.feeds)
    with session:
        pass
    with pytest.raises(ContractError, match="after it was left"):
        session.run(residual.feeds)
