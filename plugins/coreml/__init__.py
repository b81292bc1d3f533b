"""Core ML: the plan as an mlprogram, verified on every operating system and run on macOS."""
