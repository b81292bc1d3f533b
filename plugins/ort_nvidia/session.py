"""A session on one provider of ONNX Runtime that cannot become a CPU session unnoticed.

ONNX Runtime opens a session on the CPU, without an exception, where the asked provider does not start. Three means
tell: the session's providers, the provider that took each node (`session.record_ep_graph_assignment_info`), and, with
fallback = "error", `session.disable_cpu_ep_fallback`, with which ONNX Runtime refuses by itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt
from workbench_plugins.ort_nvidia.libraries import look_up, preload
from workbench_plugins.ort_nvidia.probing import Provider, provider_library

from workbench.errors import ModelError
from workbench.spi import Arrays, OpenOptions, Placement, Prepared, RuntimeUnavailableError

DEVICES = tuple(range(64))
COMMON_SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "device": DEVICES,
    "fallback": ("report", "error"),
    "tf32": (False, True),
}
"""Options that every provider has, the default first: index of the GPU; what happens when nodes run elsewhere;
whether float32 products may be rounded to TF32 (10-bit mantissa)."""
TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"
"""0 switches TF32 off in cuBLAS, cuDNN and TensorRT alike (NVIDIA cuBLAS documentation, "Tensor Core Usage")."""
ASSIGNMENT_KEY = "session.record_ep_graph_assignment_info"
NO_FALLBACK_KEY = "session.disable_cpu_ep_fallback"
SPINNING_KEY = "session.intra_op.allow_spinning"
CPU_PROVIDER = "CPUExecutionProvider"
SHOWN_NODES = 8


def checked_settings(
    plugin_id: str, known: Mapping[str, tuple[Any, ...]], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all options with defaults filled in. Raises ValueError on an unknown key or value."""
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"{plugin_id} has no option {key!r}; known: {', '.join(known)}")
        if not any(value == item and isinstance(value, bool) == isinstance(item, bool) for item in known[key]):
            allowed = f"0 to {DEVICES[-1]}" if known[key] is DEVICES else ", ".join(map(_word, known[key]))
            raise ValueError(f"{plugin_id} option {key} = {value!r} is not one of {allowed}")
    return {key: settings.get(key, values[0]) for key, values in known.items()}


