"""Series and data frames of other libraries, in and out, with their names: pandas, polars, Arrow (by narwhals), xarray.

Nothing is imported unless an object of such a library is given or asked for.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FRAMES = ("pandas", "polars", "pyarrow", "modin", "cudf")


class Columns(NamedTuple):
    """What an object of another library holds.

    Attributes
    ----------
    values : float64 array, shape (n,) or (n, n_columns)
        What is missing is NaN.
    names : tuple of str
        One per column, ``""`` where it has none.
    times_s : float64 array, shape (n,), or None
        Its dates in seconds since 1970-01-01 UTC, NaN where missing; None without dates.
    library : str
        "pandas", "polars", "pyarrow", "modin", "cudf" or "xarray".
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    times_s: NDArray[np.float64] | None
    library: str


def columns_of(x: Any) -> Columns | None:
    """The columns of a Series, a data frame, or an object of xarray; None for anything else.

    Dates are the index of a pandas object, the coordinate of the first dimension of one of xarray, or the one column of
    dates that a data frame has.

    Raises
    ------
    TypeError
        If a column holds no real numbers, or there are several columns of dates.

    Examples
    --------
    >>> import pyarrow
    >>> table = pyarrow.table({"left": [1, None, 3], "right": [0.5, 0.25, 0.125]})
    >>> found = columns_of(table)
    >>> found.names, found.values.tolist(), found.library
    (('left', 'right'), [[1.0, 0.5], [nan, 0.25], [3.0, 0.125]], 'pyarrow')
    """
    if hasattr(x, "dims") and hasattr(x, "coords"):
        return _columns_of_xarray(x)
    native = _narwhals(x)
    if native is None:
        return None
    library = native.implementation.value
    if hasattr(native, "columns"):
        dated = [name for name, kind in native.schema.items() if _is_date(kind)]
        if len(dated) > 1:
            raise TypeError(f"x has several columns of dates ({', '.join(dated)}): drop all but one")
        names = [name for name in native.columns if name not in dated]
        if not names:
            raise TypeError("x must hold real numbers, got a data frame without a column of them")
        values = np.stack([_numbers(native[name]) for name in names], axis=1)
        times_s = _seconds(native[dated[0]]) if dated else _dates_of_index(x)
        return Columns(values, tuple(map(str, names)), times_s, library)
    name = "" if native.name is None else str(native.name)
    return Columns(_numbers(native), (name,), _dates_of_index(x), library)


def seconds_of(x: Any) -> NDArray[np.float64] | None:
    """A Series or index of dates in seconds since 1970-01-01 UTC; None for anything else.

    Examples
    --------
    >>> import polars, datetime
    >>> seconds_of(polars.Series([datetime.date(1970, 1, 2), None]))
    array([86400.,    nan])
    """
    if getattr(getattr(x, "dtype", None), "kind", "") == "M" and hasattr(x, "to_series"):  # an index of pandas
        x = x.to_series()
    native = _narwhals(x)
    return _seconds(native) if native is not None and hasattr(native, "dtype") and _is_date(native.dtype) else None


def frame(columns: dict[str, Any], library: str = "", instead: str = "") -> Any:
    """A data frame of ``library``, for "xarray" a Dataset along ``row``; without one of pandas or else polars.

    Raises
    ------
    ImportError
        If neither is installed; it says what is ``instead``.

    Examples
    --------
    >>> frame({"x": np.arange(3)}, "pyarrow").column_names
    ['x']
    """
    arrays = {name: np.ascontiguousarray(values) for name, values in columns.items()}
    if library == "xarray":
        import xarray

        return xarray.Dataset({name: ("row", values) for name, values in arrays.items()})
    installed: Any = library or next((name for name in ("pandas", "polars") if find_spec(name)), "")
    if not installed:
        raise ImportError(f"a data frame needs pandas or polars, neither is installed: pip install pandas; {instead}")
    import narwhals

    return narwhals.from_dict(arrays, backend=installed).to_native()


def _narwhals(x: Any) -> Any:
    """``x`` as narwhals has it; None if it is no Series or data frame in memory."""
    if type(x).__module__.partition(".")[0] not in FRAMES:
        return None
    import narwhals

    native = narwhals.from_native(x, pass_through=True, allow_series=True)
    if isinstance(native, narwhals.LazyFrame):
        raise TypeError(f"x must be in memory, got a lazy {type(x).__name__}; pass x.collect()")
    return native if isinstance(native, narwhals.DataFrame | narwhals.Series) else None


def _is_date(kind: Any) -> bool:
    import narwhals

    return kind == narwhals.Date or kind == narwhals.Datetime


def _seconds(series: Any) -> NDArray[np.float64]:
    import narwhals

    if series.dtype == narwhals.Date:
        series = series.cast(narwhals.Datetime("us"))
    return series.dt.timestamp("us").cast(narwhals.Float64).to_numpy() / 1e6


def _numbers(series: Any) -> NDArray[np.float64]:
    import narwhals

    kind = series.dtype
    if kind.is_numeric() or kind == narwhals.Boolean:
        return series.cast(narwhals.Float64).to_numpy()
    try:
        if kind == narwhals.Object or kind == narwhals.Unknown:  # None and pandas' NA among numbers
            return np.array([math.nan if is_missing(value) else value for value in series.to_list()], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"x must hold real numbers, column {series.name!r} does not: {error}") from error
    raise TypeError(f"x must hold real numbers, column {series.name!r} is of type {kind}; drop it or convert it")


def is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: whatever is not equal to itself, or cannot tell."""
    try:
        return value is None or not bool(value == value)
    except TypeError:
        return True


def _dates_of_index(x: Any) -> NDArray[np.float64] | None:
    index = getattr(x, "index", None)  # pandas
    return seconds_of(index) if hasattr(index, "to_series") else None


def _columns_of_xarray(x: Any) -> Columns:
    """A DataArray, time first, or a Dataset whose variables share one dimension."""
    if hasattr(x, "data_vars"):
        shapes = {variable.dims for variable in x.data_vars.values()}
        if len(shapes) != 1 or len(dims := shapes.pop()) != 1:
            raise TypeError("x must be a Dataset whose variables all have the same single dimension; select some")
        names = tuple(map(str, x.data_vars))
        values = np.stack([np.asarray(x[name].values, dtype=np.float64) for name in x.data_vars], axis=1)
    else:
        dims, values = x.dims, x.values
        if len(dims) == 2 and dims[1] in x.coords:
            names = tuple(str(name) for name in x.coords[dims[1]].values)
        else:
            names = ("" if x.name is None else str(x.name),) if len(dims) == 1 else ("",) * x.shape[-1]
    index = x.get_index(dims[0]) if dims else None
    return Columns(values, names, seconds_of(index), "xarray")
