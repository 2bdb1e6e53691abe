"""Tables, block by block through Arrow: delimited text (also compressed) and Parquet."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.readers.columns import Choice, Column, choose
from trophic.runtime.readers.common import Block, Recording, SourceError, decoding, missing_extra, rechunk
from trophic.runtime.readers.dialect import NULLS, Dialect, is_number, sniff
from trophic.runtime.readers.stamps import StampForm, date_pattern, number_form

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".asc")
PARQUET_SUFFIXES = (".parquet", ".pq")

_HEAD_BYTES = 1 << 18
_TEXT_BLOCK_BYTES = 1 << 20


def read_text(
    path: Path,
    column: str | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    sample_rate_given: bool = False,
) -> Recording:
    """Delimited text (.csv, .tsv, .txt, .dat, .asc, each also .gz) as a `Recording`.

    Comma, semicolon, tab, bar or blanks; with or without a header; comments (#, %, //) before it; a decimal
    comma where the delimiter is another. Empty cells, NA, NaN and the like are missing samples.

    Parameters
    ----------
    path : Path
        The file.
    column, time_column : str or None
        Columns by name or by index from 0; None decides as `trophic.runtime.readers.columns.choose` does.
    time_unit : str or None
        Unit of a numeric time column, a key of `trophic.runtime.readers.stamps.UNITS_S`.
    sample_rate_given : bool
        The caller states the sample rate: look for no time column.

    Raises
    ------
    SourceError
        The file is not such text, or its columns are not what they are asked to be.
    """
    csv = _arrow(path, "csv")
    with decoding(path, "text"), _open(path) as file:
        head = file.read(_HEAD_BYTES)
        complete = not file.read(1)
    dialect = sniff(path, head, complete)
    choice = choose(path, dialect.columns, column, time_column, sample_rate_given)
    form = None
    if choice.time is not None:
        form = _text_form(path, choice.time, dialect, time_unit)

    def blocks(chunk_size: int) -> Iterator[Block]:
        row = 0
        for batch in _text_batches(path, csv, dialect, choice):
            columns = [_cells_to_numbers(path, batch, name, dialect.decimal, row) for name in choice.values]
            stamps = None if form is None else _cells_to_stamps(path, batch, form, dialect.decimal, row)
            row += batch.num_rows
            yield from rechunk(Block(np.column_stack(columns), stamps), chunk_size)

    return Recording("table", choice.values, blocks, stamps=form, notes=choice.notes)


def read_parquet(
    path: Path,
    column: str | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    sample_rate_given: bool = False,
) -> Recording:
    """A Parquet file as a `Recording`. Parameters and errors as for `read_text`."""
    parquet = _arrow(path, "parquet")
    with decoding(path, "Parquet", lambda: " (its last bytes and first rows)"), parquet.ParquetFile(path) as file:
        schema, n_samples = file.schema_arrow, file.metadata.num_rows
        first = next(file.iter_batches(batch_size=1000), None)
    if first is None:
        raise SourceError(f"{path}: no rows in it")
    if len(set(schema.names)) < len(schema.names):
        raise SourceError(f"{path}: two columns have the same name ({', '.join(sorted(schema.names))[:200]})")
    with decoding(path, "Parquet", lambda: " (its first rows)"):
        columns = [_arrow_column(field.name, first.column(i)) for i, field in enumerate(schema)]
    choice = choose(path, columns, column, time_column, sample_rate_given)
    form = None
    if choice.time is not None:
        form = _arrow_form(path, choice.time, first.column(schema.get_field_index(choice.time)), time_unit)

    def blocks(chunk_size: int) -> Iterator[Block]:
        wanted = [*choice.values, *([] if form is None else [form.column])]
        n_read = 0
        with decoding(path, "Parquet", lambda: f" behind data row {n_read}"), parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=chunk_size, columns=wanted):
                values = [_to_float64(batch.column(name)) for name in choice.values]
                stamps = None if form is None else _arrow_stamps(batch.column(form.column), form)
                n_read += len(batch)
                yield Block(np.column_stack(values), stamps)

    return Recording("table", choice.values, blocks, stamps=form, n_samples=n_samples, notes=choice.notes)


def _arrow(path: Path, module: str) -> ModuleType:
    """pyarrow.csv or pyarrow.parquet, imported when a table is opened: it costs more than all the rest."""
    try:
        return import_module(f"pyarrow.{module}")
    except ModuleNotFoundError as error:
        raise missing_extra(path, "pyarrow") from error


# ---- delimited text -------------------------------------------------------------------------------------------


class _SqueezedBlanks(io.RawIOBase):
    """A text file whose runs of blanks are single spaces, and whose lines neither begin nor end with one."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._ready = b""
        self._partial = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._file.read(_TEXT_BLOCK_BYTES)
            whole, newline, self._partial = (self._partial + piece).rpartition(b"\n")
            if not piece:
                whole, self._partial = self._partial, b""
                if not whole:
                    return 0
            self._ready = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", re.sub(rb"[ \t]+", b" ", whole + newline))
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def _open(path: Path) -> Any:
    """The file's bytes, decompressed if its name ends in .gz."""
    import pyarrow

    return pyarrow.input_stream(str(path), compression="gzip" if path.suffix.lower() == ".gz" else None)


def _text_batches(path: Path, csv: ModuleType, dialect: Dialect, choice: Choice) -> Iterator[Any]:
    """Record batches of the chosen columns, as strings: the cells are converted here, where the row is known."""
    import pyarrow

    names = [c.name for c in dialect.columns]
    wanted = [*choice.values, *([] if choice.time is None else [choice.time])]
    # One thread, so that the reader can tell the line of a malformed row.
    read = csv.ReadOptions(
        use_threads=False,
        block_size=_TEXT_BLOCK_BYTES,
        skip_rows=dialect.skip_lines,
        column_names=names,
        encoding=dialect.encoding,
    )
    # In a table of one column an empty line is a missing sample.
    parse = csv.ParseOptions(delimiter=dialect.delimiter, ignore_empty_lines=len(names) > 1)
    convert = csv.ConvertOptions(
        include_columns=wanted,
        column_types=dict.fromkeys(wanted, pyarrow.string()),
        null_values=list(NULLS),
        strings_can_be_null=True,
    )
    with decoding(path, "a table"), _open(path) as raw:
        file = _SqueezedBlanks(raw) if dialect.delimiter == " " else raw
        with csv.open_csv(file, read, parse, convert) as reader:
            yield from reader


def _text_form(path: Path, name: str, dialect: Dialect, time_unit: str | None) -> StampForm:
    column = next(c for c in dialect.columns if c.name == name)
    cells = dialect.samples[name]
    if column.kind == "number":
        numbers = [float(cell.replace(dialect.decimal, ".")) for cell in cells if is_number(cell, dialect.decimal)]
        return number_form(path, name, np.array(numbers), time_unit)
    pattern = date_pattern(cells[:20])
    if pattern is None:
        raise SourceError(
            f"{path}: column {name!r} is not a time that can be read without doubt (first value {column.example!r}); "
            "write it as ISO 8601, for example 2018-01-31 00:15, or give --sample-rate"
        )
    return StampForm(name, "date", pattern)


def _cells_to_numbers(path: Path, batch: Any, name: str, decimal: str, first_row: int) -> NDArray[np.float64]:
    """One column of cells as float64, NaN where missing; a cell that is no number is an error naming its row."""
    compute = _arrow(path, "compute")
    cells = batch.column(name)
    if decimal != ".":
        cells = compute.replace_substring(cells, decimal, ".")
    try:
        return _to_float64(cells)
    except ValueError:  # blanks around the number, or a word
        cells = _trimmed(compute, cells)
    try:
        return _to_float64(cells)
    except ValueError:
        place = _place(cells, name, first_row, is_number)
        raise SourceError(f"{path}: {place} is not a number; leave missing values empty or write NaN") from None


def _cells_to_stamps(path: Path, batch: Any, form: StampForm, decimal: str, first_row: int) -> NDArray[Any]:
    if form.is_numeric:
        return form.from_numbers(_cells_to_numbers(path, batch, form.column, decimal, first_row))
    cells = batch.column(form.column)
    try:
        return form.from_strings(cells)
    except ValueError:
        cells = _trimmed(_arrow(path, "compute"), cells)
    try:
        return form.from_strings(cells)
    except ValueError:
        place = _place(cells, form.column, first_row, lambda cell: date_pattern([cell]) == form.pattern)
        raise SourceError(f"{path}: {place} is not a date as in the first rows") from None


def _trimmed(compute: ModuleType, cells: Any) -> Any:
    """The cells without blanks around them; those that are then empty (or NA and the like) are missing."""
    import pyarrow

    cells = compute.utf8_trim_whitespace(cells)
    return compute.if_else(compute.is_in(cells, pyarrow.array(NULLS)), None, cells)


def _place(cells: Any, name: str, first_row: int, is_good: Callable[[str], bool]) -> str:
    """Where the first bad cell is. Rows count from 1, the header not counted."""
    for i, cell in enumerate(cells.to_pylist()):
        if cell is not None and not is_good(cell):
            return f"data row {first_row + i + 1}, column {name!r}: {cell[:40]!r}"
    return f"a cell in data rows {first_row + 1} to {first_row + len(cells)}, column {name!r},"


# ---- Parquet --------------------------------------------------------------------------------------------------


def _arrow_column(name: str, values: Any) -> Column:
    import pyarrow.types as types

    kind = values.type
    cells = [str(cell) for cell in values.to_pylist()[:20] if cell is not None]
    example = cells[0] if cells else ""
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind):
        return Column(name, "number", example)
    if types.is_timestamp(kind) or types.is_date(kind):
        return Column(name, "date", example)
    if types.is_null(kind):
        return Column(name, "empty")
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)
    return Column(name, "date" if is_text and date_pattern(cells) else "text", example)


