"""`nncf.quantize` on the OpenVINO model: OpenVINO's own post-training quantization, written as OpenVINO IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench_plugins.installed import versions_of
from workbench_plugins.nncf.ir_facts import ir_facts
from workbench_plugins.nncf.library import load_nncf, load_openvino

from workbench.spi import Arrays, Availability, Context, Prepared

REQUIREMENT = "nncf==3.4.0"
PACKAGES = ("nncf", "openvino", "numpy")
ARTIFACT, MODEL = "ir", "model.xml"


class NncfQuantizer:
    """See `workbench.spi.Quantizer`."""

    def probe(self) -> Availability:
        """Look at the installed packages only; nothing is imported."""
        versions = versions_of(*PACKAGES)
        missing = [name for name in ("nncf", "openvino") if name not in versions]
        if missing:
            reason = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
            return Availability(False, reason, f'pip install "{REQUIREMENT}"', versions, (), ())
        wanted = REQUIREMENT.partition("==")[2]
        found = versions["nncf"]
        reason = "" if found == wanted else f"written for nncf {wanted}, found {found}"
        return Availability(True, reason, "", versions, (), ("int8",))

    def quantize(self, model: Path, samples: Sequence[Arrays], context: Context) -> Prepared:
        """Quantize and write a folder with model.xml and model.bin; whatever NNCF raises goes through."""
        nncf, openvino = load_nncf(), load_openvino()
        network = openvino.Core().read_model(str(model))
        context.check_cancelled()
        quantized = nncf.quantize(network, nncf.Dataset(samples), **arguments(nncf, context.settings, len(samples)))
        context.check_cancelled()
        artifact = context.work_dir / ARTIFACT
        artifact.mkdir()
        openvino.save_model(quantized, str(artifact / MODEL), compress_to_fp16=False)
        return Prepared(artifact, notes={"format": "OpenVINO IR with FakeQuantize"})

    def read_back(self, artifact: Path) -> Mapping[str, str]:
        """Count FakeQuantize ops and 8-bit weights and tell how they quantize. Raises RuntimeError: no IR."""
        return ir_facts(artifact / MODEL)


def arguments(nncf: Any, options: Mapping[str, Any], runs: int) -> dict[str, Any]:
    """Return the keyword arguments of `nncf.quantize` for the manifest's options.

    Args:
        runs: number of samples; `subset_size` = 0 stands for all of them, where NNCF's own default takes the first 300.
    """
    is_transformer = options["model_type"] == "transformer"
    names = list(options["ignored_names"])
    return {
        "preset": nncf.QuantizationPreset(options["preset"]),
        "model_type": nncf.ModelType.TRANSFORMER if is_transformer else None,
        "target_device": nncf.TargetDevice(options["target_device"]),
        "fast_bias_correction": options["fast_bias_correction"],
        "subset_size": options["subset_size"] or runs,
        "ignored_scope": nncf.IgnoredScope(names=names) if names else None,
    }


QUANTIZER = NncfQuantizer()
