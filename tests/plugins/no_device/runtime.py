"""The TensorRT plugin on a machine that has never seen a GPU, whatever machine this is."""

from __future__ import annotations

from workbench_plugins.ort_tensorrt.runtime import OrtTensorRtRuntime

from workbench.spi import Availability


class NoDevice(OrtTensorRtRuntime):
    """Its artifacts can be prepared and verified; nothing runs."""

    def probe(self) -> Availability:
        return Availability(False, "no device is here", "Use a machine with one.", precisions=("fp32", "int8"))


RUNTIME = NoDevice()
