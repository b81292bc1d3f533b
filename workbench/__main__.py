"""`python -m workbench` and `int8-workbench`: the command line; the window has a short way, without the engine."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line; without a command the window opens."""
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # as in workers: idle threads sleep instead of spinning
    arguments = sys.argv[1:]
    if not arguments or arguments[0] == "gui":
        from workbench.ui.start import main as open_window  # noqa: PLC0415  (not the whole command line)

        return open_window(arguments[1:])
    try:
        from workbench.cli import main as run_command  # noqa: PLC0415  (not for the window)

        return run_command(arguments)
    except KeyboardInterrupt:  # while the command line is still being loaded
        sys.stderr.write("\nint8-workbench: cancelled.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
