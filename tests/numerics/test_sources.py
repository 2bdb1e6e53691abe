"""File sources against other readers (SciPy, pandas, the csv module) and against what was written."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas
import pytest
import scipy.io.wavfile
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from trophic.runtime.sources import Source, open_source
from trophic.view.units import DAY_S


def gather(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """All values, shape (n, C), and time stamps of a source; the chunks must follow one another."""
    chunks = list(source)
    assert [c.first_sample for c in chunks] == list(np.cumsum([0, *map(len, chunks)])[:-1])
    assert all(0 < len(c) <= source.chunk_size for c in chunks)
    return np.concatenate([c.values for c in chunks]), np.concatenate([c.time_stamps_s() for c in chunks])


def write(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(n: int = 40, period: float = 0.5) -> list[tuple[float, float]]:
    return [(i * period, round(float(np.sin(0.7 * i)), 6)) for i in range(n)]


def noise(n: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(n, channels))


# ---- audio ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Chunk .non-data. not understood")
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_wav_equals_what_scipy_reads(tmp_path, subtype):
    signal = np.clip(0.2 * noise(5000, 3), -0.99, 0.99)
    path = tmp_path / "three.wav"
    soundfile.write(path, signal, 8000, subtype=subtype)
    source = open_source(path, chunk_size=777)
    values, times = gather(source)
    rate, reference = scipy.io.wavfile.read(path)
    scale = {"PCM_16": 2**15, "PCM_24": 2**31}.get(subtype, 1)
    np.testing.assert_array_equal(values, reference / scale)
    np.testing.assert_allclose(times, np.arange(5000) / rate, rtol=1e-15)
    assert (source.kind, source.sample_rate_hz, source.n_samples, source.n_channels) == ("audio", 8000.0, 5000, 3)


@pytest.mark.parametrize("suffix", [".flac", ".aiff", ".au", ".caf", ".w64"])
def test_lossless_audio_formats_agree(tmp_path, suffix):
    signal = np.round(0.2 * noise(3000)[:, 0] * 2**15).clip(-(2**15), 2**15 - 1) / 2**15
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, signal, 11025, subtype="PCM_16")
    values, _ = gather(open_source(path))
    np.testing.assert_array_equal(values[:, 0], signal)


@pytest.mark.parametrize("column", ["right", "1"])
def test_one_channel_of_stereo(tmp_path, column):
    signal = np.clip(0.2 * noise(100, 2), -0.99, 0.99)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, signal, 8000, subtype="DOUBLE")
    source = open_source(path, column=column)
    assert source.channel_names == ("right",)
    np.testing.assert_array_equal(gather(source)[0][:, 0], signal[:, 1])


# ---- arrays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u1", "?", ">f8"])
def test_npy_of_any_real_type(tmp_path, dtype):
    array = (100 * noise(50, 2)).astype(dtype)
    path = tmp_path / "x.npy"
    np.save(path, array)
    source = open_source(path, sample_rate_hz=10, chunk_size=7)
    np.testing.assert_array_equal(gather(source)[0], array.astype(float))
    assert source.channel_names == ("x 0", "x 1")


def test_channels_first_is_turned_round_and_said(tmp_path):
    array = noise(60, 2).T
    path = tmp_path / "x.npy"
    np.save(path, array)
    source = open_source(path, sample_rate_hz=10)
    np.testing.assert_array_equal(gather(source)[0], array.T)
    assert "(n_channels, n_samples)" in source.notes[0]


def test_npz_members_are_found_by_name(tmp_path):
    path = tmp_path / "many.npz"
    x, other = noise(40, 2), noise(40)[:, 0]
    np.savez(path, other=other, x=x, fs=250.0, names=np.array(["left foot", "right foot"]))
    source = open_source(path)
    assert (source.sample_rate_hz, source.channel_names) == (250.0, ("left foot", "right foot"))
    np.testing.assert_array_equal(gather(source)[0], x)
    np.testing.assert_array_equal(gather(open_source(path, column="other"))[0][:, 0], other)
    np.testing.assert_array_equal(gather(open_source(path, column="right foot"))[0][:, 0], x[:, 1])


def test_npz_with_time_stamps(tmp_path):
    path = tmp_path / "timed.npz"
    time = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, 40))
    np.savez_compressed(path, time=time, values=noise(40))
    source = open_source(path)
    assert source.sample_rate_hz is None
    assert source.typical_rate_hz == pytest.approx(1 / np.median(np.diff(time)))
    np.testing.assert_allclose(gather(source)[1], time - time[0], rtol=1e-15)


# ---- tables: how they are written -----------------------------------------------------------------------------

_DIALECTS = {
    "comma": "time,x\n{rows}",
    "quoted": '"time","x"\n{rows}',
    "tab": "time\tx\n{rows}",
    "semicolon": "time;x\n{rows}",
    "blanks": "   time      x\n{rows}",
    "windows line ends": "time,x\r\n{rows}",
    "byte order mark": "\ufefftime,x\n{rows}",
    "comments": "# made by hand\n\n# second line\ntime,x\n{rows}",
    "names in a comment": "# time, x\n{rows}",
}


@pytest.mark.parametrize("name", _DIALECTS)
def test_text_dialects(tmp_path, name):
    between = {"tab": "\t", "semicolon": ";", "blanks": "    "}.get(name, ",")
    end = "\r\n" if name.startswith("windows") else "\n"
    body = end.join(f"{t}{between}{x}" for t, x in rows()) + end
    path = tmp_path / "table.txt"
    path.write_bytes(_DIALECTS[name].format(rows=body).encode())
    source = open_source(path)
    values, _ = gather(source)
    assert source.sample_rate_hz == 2.0
    np.testing.assert_array_equal(values[:, 0], [x for _, x in rows()])


def test_decimal_comma(tmp_path):
    text = "time;x\n" + "".join(f"{t};{x}\n".replace(".", ",") for t, x in rows())
    np.testing.assert_array_equal(gather(open_source(write(tmp_path, text)))[0][:, 0], [x for _, x in rows()])


def test_latin1_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("time,température °C\n".encode("latin-1") + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(30)))
    assert open_source(path).channel_names == ("température °C",)


def test_gzip(tmp_path):
    path = tmp_path / "t.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("time,x\n" + "".join(f"{t},{x}\n" for t, x in rows()))
    np.testing.assert_array_equal(gather(open_source(path))[0][:, 0], [x for _, x in rows()])


@pytest.mark.parametrize("gap", ["", "NaN", "NA", "null", " "])
def test_missing_cells_are_missing_samples(tmp_path, gap):
    text = "time,x\n" + "".join(f"{t},{gap if i % 5 == 2 else x}\n" for i, (t, x) in enumerate(rows()))
    values, times = gather(open_source(write(tmp_path, text)))
    assert np.array_equal(np.isnan(values[:, 0]), np.arange(40) % 5 == 2)
    np.testing.assert_allclose(times, [t for t, _ in rows()], rtol=1e-15)


def test_an_empty_line_in_a_single_column_is_a_missing_sample(tmp_path):
    text = "".join("\n" if i == 11 else f"{x}\n" for i, (_, x) in enumerate(rows()))
    values, _ = gather(open_source(write(tmp_path, text), sample_rate_hz=2))
    assert np.flatnonzero(np.isnan(values[:, 0])).tolist() == [11]
    assert len(values) == 40


def test_a_long_table_arrives_whole(tmp_path):
    """Longer than the reader's blocks and than a chunk; checked against pandas."""
    table = pandas.DataFrame({"t": np.arange(200_000) / 1000, "a": noise(200_000)[:, 0], "b": np.arange(200_000)})
    path = tmp_path / "long.csv"
    table.to_csv(path, index=False)
    source = open_source(path, chunk_size=10_000)
    np.testing.assert_array_equal(gather(source)[0], pandas.read_csv(path)[["a", "b"]].to_numpy())
    assert (source.sample_rate_hz, source.n_samples) == (1000.0, 200_000)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=16, max_size=30),
    st.sampled_from([",", ";", "\t"]),
)
def test_any_numbers_come_back(numbers, delimiter):
    import tempfile

    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([["time", "x"], *enumerate(numbers)])
    with tempfile.TemporaryDirectory() as folder:
        values, _ = gather(open_source(write(Path(folder), buffer.getvalue())))
    np.testing.assert_array_equal(values[:, 0], numbers)


