"""Data in, one import for the rest of the program: scan a [data] section, then stream its samples.

scan() lists, shuffles, limits and hashes; open_samples() checks against the model and gives batches.
NOT here: whether labels fit the model's classes (the task's duty), text and audio.
"""

from __future__ import annotations

from workbench.model.feedback import Carry
from workbench.model.pixel_cache import PixelWriter
from workbench.model.sample_index import SampleIndex, overlap, sample_index_from_json
from workbench.model.samples import Samples, open_samples
from workbench.model.scan import DataSpec, data_spec_from_json, scan

__all__ = [
    "Carry",
    "DataSpec",
    "PixelWriter",
    "SampleIndex",
    "Samples",
    "data_spec_from_json",
    "open_samples",
    "overlap",
    "sample_index_from_json",
    "scan",
]
