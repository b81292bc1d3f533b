"""The command line: one parser, one place that turns errors into one line and an exit code.

Exit codes, highest first: 2 usage; 1 a mistake the user can mend; 3 a gate failed; 4 a required runtime was not
available, crashed or timed out, or a gate could not be judged; 0 otherwise.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import workbench
from workbench.cli.common import EXIT_CANCELLED, EXIT_OK, EXIT_USER
from workbench.cli.elsewhere_commands import add_to as add_elsewhere_commands
from workbench.cli.export_command import add_to as add_export_command
from workbench.cli.gui_command import add_to as add_gui_command
from workbench.cli.plan_commands import add_to as add_plan_commands
from workbench.cli.preview_commands import add_to as add_preview_commands
from workbench.cli.probe_command import add_to as add_probe_command
from workbench.cli.setup_commands import add_to as add_setup_commands
from workbench.cli.sheet_commands import add_to as add_sheet_commands
from workbench.cli.study_commands import add_to as add_study_commands
from workbench.cli.table_command import add_to as add_table_command
from workbench.cli.tune_command import add_to as add_tune_command
from workbench.errors import JobCancelledError, UserError, WorkbenchError

Command = Callable[[argparse.Namespace], int]

COMMANDS = (
    add_study_commands,
    add_tune_command,
    add_setup_commands,
    add_probe_command,
    add_preview_commands,
    add_plan_commands,
    add_sheet_commands,
    add_table_command,
    add_export_command,
    add_elsewhere_commands,
    add_gui_command,
)

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
RESUMABLE = ("run", "demo", "tune")
EXIT_CODES = """\
exit codes, highest first:
  2 usage
  1 a mistake you can mend, in one line
  3 a gate failed; for parity and check: something differs or is missing
  4 something required did not run, or a gate could not be judged
  0 otherwise
  130 stopped by Ctrl-C
"""

log = logging.getLogger("workbench")


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistyped command with the nearest one."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the mistake, and exit with 2."""
        typed, _, rest = message.partition("invalid choice: '")[2].partition("'")
        known = rest.replace("'", "").partition("(choose from ")[2].rstrip(")").split(", ")
        near = difflib.get_close_matches(typed, known, n=1) if typed else []
        super().error(message + (f". Did you mean {near[0]}?" if near else ""))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    root = Parser(
        prog="int8-workbench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
        description="One INT8 scheme on many runtimes: how far the answers move, how fast it is, a sheet to prove it.",
    )
    root.add_argument("--version", action="version", version=f"int8-workbench {workbench.__version__}")
    root.add_argument("--verbose", action="store_true", help="print the cause of an error with its traceback")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add_to in COMMANDS:
        add_to(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never lets a traceback reach a user's terminal unasked."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(name)s: %(message)s")
    try:
        command: Command = options.run_command
        _check_names(options)
        code = command(options)
        sys.stdout.flush()
        return code
    except (JobCancelledError, KeyboardInterrupt):
        kept = " What was finished is kept; the same command resumes." if options.command in RESUMABLE else ""
        print(f"\nint8-workbench: cancelled.{kept}", file=sys.stderr)
        return EXIT_CANCELLED
    except WorkbenchError as error:
        return _failed(str(error), error, EXIT_USER, getattr(error, "remote_traceback", ""))
    except BrokenPipeError:
        _close_output()
        return EXIT_OK
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        _close_output()
        place = f"{error.filename} cannot be written" if error.filename else "What was found cannot be written"
        return _failed(f"{place}: {error.strerror}. Make room, or write elsewhere.", error, EXIT_USER)


def _check_names(options: argparse.Namespace) -> None:
    """See that every path can be written into the files that tell of it, all of them UTF-8. Raises UserError."""
    values = [value if isinstance(value, list) else [value] for value in vars(options).values()]
    for path in (item for value in values for item in value if isinstance(item, Path)):
        name = str(path.absolute())
        shown = name.encode("utf-8", "backslashreplace").decode()
        if shown != name:
            raise UserError(f"{shown} has a name that is not UTF-8", how="Rename it, or give another place.")


def _close_output() -> None:
    """Let what is still to be printed go nowhere: its reader is gone, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(line: str, error: BaseException, code: int, remote: str = "") -> int:
    print(f"int8-workbench: {' '.join(line.split())}", file=sys.stderr)
    log.debug("cause", exc_info=error)
    if remote:
        log.debug("in the worker:\n%s", remote)
    return code