# ---- tables: which columns ------------------------------------------------------------------------------------


def test_all_numeric_columns_but_the_time_and_row_numbers(tmp_path):
    text = ",date,wind,sky,rain\n" + "".join(
        f"{i},{datetime(2020, 1, 1) + timedelta(days=i):%Y-%m-%d},{i % 7},grey,{i % 3}\n" for i in range(40)
    )
    source = open_source(write(tmp_path, text))
    assert source.channel_names == ("wind", "rain")
    assert source.sample_period_s == DAY_S
    assert any("'sky'" in note for note in source.notes)


@pytest.mark.parametrize("column", ["b", "2"])
def test_column_by_name_or_number(tmp_path, column):
    text = "time,a,b\n" + "".join(f"{i},{i},{i * i}\n" for i in range(20))
    source = open_source(write(tmp_path, text), column=column)
    assert source.channel_names == ("b",)
    np.testing.assert_array_equal(gather(source)[0][:, 0], np.arange(20) ** 2)


def test_a_given_rate_replaces_the_time_column(tmp_path):
    text = "time,x\n" + "".join(f"{t},{x}\n" for t, x in rows())
    source = open_source(write(tmp_path, text), sample_rate_hz=100)
    assert (source.sample_rate_hz, source.channel_names) == (100.0, ("x",))


def test_parquet_equals_pandas(tmp_path):
    table = pandas.DataFrame(
        {
            "when": pandas.date_range("2020-03-01T12:00", periods=300, freq="7min", tz="Europe/Rome"),
            "a": noise(300)[:, 0],
            "b": pandas.array([None if i % 10 == 3 else i for i in range(300)], dtype="Int64"),
            "place": pandas.Categorical(["here"] * 300),
        }
    )
    path = tmp_path / "table.parquet"
    table.to_parquet(path, row_group_size=100)
    source = open_source(path, chunk_size=64)
    values, times = gather(source)
    np.testing.assert_array_equal(values, table[["a", "b"]].astype(float).to_numpy())
    np.testing.assert_allclose(times, np.arange(300) * 420.0, rtol=1e-15)
    assert (source.sample_period_s, source.start()) == (420.0, "2020-03-01T11:00")


# ---- recordings -----------------------------------------------------------------------------------------------


def test_tide_gauge_without_header(data_root):
    source = open_source(data_root / "geo/tide_honolulu_2010/HNL2010.asc", time_column="0", time_unit="day")
    reference = np.loadtxt(data_root / "geo/tide_honolulu_2010/HNL2010.asc")
    assert source.sample_period_s == pytest.approx(3600.0, rel=1e-7)
    np.testing.assert_array_equal(gather(source)[0][:, 0], reference[:, 1])


def test_weekly_co2(data_root):
    path = data_root / "geo/co2_mauna_loa_weekly_1958_2001.csv"
    source = open_source(path)
    reference = pandas.read_csv(path)
    assert (source.sample_period_s, source.start()) == (7 * DAY_S, "1958-03-29")
    np.testing.assert_array_equal(gather(source)[0][:, 0], reference["co2"].to_numpy())
