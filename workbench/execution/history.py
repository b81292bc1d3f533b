"""Machine-wide history of studies: which folders were opened or run here, when, and what they found.

One SQLite file in write-ahead mode, so that several windows may use it at once. It holds pointers and words only;
figures are always read from the study folder itself.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import FileFormatError, OutputError

HISTORY_VERSION = 1
BUSY_TIMEOUT_S = 5.0
_COLUMNS = "path, name, model, created_utc, opened_utc, verdict"
_TABLE = """
CREATE TABLE IF NOT EXISTS studies (
    path TEXT PRIMARY KEY, name TEXT NOT NULL, model TEXT NOT NULL,
    created_utc TEXT NOT NULL, opened_utc TEXT NOT NULL, verdict TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Entry:
    """One study folder.

    Attributes:
        path: the folder, absolute.
        created_utc: when the result was written; opened_utc: when it was last run or opened here (ISO 8601, "Z").
        verdict: the finding in words.
    """

    path: Path
    name: str
    model: str
    created_utc: str
    opened_utc: str
    verdict: str

    @property
    def exists(self) -> bool:
        """Whether the folder still holds a result."""
        return (self.path / "result.json").is_file()


def history_path() -> Path:
    """Return where this user's history lies on this system."""
    home = Path.home()
    if sys.platform == "darwin":  # pragma: no cover  (macOS)
        base = home / "Library" / "Application Support"
    elif os.name == "nt":  # pragma: no cover  (Windows)
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "int8-workbench" / "history.sqlite"


class History:
    """The list of studies in one file; every call opens and closes it, so no handle outlives a call.

    Args:
        path: the file; `history_path()` by default. Made with the first entry.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or history_path()

    def add(self, entry: Entry) -> None:
        """Add a study, or replace what is known of its folder. Raises OutputError, FileFormatError."""
        values = (str(entry.path), entry.name, entry.model, entry.created_utc, entry.opened_utc, entry.verdict)
        with self._open() as connection:
            connection.execute(f"INSERT OR REPLACE INTO studies ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", values)  # noqa: S608  (column names are constants)

    def forget(self, path: Path) -> None:
        """Remove a folder from the list; the folder itself stays. Raises OutputError, FileFormatError."""
        with self._open() as connection:
            connection.execute("DELETE FROM studies WHERE path = ?", (str(path),))

    def entries(self, search: str = "", limit: int = 1000) -> list[Entry]:
        """Return studies, last opened first, whose name, model, path or verdict hold every word of `search`.

        Raises:
            OutputError: the file cannot be opened. FileFormatError: it is damaged or from a newer program.
        """
        if not self.path.exists():
            return []
        words = search.split()
        where = " AND ".join(
            ["(name || ' ' || model || ' ' || path || ' ' || verdict) LIKE ? ESCAPE '\\'"] * len(words)
        )
        query = (
            f"SELECT {_COLUMNS} FROM studies {'WHERE ' + where if words else ''} ORDER BY opened_utc DESC, path LIMIT ?"  # noqa: S608  (values are bound)
        )
        with self._open() as connection:
            rows = connection.execute(query, (*map(_pattern, words), limit)).fetchall()
        return [Entry(Path(row[0]), *row[1:]) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to a checked file; commit at the end of the block, or undo it all."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as connection, connection:
                connection.execute("PRAGMA journal_mode = WAL")
                _check_version(connection)
                connection.execute(_TABLE)
                yield connection
        except sqlite3.DatabaseError as error:
            raise self._problem(error) from error
        except OSError as error:
            raise OutputError("The history of studies cannot be kept", why=error.strerror or str(error)) from error

    def _problem(self, error: sqlite3.DatabaseError) -> FileFormatError | OutputError:
        if isinstance(error, sqlite3.OperationalError):
            return OutputError("The history of studies cannot be kept", why=str(error))
        return FileFormatError(
            "The history of studies is damaged",
            why=str(error),
            how=f"Delete {self.path.name}; the study folders are not touched by it.",
        )


def _check_version(connection: sqlite3.Connection) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > HISTORY_VERSION:
        raise FileFormatError(
            "The history of studies was written by a newer program",
            why=f"history version {found}, this program reads up to {HISTORY_VERSION}",
            how="Update int8-workbench.",
        )
    if found < HISTORY_VERSION:
        connection.execute(f"PRAGMA user_version = {HISTORY_VERSION}")


def _pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
