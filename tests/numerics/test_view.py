"""Figures: what is drawn is what was in the signal, in units a reader would choose. Read off the artists."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.dates import num2date
from matplotlib.lines import Line2D

import trophic
from trophic.view.figures import draw
from trophic.view.overview import Overview
from trophic.view.table import MAX_ROWS
from trophic.view.units import YEAR_S

FS = 200.0
T = np.arange(6000) / FS
TONES = ((7.0, 2.0), (31.0, 0.5))  # Hz, amplitude


def tones() -> np.ndarray:
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(T))
    return sum((a * np.cos(2 * np.pi * f * T + 0.4) for f, a in TONES), noise)


@pytest.fixture(scope="module")
def found():
    return trophic.decompose(tones(), sample_rate_hz=FS)


@pytest.fixture(scope="module")
def figure(found):
    return found.plot(title="two tones", unit="mV")


@pytest.fixture(scope="module")
def yearly():
    """Forty years of weeks: a year and a half-year, with dates."""
    days = np.arange(0, 40 * 365.25, 7)
    dates = np.datetime64("1958-03-29", "s") + (days * 86400).astype("timedelta64[s]")
    x = 3 * np.cos(2 * np.pi * days / 365.25) + np.cos(4 * np.pi * days / 365.25)
    x += 0.1 * np.random.default_rng(1).standard_normal(len(days))
    found = trophic.decompose(x, times_s=dates)
    return found, found.plot()


def tracks_of(axes) -> dict[str, np.ndarray]:
    """Colour -> (n, 2) points of the coloured tracks (not of their white borders)."""
    collections = [c for c in axes.collections if isinstance(c, LineCollection)]
    points = {}
    for c in collections:
        colour = to_hex(c.get_colors()[0])
        if colour != "#ffffff":
            segments = np.array(c.get_segments())
            points[colour] = np.concatenate([segments[:1, 0], segments[:, 1]])
    return points


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


# --- axes and units -------------------------------------------------------------------------------


def test_four_panels_say_what_they_show_and_in_what_unit(figure):
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["frequency (Hz)", "mass", "share", "signal (mV)"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "", "time (s)"]
    assert "two tones" in texts(figure)
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[1].get_yscale() == "log"
    assert figure.axes[2].get_ylim() == (0, 1)


def test_axes_span_the_record_and_the_band(found, figure):
    for axes in figure.axes:
        assert np.allclose(axes.get_xlim(), (0, 30), atol=0.05)
    assert np.allclose(figure.axes[0].get_ylim(), (found.model.f_min_hz, found.model.f_max_hz), rtol=0.05)


@pytest.mark.parametrize(
    ("rate_hz", "time_label", "frequency_label"),
    [
        (44100.0, "time (ms)", "frequency (Hz)"),
        (100.0, "time (s)", "frequency (Hz)"),
        (4.0, "time (min)", "frequency (Hz)"),
        (1 / 60, "time (h)", "frequency (per hour)"),
        (1 / 3600, "time (d)", "frequency (per day)"),
        (12 / YEAR_S, "time (y)", "frequency (per year)"),
    ],
)
def test_units_suit_the_record(rate_hz, time_label, frequency_label):
    t = np.arange(4000) / rate_hz
    overview = Overview(rate_hz / 100, 0.45 * rate_hz, rate_hz)
    overview.add_samples(t, np.cos(0.3 * np.arange(len(t))), np.zeros(len(t)))
    figure = draw(overview)
    assert figure.axes[3].get_xlabel() == time_label
    assert figure.axes[0].get_ylabel() == frequency_label


def test_a_record_without_a_clock_counts_samples():
    figure = trophic.decompose(np.cos(0.2 * np.arange(3000))).plot()
    assert figure.axes[3].get_xlabel() == "time (samples)"
    assert figure.axes[0].get_ylabel() == "frequency (cycles/sample)"


def test_dates_are_dates_and_slow_rhythms_have_periods(yearly):
    _, figure = yearly
    first, last = (num2date(x) for x in figure.axes[0].get_xlim())
    assert (first.year, last.year) == (1958, 1998)
    assert figure.axes[0].get_ylabel() == "frequency (per year)"
    (twin,) = (axes for axes in figure.axes if axes.get_yticklabels() and axes not in figure.axes[:4])
    labels = {label.get_text(): y for y, label in zip(twin.get_yticks(), twin.get_yticklabels(), strict=True)}
    assert labels["1 y"] == pytest.approx(1.0, rel=1e-6)
    assert labels["6 months"] == pytest.approx(2.0, rel=1e-6)
    assert twin.get_ylim() == figure.axes[0].get_ylim()


# --- tracks ---------------------------------------------------------------------------------------


def test_tracks_lie_at_the_frequencies_of_the_tones(found, figure):
    points = tracks_of(figure.axes[0])
    assert len(points) == len(found) == 2
    late = [np.median(p[p[:, 0] > 10, 1]) for p in points.values()]
    assert np.allclose(sorted(late), [7, 31], rtol=2e-3)
    assert all(p[-1, 0] == pytest.approx(T[-1], abs=0.05) for p in points.values())


def test_the_stronger_track_is_the_wider_line(figure):
    widths = {
        np.median(np.array(c.get_segments())[:, 1, 1]): np.median(c.get_linewidths())
        for c in figure.axes[0].collections
        if isinstance(c, LineCollection) and to_hex(c.get_colors()[0]) != "#ffffff"
    }
    low, high = (widths[f] for f in sorted(widths))
    assert low > high > 0.5


def test_tracks_of_dates_lie_at_one_and_two_per_year(yearly):
    _, figure = yearly
    late = sorted(np.median(p[len(p) // 2 :, 1]) for p in tracks_of(figure.axes[0]).values())
    assert np.allclose(late[:2], [1, 2], rtol=0.01)


# --- the spectrogram ------------------------------------------------------------------------------


def mesh_of(axes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time of the columns, frequency of the rows and level in dB, as drawn."""
    (mesh,) = (c for c in axes.collections if isinstance(c, QuadMesh))
    corners = mesh.get_coordinates()
    level = np.ma.filled(mesh.get_array().astype(float), np.nan).reshape(corners.shape[0] - 1, -1)
    x, y = corners[0, :, 0], corners[:, 0, 1]
    return (x[1:] + x[:-1]) / 2, np.sqrt(y[1:] * y[:-1]), level


