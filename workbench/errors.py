"""Every error the program raises on purpose.

WorkbenchError
+-- UserError                 a mistake the user can mend; exit code 1, one line: what, why, how
|   +-- ModelError            the model cannot be read, checked, imported or run
|   +-- DataError             samples, labels or preprocessing do not fit
|   +-- StudyError            the study file or the study folder is wrong
|   +-- SchemeError           the scheme asks for something that does not exist
|   +-- PlanError             a plan does not belong to the model, or is damaged
|   +-- FileFormatError       a file is truncated, foreign or from a newer version
|   +-- SheetError            a sheet or claim cannot be read, checked or compared
|   +-- OutputError           a file or folder cannot be written
|   +-- CodeNotAllowedError   the model is code and --allow-code was not given
|   +-- MissingPartError      an optional package or system library is absent
+-- RuntimeUnavailableError   a plugin's runtime cannot be used on this machine
+-- JobFailedError            a worker reported an error; carries the remote traceback
+-- JobCancelledError         the user asked to stop
ContractError (RuntimeError)  a plugin or a caller broke a written contract: a bug, not a user's mistake
"""

from __future__ import annotations


class WorkbenchError(Exception):
    """Root of all errors raised on purpose."""


class UserError(WorkbenchError):
    """A mistake the user can mend, printed as one line.

    Args:
        what: what is wrong, naming the thing.
        why: the cause, as far as it is known.
        how: what to do about it.
    """

    def __init__(self, what: str, *, why: str = "", how: str = "") -> None:
        self.what, self.why, self.how = what, why, how
        super().__init__(_one_line(what, why, how))


class ModelError(UserError):
    """The model cannot be read, checked, imported or run."""


class DataError(UserError):
    """Samples, labels or preprocessing do not fit the model or each other."""


class StudyError(UserError):
    """The study file or the study folder is wrong."""


class SchemeError(UserError):
    """The scheme asks for something that does not exist or cannot be done."""


class PlanError(UserError):
    """A plan does not belong to the model, or is damaged."""


class FileFormatError(UserError):
    """A file is truncated, foreign, or written by a newer version."""


class SheetError(UserError):
    """A sheet or a claim cannot be read, checked or compared."""


class OutputError(UserError):
    """A file or folder cannot be written."""


class CodeNotAllowedError(UserError):
    """Loading the model would run code and that was not allowed."""


class MissingPartError(UserError):
    """An optional package or a system library is absent."""


class RuntimeUnavailableError(WorkbenchError):
    """A plugin's runtime cannot be used on this machine."""


class JobFailedError(WorkbenchError):
    """A worker reported an error.

    Attributes:
        kind: class name of the error in the worker.
        remote_traceback: the worker's traceback as text.
    """

    def __init__(self, kind: str, message: str, remote_traceback: str = "") -> None:
        self.kind, self.remote_traceback = kind, remote_traceback
        super().__init__(message)


class JobCancelledError(WorkbenchError):
    """The user asked to stop."""


class ContractError(RuntimeError):
    """A plugin or a caller broke a written contract; a bug, not a user's mistake."""


def _one_line(what: str, why: str, how: str) -> str:
    parts = [part.strip().rstrip(".") for part in (what, why) if part.strip()]
    text = ": ".join(parts)
    line = f"{text}. {how.strip()}" if how.strip() else text
    return " ".join(line.split())
