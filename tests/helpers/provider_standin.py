"""ONNX Runtime with a GPU provider that is none: remembers what it was asked, doubles what it is fed."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest


class ProviderStandIn:
    """Put into the place of the package `onnxruntime`.

    Attributes:
        available, got: providers that the package has, and that a session gets (what was asked for, by default).
        assignment: provider -> nodes it took, None where this version does not tell.
        asked, options, entries: of the last session.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.available = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
        self.got: list[str] | None = None
        self.assignment: dict[str, list[str]] | None = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.options: Any = None
        self.entries: dict[str, str] = {}
        levels = {name: SimpleNamespace(name=name) for name in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL")}
        library = SimpleNamespace(
            __version__="1.0",
            get_available_providers=lambda: self.available,
            preload_dlls=lambda: None,
            SessionOptions=self._options,
            GraphOptimizationLevel=SimpleNamespace(**levels),
            InferenceSession=self._session,
        )
        monkeypatch.setitem(sys.modules, "onnxruntime", library)

    def _options(self) -> Any:
        self.entries = {}
        return SimpleNamespace(add_session_config_entry=self.entries.__setitem__)

    def _session(self, path: str, options: Any, providers: Any, enable_fallback: int) -> Any:
        assert enable_fallback == 0, "Python must not try again on the CPU"
        self.asked, self.options = providers, options
        told = {name: [SimpleNamespace(name=node) for node in nodes] for name, nodes in (self.assignment or {}).items()}
        parts = [SimpleNamespace(ep_name=name, get_nodes=lambda nodes=nodes: nodes) for name, nodes in told.items()]
        tells = {} if self.assignment is None else {"get_provider_graph_assignment_info": lambda: parts}
        return SimpleNamespace(
            get_providers=lambda: self.got or [name for name, _ in providers],
            get_session_options=lambda: options,
            get_outputs=lambda: [SimpleNamespace(name="y")],
            run=lambda names, feeds: [feeds["x"] * 2],
            **tells,
        )