class ProviderSession:
    """See `workbench.spi.Session`. A subclass says the provider's options and reads its placement."""

    level = "ORT_ENABLE_ALL"
    """ONNX Runtime's graph optimization level."""

    def __init__(
        self, prepared: Prepared, options: OpenOptions, provider: Provider, settings: Mapping[str, Any]
    ) -> None:
        self.artifact, self.options, self.provider, self.settings = prepared.artifact, options, provider, settings
        self._session: Any = None
        self._names: list[str] = []
        self._old_tf32: str | None = None

    def __enter__(self) -> Self:
        self._old_tf32 = os.environ.get(TF32_VARIABLE)
        if not self.settings["tf32"]:
            os.environ[TF32_VARIABLE] = "0"
        try:
            load_shipped(self.provider)
            self._session = self.open(self.session_options())
            self._names = [item.name for item in self._session.get_outputs()]
            self._check()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._session = None
        if self._old_tf32 is None:
            os.environ.pop(TF32_VARIABLE, None)
        else:
            os.environ[TF32_VARIABLE] = self._old_tf32

    def run(self, feeds: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Run one batch; the arrays returned are the caller's."""
        return dict(zip(self._names, self._session.run(self._names, dict(feeds)), strict=True))

    def placement(self) -> list[Placement]:
        """Say where every node ran; the subclass knows how."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """Return providers, options as ONNX Runtime reports them, and the nodes that fell back."""
        options = self._session.get_session_options()
        given = self._session.get_provider_options().get(self.provider.name, {})
        return {
            "providers": ", ".join(self._session.get_providers()),
            "provider_options": told_options(given),
            "intra_op_threads": str(options.intra_op_num_threads),
            "graph_optimization_level": options.graph_optimization_level.name,
            "allow_spinning": options.get_session_config_entry(SPINNING_KEY),
            "tf32": "allowed" if self.settings["tf32"] else "off",
            "fallback": fallback_words(self.strangers()),
        }

    def provider_options(self) -> dict[str, str]:
        """Return the options given to the provider."""
        return {} if self.provider.name == CPU_PROVIDER else {"device_id": str(self.settings["device"])}

    def next_providers(self) -> list[tuple[str, dict[str, str]]]:
        """Return who gets the nodes that the provider does not take, before ONNX Runtime's CPU provider does."""
        return []

    def assignment(self) -> dict[str, str]:
        """Return node name -> provider that took it, before the provider fuses anything."""
        return {
            node.name: part.ep_name
            for part in self._session.get_provider_graph_assignment_info()
            for node in part.get_nodes()
        }

    def strangers(self) -> dict[str, str]:
        """Return the nodes that another provider took, with its name."""
        return {node: name for node, name in self.assignment().items() if name != self.provider.name}

    @property
    def device(self) -> str:
        """The device's name, such as "CUDA:0"."""
        is_cpu = self.provider.name == CPU_PROVIDER
        return self.provider.device if is_cpu else f"{self.provider.device}:{self.settings['device']}"

    def session_options(self) -> Any:
        """Return ONNX Runtime's options for this session."""
        import onnxruntime as ort  # noqa: PLC0415  (probe and realise must not load it)

        options = ort.SessionOptions()
        options.intra_op_num_threads = self.options.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, self.level)
        options.add_session_config_entry(SPINNING_KEY, "0")
        options.add_session_config_entry(ASSIGNMENT_KEY, "1")
        if self.settings["fallback"] == "error" and self.provider.name != CPU_PROVIDER:
            options.add_session_config_entry(NO_FALLBACK_KEY, "1")
        options.log_severity_level = 3
        return options

    def open(self, options: Any) -> Any:
        """Open an InferenceSession on the provider; `enable_fallback` keeps Python from trying again on the CPU.

        Raises:
            ModelError: ONNX Runtime refuses the artifact.
        """
        import onnxruntime as ort  # noqa: PLC0415  (as above)
        from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415  (as above)

        refusals = (
            state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoModel,
            state.NoSuchFile, state.NotImplemented, state.RuntimeException, state.EPFail, RuntimeError, ValueError,
        )  # fmt: skip
        asked = [(self.provider.name, self.provider_options()), *self.next_providers()]
        try:
            return ort.InferenceSession(str(self.artifact), options, providers=asked, enable_fallback=0)
        except refusals as error:
            raise ModelError(
                f"{self.artifact.name} is refused by ONNX Runtime with {self.provider.title}",
                why=(str(error).splitlines() or [type(error).__name__])[0],
            ) from error

    def _check(self) -> None:
        got = self._session.get_providers()
        if self.provider.name not in got:
            raise RuntimeUnavailableError(
                f"ONNX Runtime silently opened a session on {', '.join(got)} instead of {self.provider.name}: "
                "its log says which library or device it did not get"
            )
        strangers = self.strangers()
        if strangers and self.settings["fallback"] == "error":
            raise ModelError(
                f"{fallback_words(strangers)} instead of {self.provider.name}",
                why='the row says fallback = "error"',
                how="Keep these nodes out of the model, or leave the option out.",
            )


def load_shipped(provider: Provider) -> None:
    """Load the libraries in Python packages that the loader does not find by itself."""
    library = provider_library(provider) if provider.library else None
    if library is not None:
        preload(look_up(library).shipped)


def told_options(given: Mapping[str, str]) -> str:
    """Return a provider's options in one line, without empty ones and without paths, which are this machine's own."""
    told = sorted((key, str(value)) for key, value in given.items() if value != "" and not key.endswith("_path"))
    return ", ".join(f"{key}={value}" for key, value in told)


def fallback_words(strangers: Mapping[str, str]) -> str:
    """Return "none", or how many nodes ran on which other provider, with the first names."""
    if not strangers:
        return "none"
    groups: dict[str, list[str]] = {}
    for node, provider in strangers.items():
        groups.setdefault(provider, []).append(node)
    return "; ".join(_group_words(provider, names) for provider, names in groups.items())


def moved(placements: list[Placement], strangers: Mapping[str, str], device: str) -> list[Placement]:
    """Return placements with the device of each node: `device`, or the CPU's for nodes of another provider."""
    found = []
    for item in placements:
        other = strangers.get(item.node)
        where = device if other is None else other.removesuffix("ExecutionProvider")
        reason = item.reason if other is None else f"another provider took it: {other}"
        found.append(
            Placement(item.node, item.op_type, where, item.precision, item.fused_into, reason, item.time_share)
        )
    return found


def _group_words(provider: str, names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN_NODES])
    more = f" and {len(names) - SHOWN_NODES} more" if len(names) > SHOWN_NODES else ""
    return f"{len(names)} {'node' if len(names) == 1 else 'nodes'} on {provider}: {shown}{more}"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
