"""How a text table is written: its comments, delimiter, decimal mark and column names, told from its first lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trophic.runtime.readers.columns import Column
from trophic.runtime.readers.common import SourceError
from trophic.runtime.readers.stamps import date_pattern

#: What stands for a missing value.
NULLS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-NaN", "-nan", "NAN", "NULL", "null", "None", "-", "--", "?")

_COMMENT = ("#", "%", "//")
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_BLANKS = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Dialect:
    """How to split a text table.

    Attributes
    ----------
    columns : tuple of Column
        All columns in order, with unique names ("column 0" ... where the file has no header).
    skip_lines : int
        Lines before the first row of data.
    delimiter : str
        One character; " " stands for any run of blanks.
    decimal : str
        "." or ",".
    encoding : str
        "utf8" or "latin1".
    samples : dict
        Column name to the cells of the first rows (missing ones left out).
    """

    columns: tuple[Column, ...]
    skip_lines: int
    delimiter: str
    decimal: str
    encoding: str
    samples: dict[str, list[str]]


def sniff(path: Path, head: bytes, complete: bool) -> Dialect:
    """Tell the dialect of a text table.

    Parameters
    ----------
    path : Path
        For error messages.
    head : bytes
        The beginning of the file, a few thousand lines at most.
    complete : bool
        ``head`` is the whole file: its last line is not cut off.

    Raises
    ------
    SourceError
        The file is not text, or holds no rows.

    Examples
    --------
    >>> dialect = sniff(Path("a.txt"), b"# by hand\\ntime; x\\n0; 1,5\\n1; 2,5\\n", complete=True)
    >>> dialect.delimiter, dialect.decimal, dialect.skip_lines, [c.name for c in dialect.columns]
    (';', ',', 2, ['time', 'x'])
    """
    if b"\0" in head:
        where = head.index(b"\0")
        raise SourceError(f"{path}: not text (a zero byte at byte {where}); tables are read as UTF-8 or Latin-1 text")
    text, encoding = _decode(head)
    lines = text.splitlines()
    if not complete and len(lines) > 1:
        lines.pop()
    preamble = 0
    while preamble < len(lines) and _is_preamble(lines[preamble]):
        preamble += 1
    body = [line for line in lines[preamble : preamble + 1000] if line.strip()]
    if not body:
        raise SourceError(f"{path}: no rows in it (only comments or blank lines)")
    delimiter = _delimiter(body)
    rows = _split(body, delimiter)
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    decimal = _decimal(rows, delimiter)
    header = any(cell not in NULLS and not is_number(cell, decimal) and not date_pattern([cell]) for cell in rows[0])
    if header and len(rows) == 1:
        raise SourceError(f"{path}: no rows under the header {rows[0]}")
    names = rows[0] if header else _commented_names(lines[:preamble], delimiter, width)
    data = [row for row in rows[header:] if len(row) == width]
    names = _unique(names[:width] + [""] * (width - len(names)), with_header=bool(header))
    samples = {name: [row[i] for row in data if row[i] not in NULLS] for i, name in enumerate(names)}
    columns = tuple(_column(name, samples[name], decimal) for name in names)
    return Dialect(columns, preamble + header, delimiter, decimal, encoding, samples)


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell is a number, inf and NaN included.

    Examples
    --------
    >>> is_number("-1.5e3"), is_number("1,5", decimal=","), is_number("1_000")
    (True, True, False)
    """
    return _NUMBER.fullmatch(cell.replace(decimal, ".")) is not None


def _decode(head: bytes) -> tuple[str, str]:
    head = head.removeprefix(b"\xef\xbb\xbf")
    for cut in range(4):  # a character of several bytes may be cut off at the end
        try:
            return head[: len(head) - cut].decode("utf-8"), "utf8"
        except UnicodeDecodeError:
            continue
    return head.decode("latin-1"), "latin1"


def _is_preamble(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(_COMMENT)


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    if delimiter == " ":
        return [_BLANKS.split(line.strip()) for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that cuts most lines into the same number of cells, more than one.

    The semicolon is tried before the comma, which may be a decimal mark; blanks last, for a date has one too.
    """
    for delimiter in ("\t", ";", "|", ",", " "):
        try:
            widths = Counter(len(row) for row in _split(lines[:100], delimiter))
        except csv.Error:
            continue
        width, count = widths.most_common(1)[0]
        if width > 1 and count > sum(widths.values()) / 2:
            return delimiter
    return ","


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    with_comma = sum(is_number(cell, ",") and not is_number(cell) for cell in cells)
    with_point = sum(is_number(cell) and "." in cell for cell in cells)
    return "," if with_comma > with_point else "."


def _commented_names(preamble: Sequence[str], delimiter: str, width: int) -> list[str]:
    """Column names in the last comment line, as numpy.savetxt writes them; none if the count differs."""
    for line in reversed(preamble):
        if line.strip():
            names = _split([line.lstrip().lstrip("#%/").strip()], delimiter)[0]
            return names if width > 1 and len(names) == width and not any(map(is_number, names)) else []
    return []


def _unique(names: Sequence[str], with_header: bool) -> list[str]:
    unique: list[str] = []
    for i, name in enumerate(names):
        base = candidate = name if name or with_header else f"column {i}"
        repeat = 1
        while candidate in unique:
            repeat += 1
            candidate = f"{base}.{repeat}"
        unique.append(candidate)
    return unique


def _column(name: str, cells: Sequence[str], decimal: str) -> Column:
    """A column is of numbers or dates if most cells are: a stray word is then an error that names its row."""
    if not cells:
        return Column(name, "empty")
    if 2 * sum(is_number(cell, decimal) for cell in cells) > len(cells):
        return Column(name, "number", cells[0])
    return Column(name, "date" if date_pattern(cells[:20]) else "text", cells[0])