def _arrow_form(path: Path, name: str, values: Any, time_unit: str | None) -> StampForm:
    import pyarrow.types as types

    if types.is_timestamp(values.type) or types.is_date(values.type):
        return StampForm(name, "date", "datetime64")
    column = _arrow_column(name, values)
    if column.kind == "number":
        return number_form(path, name, _to_float64(values), time_unit)
    pattern = date_pattern([str(cell) for cell in values.to_pylist()[:20] if cell is not None])
    if pattern is None:
        raise SourceError(f"{path}: column {name!r} is of type {values.type}; store time stamps or numbers")
    return StampForm(name, "date", pattern)


def _arrow_stamps(values: Any, form: StampForm) -> NDArray[Any]:
    import pyarrow.types as types

    if form.pattern == "datetime64":
        return values.to_numpy(zero_copy_only=False)
    if form.is_numeric:
        return form.from_numbers(_to_float64(values))
    return form.from_strings(values.dictionary_decode() if types.is_dictionary(values.type) else values)


def _to_float64(values: Any) -> NDArray[np.float64]:
    import pyarrow
    import pyarrow.types as types

    if types.is_decimal(values.type):
        values = values.cast(pyarrow.float64())
    if types.is_boolean(values.type):
        values = values.cast(pyarrow.uint8())
    return np.asarray(values.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
