"""Labels of samples: one rule from texts to class indices, and the CSV of files and labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from workbench.errors import DataError

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_WHOLE_FLOAT = re.compile(r"([+-]?[0-9]{1,18})\.0+", re.ASCII)
"""How spreadsheets and data frames write whole numbers of a column that once held a gap: 3.0."""
_SEPARATORS = ",;\t"
_HEADER_CHARACTERS = 120


def class_indices(texts: Sequence[str], classes: Sequence[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the class index of every text, and the class names.

    The rule: when every class is a whole number, the number is the class index and there are no names. Else the
    names are sorted and the rank is the class index.

    Args:
        texts: one per sample, each one of `classes`.
        classes: all classes of the set, also those without a sample.
    """
    if classes and all(_WHOLE_NUMBER.fullmatch(name) for name in classes):
        return tuple(int(text) for text in texts), ()
    names = tuple(sorted(set(classes)))
    rank = {name: index for index, name in enumerate(names)}
    return tuple(rank[text] for text in texts), names


def refuse_mixed_labels(texts: Sequence[str], where: str) -> None:
    """Raise DataError when some labels are whole numbers and others names: a typing mistake would shift classes."""
    numbers = [bool(_WHOLE_NUMBER.fullmatch(text)) for text in texts]
    if any(numbers) and not all(numbers):
        odd = texts[numbers.index(False)]
        raise DataError(
            f"{where} mixes numbers and names as labels", why=f"{odd!r} is not a whole number", how="Use one kind only."
        )


def read_label_csv(path: Path) -> dict[str, str]:
    """Read a CSV with the columns `file` and `label` as file -> label text, in the file's order.

    Commas, semicolons or tabs separate; the header's own case does not matter; other columns are ignored. Files are
    relative, with forward slashes (backslashes are taken for them). A label 3.0 is the number 3.

    Raises:
        DataError: unreadable, no such header, no rows, an empty field, a file listed twice or outside the folder,
            numbers and names mixed.
    """
    rows: dict[str, str] = {}
    for line, file, label in _rows(path):
        if not file or not label:
            raise DataError(f"{path.name} line {line} lacks a file or a label", how="Give every row both.")
        if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
            what = "a file by its whole path, or outside the folder of samples"
            how = "Name files relative to data path."
            raise DataError(f"{path.name} line {line} names {what}", why=file, how=how)
        if file in rows:
            raise DataError(f"{path.name} lists {file} twice", why=f"again in line {line}")
        rows[file] = label
    if not rows:
        raise DataError(f"{path.name} lists no files")
    refuse_mixed_labels(list(rows.values()), path.name)
    return rows


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, file, label), both stripped. Raises DataError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, strict=True, delimiter=_separator(first), skipinitialspace=True)
            file_column, label_column = _columns(path, next(reader, []))
            for row in reader:
                if row:
                    padded = [*row, *[""] * (max(file_column, label_column) + 1 - len(row))]
                    yield reader.line_num, _file_text(padded[file_column]), _label_text(padded[label_column])
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read",
            why=error.strerror or str(error),
            how="In a study, labels is relative to the study file, not to the folder of samples.",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        how = "Save it again as CSV with the encoding UTF-8."
        raise DataError(f"{path.name} is not a CSV file in UTF-8", why=str(error), how=how) from error


def _separator(header: str) -> str:
    """Return what separates the columns: the one of the known separators that the first line has most of."""
    return max(_SEPARATORS, key=header.count)


def _file_text(text: str) -> str:
    return text.strip().replace("\\", "/")


def _label_text(text: str) -> str:
    text = text.strip()
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text


def _columns(path: Path, header: list[str]) -> tuple[int, int]:
    names = [name.strip().lower() for name in header]
    if "file" not in names or "label" not in names:
        found = f"its first line is {', '.join(header)[:_HEADER_CHARACTERS]!r}" if header else "it is empty"
        raise DataError(
            f"{path.name} lacks the header file,label", why=found, how="Write file,label as the first line."
        )
    return names.index("file"), names.index("label")
