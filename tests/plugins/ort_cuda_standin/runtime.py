"""The CUDA plugin with ONNX Runtime's CPU provider in CUDA's place."""

from __future__ import annotations

from workbench_plugins.ort_cuda.runtime import OrtCudaRuntime
from workbench_plugins.ort_nvidia.probing import Provider

from workbench.spi import Availability

STAND_IN = Provider("CPUExecutionProvider", "stand-in CPU", "", "CPU")


class StandIn(OrtCudaRuntime):
    """As the plugin, usable everywhere."""

    def probe(self) -> Availability:
        return Availability(True, "stand-in provider", precisions=("fp32", "fp16", "int8"))


RUNTIME = StandIn(STAND_IN)
