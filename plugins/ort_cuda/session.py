"""A session on the CUDA provider: measured untouched; a second one saves the graph that was really built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench_plugins.ort_cpu.canonical_nodes import load_nodes
from workbench_plugins.ort_cpu.optimized import read_kernels
from workbench_plugins.ort_cpu.placement import placements
from workbench_plugins.ort_nvidia.probing import Provider
from workbench_plugins.ort_nvidia.session import COMMON_SETTINGS, CPU_PROVIDER, ProviderSession, moved

from workbench.spi import OpenOptions, Placement, Prepared

SETTINGS: Mapping[str, tuple[Any, ...]] = COMMON_SETTINGS
OPTIMIZED_WEIGHTS_KEY = "session.optimized_model_external_initializers_file_name"
AS_WRITTEN = "ORT_DISABLE_ALL"
"""A simulation runs the Q/DQ graph as it is: ONNX Runtime's rewriting would turn biases into int32 codes, whose
DequantizeLinear this provider leaves to the CPU."""
FLOAT_KERNELS = "the CUDA provider computes a Q/DQ graph in float"


class OrtCudaSession(ProviderSession):
    """See `workbench.spi.Session`."""

    def __init__(
        self, prepared: Prepared, options: OpenOptions, provider: Provider, settings: Mapping[str, Any]
    ) -> None:
        super().__init__(prepared, options, provider, settings)
        self.notes = prepared.notes
        if options.precision == "int8":
            self.level = AS_WRITTEN

    def provider_options(self) -> dict[str, str]:
        """Return the GPU's index, and TF32 as the row says."""
        if self.provider.name == CPU_PROVIDER:
            return {}
        return {**super().provider_options(), "use_tf32": "1" if self.settings["tf32"] else "0"}

    def placement(self) -> list[Placement]:
        """Open the artifact a second time with the same options and read the graph that ONNX Runtime saved."""
        folder = self.options.work_dir / "placement"
        folder.mkdir(parents=True, exist_ok=True)
        options = self.session_options()
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        options.add_session_config_entry(OPTIMIZED_WEIGHTS_KEY, "optimized.weights")
        self.open(options)
        found = placements(load_nodes(self.artifact), read_kernels(folder / "optimized.onnx"), {})
        return [self._in_own_words(item) for item in moved(found, self.strangers(), self.device)]

    def facts(self) -> dict[str, str]:
        """Return what every provider tells, and that an INT8 row is a simulation."""
        evidence = {"evidence": self.notes["evidence"]} if "evidence" in self.notes else {}
        return {**super().facts(), **evidence}

    def _in_own_words(self, item: Placement) -> Placement:
        if self.options.precision == "fp16" and item.precision == "fp32" and item.op_type not in float32_ops():
            return replace(item, precision="fp16")
        says_why = self.options.precision == "int8" and item.reason and item.precision == "fp32"
        return replace(item, reason=FLOAT_KERNELS) if says_why and item.device == self.device else item


def float32_ops() -> frozenset[str]:
    """Return the op types that the conversion to float16 leaves in float32."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST  # noqa: PLC0415  (realise must not load it)

    return frozenset(DEFAULT_OP_BLOCK_LIST)