@pytest.mark.parametrize("tone_hz", [3.0, 11.0, 60.0])
def test_the_spectrogram_of_a_tone_peaks_at_its_frequency(tone_hz):
    overview = Overview(1.0, 90.0, FS)
    overview.add_samples(T, 1.5 * np.cos(2 * np.pi * tone_hz * T), np.zeros(len(T)))
    _, row_hz, level = mesh_of(draw(overview).axes[0])
    middle = level[:, level.shape[1] // 2]
    assert row_hz[middle.argmax()] == pytest.approx(tone_hz, rel=0.03)
    assert middle.max() == pytest.approx(20 * np.log10(1.5), abs=0.7)  # dB of the squared amplitude


def test_the_spectrogram_follows_a_sweep():
    overview = Overview(1.0, 90.0, FS)
    overview.add_samples(T, np.cos(2 * np.pi * (10 * T + 1.0 * T**2)), np.zeros(len(T)))  # 10 + 2 t Hz
    t, row_hz, level = mesh_of(draw(overview).axes[0])
    inner = (t > 2) & (t < 28)
    assert np.allclose(row_hz[level[:, inner].argmax(axis=0)], 10 + 2 * t[inner], rtol=0.06)


def test_a_gap_is_blank():
    x = np.cos(2 * np.pi * 20 * T)
    x[2000:4000] = np.nan
    overview = Overview(5.0, 90.0, FS)
    overview.add_samples(T, x, np.zeros(len(T)))
    t, _, level = mesh_of(draw(overview).axes[0])
    assert np.isnan(level[:, (t > 12) & (t < 18)]).all()
    assert np.isfinite(level[:, (t > 2) & (t < 8)]).all()


# --- masses, shares, signal -----------------------------------------------------------------------


def test_masses_are_those_of_the_tracks(found, figure):
    drawn = {line.get_color(): line.get_ydata()[-1] for line in figure.axes[1].lines}
    assert np.allclose(sorted(drawn.values()), np.sort(found.tracks.mass[-1][found.tracks.alive[-1]]), rtol=1e-6)
    assert set(drawn) == {c.upper() for c in tracks_of(figure.axes[0])}
    assert all(np.all(line.get_ydata() > 0) for line in figure.axes[1].lines)


def test_shares_are_stacked_and_leave_room_for_what_is_free(found, figure):
    heights = [c.get_paths()[0].vertices[:, 1].max() for c in figure.axes[2].collections]
    shares = found.tracks.share[found.tracks.time_s > 5]
    total = np.nansum(shares, axis=1)
    assert max(heights) == pytest.approx(total.max(), abs=0.02)
    assert max(heights) < 1


def test_signal_and_residual_are_drawn_with_their_extremes(found, figure):
    signal, residual = (c for c in figure.axes[3].collections if isinstance(c, PolyCollection))
    top = [c.get_paths()[0].vertices[:, 1].max() for c in (signal, residual)]
    assert top == pytest.approx([found.signal.max(), np.nanmax(found.residual)], rel=1e-6)
    assert [text.get_text() for text in figure.axes[3].get_legend().get_texts()] == ["signal", "residual"]


def test_swings_on_a_high_level_are_drawn_about_it():
    """The frequency of a grid: a hundredth of a hertz about 50 Hz. The axis says what was taken off."""
    overview = Overview(0.1, 90.0, FS, unit="Hz")
    overview.add_samples(T, 50.0 + 0.01 * np.cos(T), np.zeros(len(T)))
    axes = draw(overview).axes[3]
    assert axes.get_ylabel() == "signal (Hz) - 50"
    assert np.allclose(axes.get_ylim(), (-0.011, 0.011), atol=0.001)


# --- the table ------------------------------------------------------------------------------------


def leaders(figure) -> list[Line2D]:
    return [artist for artist in figure.get_children() if isinstance(artist, Line2D)]


def test_the_table_holds_the_components_in_the_colours_of_their_tracks(figure):
    assert any(text.startswith("7.000") or text.startswith("6.999") for text in texts(figure))
    assert any(text.startswith("31.00") or text.startswith("30.99") for text in texts(figure))
    by_frequency = [colour for colour, p in sorted(tracks_of(figure.axes[0]).items(), key=lambda i: -i[1][-1, 1])]
    assert [to_hex(line.get_color()) for line in leaders(figure)] == by_frequency


def test_period_labels_do_not_touch_the_leader_lines(yearly):
    _, figure = yearly
    figure.canvas.draw()
    twin = figure.axes[-1]
    labels_end = max(label.get_window_extent().x1 for label in twin.get_yticklabels() if label.get_text())
    assert leaders(figure)
    for line in leaders(figure):
        assert figure.transFigure.transform((line.get_xdata()[0], 0))[0] > labels_end + 2
    assert max(text.get_window_extent().x1 for text in figure.texts) < figure.bbox.x1


def test_rows_never_overlap_and_the_surplus_is_counted():
    n = MAX_ROWS + 6
    t = np.arange(2000) / 100
    overview = Overview(1.0, 45.0, 100.0)
    overview.add_samples(t, np.cos(60 * t), np.zeros(len(t)))
    components = np.zeros(n, dtype=trophic.decompose(np.zeros(100) + t[:100]).components.dtype)
    components["frequency_hz"] = 20 + 0.01 * np.arange(n)
    for name in ("amplitude", "mass", "bandwidth_hz"):
        components[name] = 1.0
    figure = draw(overview, components)
    figure.canvas.draw()
    rows = [text for text in figure.texts if text.get_text().startswith("20")]
    assert len(rows) == MAX_ROWS
    boxes = sorted((text.get_window_extent() for text in rows), key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 for lower, upper in itertools.pairwise(boxes))
    assert "and 6 more" in texts(figure)


def test_noise_is_said_to_hold_nothing():
    found = trophic.decompose(np.random.default_rng(0).standard_normal(1000), sample_rate_hz=100.0)
    assert len(found) == 0
    figure = found.plot()
    assert "nothing oscillates here" in texts(figure)
    assert tracks_of(figure.axes[0]) == {}


# --- memory, files --------------------------------------------------------------------------------


def test_what_is_shown_does_not_depend_on_the_chunks_and_stays_small():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(40_000)
    t = np.arange(len(x)) / FS
    whole, pieces = (Overview(1.0, 90.0, FS, max_frames=64) for _ in range(2))
    whole.add_samples(t, x, x / 2)
    cuts = [0, 1, 3, 1000, 1001, 17_000, len(x)]
    for a, b in itertools.pairwise(cuts):
        pieces.add_samples(t[a:b], x[a:b], x[a:b] / 2)
    one, other = whole.scene(), pieces.scene()
    assert 32 <= len(one.time_s) <= 64
    assert np.array_equal(one.power, other.power, equal_nan=True)
    assert np.array_equal(one.signal_max, other.signal_max)
    assert one.signal_max.max() == x.max()
    assert one.explained == pytest.approx(0.75)


def png_size(path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_the_command_line_writes_a_picture(tmp_path):
    from trophic.cli import main

    (tmp_path / "x.csv").write_text("time,x\n" + "".join(f"{t:.3f},{v:.5f}\n" for t, v in zip(T, tones())))
    assert main(["decompose", str(tmp_path / "x.csv"), "--out", str(tmp_path / "out")]) == 0
    picture = tmp_path / "out" / "figure.png"
    assert png_size(picture) == (1650, 1110)  # 11 x 7.4 inches, 150 dots each
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_suffix_chooses_the_format(found, tmp_path, suffix, magic):
    found.plot(tmp_path / f"figure.{suffix}")
    assert (tmp_path / f"figure.{suffix}").read_bytes().startswith(magic)


def test_nothing_global_is_touched(found):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    found.plot()
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"f_min_hz": 0.0}, "f_min_hz"),
        ({"f_min_hz": 100.0}, "f_min_hz"),
        ({"sample_rate_hz": 100.0}, "sample_rate_hz"),
        ({"channel": -1}, "channel"),
        ({"max_frames": 17}, "max_frames"),
        ({"time_axis": "weeks"}, "time_axis"),
    ],
)
def test_errors_name_the_parameter(arguments, named):
    with pytest.raises(ValueError, match=named):
        Overview(**{"f_min_hz": 1.0, "f_max_hz": 90.0, "sample_rate_hz": 200.0} | arguments)
