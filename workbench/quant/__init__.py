"""Scheme, calibration, plan, QDQ writers, executable specification, parity."""
