"""INT8 Workbench: one logical INT8 scheme on many runtimes, measured and disclosed."""

__version__ = "0.1.0"
