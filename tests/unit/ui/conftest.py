"""The window without a display: the shared fixtures of helpers.window."""

from __future__ import annotations

from helpers.window import theme, window

__all__ = ["theme", "window"]
