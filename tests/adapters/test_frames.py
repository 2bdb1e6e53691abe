"""pandas, polars, Arrow and xarray in and out: values, gaps, dates and names are those that were given."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import trophic
from trophic.runtime.frames import columns_of, frame

pandas = pytest.importorskip("pandas", reason="pip install 'trophic[test]'")
polars = pytest.importorskip("polars", reason="pip install 'trophic[test]'")
pyarrow = pytest.importorskip("pyarrow", reason="pip install 'trophic[io]'")
xarray = pytest.importorskip("xarray", reason="pip install 'trophic[test]'")

N = 600
HOUR_S = 3600.0
DATES = pandas.date_range("2021-03-01", periods=N, freq="h")  # over a change of clocks in Rome
DAILY = 3.0 * np.cos(2 * np.pi * np.arange(N) / 24)
FAST = 0.5 * np.cos(2 * np.pi * np.arange(N) / 5 + 1)
GAP = 100
MAKERS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pandas.DataFrame({"daily": given(DAILY), "fast": FAST}, index=DATES),
    "polars": lambda: polars.DataFrame({"when": DATES.to_numpy(), "daily": nothing(DAILY), "fast": FAST}),
    "pyarrow": lambda: pyarrow.table({"daily": nothing(DAILY), "fast": FAST, "when": DATES.to_numpy()}),
    "xarray": lambda: xarray.DataArray(
        np.stack([given(DAILY), FAST], axis=1), coords={"time": DATES, "what": ["daily", "fast"]}, dims=("time", "what")
    ),
}
SERIES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pandas.Series(nothing(DAILY), index=DATES.tz_localize("UTC"), name="daily", dtype="Float64"),
    "polars": lambda: polars.Series("daily", nothing(DAILY)),
    "pyarrow": lambda: pyarrow.chunked_array([nothing(DAILY)[:300], nothing(DAILY)[300:]]),
    "xarray": lambda: xarray.DataArray(given(DAILY), coords={"time": DATES}, dims="time", name="daily"),
}
KINDS = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "Table", "xarray": "Dataset"}


def given(values: np.ndarray) -> np.ndarray:
    """With a hole."""
    holed = values.copy()
    holed[GAP] = np.nan
    return holed


def nothing(values: np.ndarray) -> list[float | None]:
    """With None in its place."""
    return [None if i == GAP else float(value) for i, value in enumerate(values)]


def column(table: Any, name: str) -> np.ndarray:
    return np.asarray(table[name])


@pytest.mark.parametrize("library", MAKERS)
def test_decompose(library: str) -> None:
    daily, fast = trophic.decompose(MAKERS[library]())  # type: ignore[misc]
    assert (daily.name, fast.name, daily.time_axis) == ("daily", "fast", "dates")
    assert daily.time_s[0] == DATES[0].timestamp()
    assert (daily.n_bad, fast.n_bad) == (1, 0)
    periods = [1 / float(found.components["frequency_hz"][0]) / HOUR_S for found in (daily, fast)]
    assert periods == pytest.approx([24, 5], rel=2e-3)
    table = daily.to_frame()
    assert (type(table).__module__.split(".")[0], type(table).__name__) == (library, KINDS[library])
    np.testing.assert_array_equal(column(table, "frequency_hz"), daily.components["frequency_hz"])


@pytest.mark.parametrize("library", MAKERS)
def test_forecast(library: str) -> None:
    found = trophic.forecast(MAKERS[library](), horizon=2)
    assert (found.names, found.n_bad.tolist(), found.time_s[-1]) == (("daily", "fast"), [1, 0], DATES[-1].timestamp())
    table = found.to_frame()
    assert (type(table).__module__.split(".")[0], type(table).__name__) == (library, KINDS[library])
    assert column(table, "channel").tolist()[:3] == ["daily", "fast", "daily"]
    np.testing.assert_array_equal(column(table, "prediction_2")[1::2], found.prediction[:, 1, 1])


@pytest.mark.parametrize("library", SERIES)
def test_a_series(library: str) -> None:
    x = SERIES[library]()
    found = trophic.decompose(x) if library in ("pandas", "xarray") else trophic.decompose(x, times_s=DATES)
    assert isinstance(found, trophic.Decomposition)
    assert (found.name, found.n_bad, found.library) == ("" if library == "pyarrow" else "daily", 1, library)
    assert found.time_s[-1] == DATES[-1].timestamp()
    assert 1 / float(found.components["frequency_hz"][0]) / HOUR_S == pytest.approx(24, rel=2e-3)


def test_every_library_gives_the_same_numbers() -> None:
    found = {name: columns_of(make()) for name, make in MAKERS.items()}
    for name, columns in found.items():
        assert columns is not None
        assert columns.names == ("daily", "fast"), name
        np.testing.assert_array_equal(columns.values, np.stack([given(DAILY), FAST], axis=1))
        np.testing.assert_array_equal(columns.times_s, DATES.asi8 / 1e6 if DATES.unit == "us" else DATES.asi8 / 1e9)


def test_what_is_no_column_of_numbers_is_named() -> None:
    with pytest.raises(TypeError, match="column 'place' is of type String"):
        trophic.decompose(polars.DataFrame({"x": DAILY, "place": ["here"] * N}))
    with pytest.raises(TypeError, match=r"several columns of dates \(a, b\)"):
        trophic.decompose(polars.DataFrame({"a": DATES.to_numpy(), "b": DATES.to_numpy(), "x": DAILY}))
    with pytest.raises(TypeError, match="without a column"):
        trophic.decompose(pyarrow.table({"when": [datetime.date(2020, 1, 1)] * N}))
    with pytest.raises(TypeError, match=r"pass x\.collect\(\)"):
        trophic.forecast(polars.LazyFrame({"x": DAILY}))
    with pytest.raises(TypeError, match="same single dimension"):
        trophic.decompose(xarray.Dataset({"a": ("t", DAILY), "b": ("s", FAST)}))


def test_a_dataset_has_its_variables_names() -> None:
    found = trophic.decompose(xarray.Dataset({"daily": ("t", DAILY), "fast": ("t", FAST)}), sample_rate_hz=1.0)
    assert [channel.name for channel in found] == ["daily", "fast"]


def test_time_stamps_may_be_a_column() -> None:
    for times in (polars.Series(DATES.to_numpy()), pandas.Series(DATES.tz_localize("UTC")), DATES):
        found = trophic.decompose(DAILY, times_s=times)
        assert (found.time_axis, found.time_s[0]) == ("dates", DATES[0].timestamp())  # type: ignore[union-attr]


def test_without_a_library_asked_for_it_is_pandas() -> None:
    assert isinstance(frame({"x": np.arange(3)}), pandas.DataFrame)


@pytest.mark.parametrize("library", MAKERS)
def test_estimators_keep_names(library: str) -> None:
    estimators = pytest.importorskip("trophic.adapters.sklearn", reason="pip install 'trophic[sklearn]'")
    x = MAKERS[library]()
    if library in ("polars", "pyarrow"):
        x = x.drop(["when"])
    found = estimators.NetworkForecaster(horizon=2).fit(x)
    assert found.feature_names_in_.tolist() == ["daily", "fast"]
    assert found.get_feature_names_out().tolist()[:2] == ["daily_forecast", "daily_lower"]
    ahead = found.set_output(transform="polars").transform(x)
    assert (type(ahead).__module__.split(".")[0], ahead.columns[0]) == ("polars", "daily_forecast")
    np.testing.assert_array_equal(np.asarray(ahead["fast_forecast"]), found.predict(x)[:, 1])


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_rows_of_a_frame_keep_names_in_river(library: str) -> None:
    adapter = pytest.importorskip("trophic.adapters.river", reason="pip install 'trophic[river]'")
    stream = pytest.importorskip("river.stream", reason="pip install 'trophic[river]'")
    learner, table = adapter.EcologyTransformer(0.01, 0.45, n_branches=1), MAKERS[library]()
    for row, _ in stream.iter_frame(table if library == "pandas" else table.drop(["when"])):
        learner.learn_one(row)
    found = learner.transform_one({})
    assert set(found) == {f"{name}_{what}_0" for name in ("daily", "fast") for what in ("amplitude", "frequency_hz")}
    assert found["daily_frequency_hz_0"] == pytest.approx(1 / 24, rel=2e-3)
