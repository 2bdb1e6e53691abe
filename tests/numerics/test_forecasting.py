"""The forecaster against what is known without it: theory, other arithmetic, planted truths."""

from __future__ import annotations

import numpy as np
import pytest

import trophic
from trophic.forecasting.layout import EXPERTS, RULE_TABLE, SETTLE
from trophic.forecasting.record import horizons_of

N = 5000


def ar2(n: int = 8000, seed: int = 1) -> np.ndarray:
    """x(t) = 1.5 x(t-1) - .8 x(t-2) + e(t), e of unit variance."""
    rng = np.random.default_rng(seed)
    e, x = rng.standard_normal(n), np.zeros(n)
    for t in range(2, n):
        x[t] = 1.5 * x[t - 1] - 0.8 * x[t - 2] + e[t]
    return x


def rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


@pytest.fixture(scope="module")
def process() -> tuple[np.ndarray, trophic.Forecast]:
    x = ar2()
    return x, trophic.forecast(x, horizon=5)


@pytest.fixture(scope="module")
def wave() -> tuple[np.ndarray, trophic.Forecast]:
    x = np.sin(0.1 * np.arange(N)) + 0.05 * np.random.default_rng(2).standard_normal(N)
    return x, trophic.forecast(x, horizon=4)


def test_a_known_process_is_forecast_as_well_as_theory_allows(process):
    """h steps ahead the best forecast of an AR process errs by sqrt(sum of psi_i^2, i < h) innovations."""
    x, found = process
    psi = [1.0, 1.5]
    for _ in range(3):
        psi.append(1.5 * psi[-1] - 0.8 * psi[-2])
    late = slice(2000, None)
    assert rms(x[late] - found.prediction[late, 0, 0]) == pytest.approx(1.0, rel=0.05)
    assert rms(x[late] - found.prediction[late, 0, 1]) == pytest.approx(np.sqrt(np.sum(np.square(psi))), rel=0.05)


def test_skill_is_what_numpy_makes_of_the_same_numbers(process):
    x, found = process
    rows = found.skill[0]
    begin = len(x) // 10
    for q, ahead in enumerate(found.horizons):
        error, std = x[begin:] - found.prediction[begin:, 0, q], np.std(x[begin:])
        assert rows["nrmse"][q] == pytest.approx(rms(error) / std, rel=1e-9)
        assert rows["persistence"][q] == pytest.approx(rms(x[begin:] - x[begin - ahead : -ahead]) / std, rel=1e-9)
        inside = (found.lower[begin:, 0, q] <= x[begin:]) & (x[begin:] <= found.upper[begin:, 0, q])
        assert rows["coverage"][q] == pytest.approx(inside.mean(), rel=1e-12)
        assert rows["n"][q] == len(x) - begin


def test_a_sum_of_sines_is_foreseen():
    t = np.arange(N)
    x = np.sin(0.3 * t) + 0.5 * np.sin(0.11 * t + 1) + 0.3 * np.sin(0.77 * t)
    found = trophic.forecast(x, horizon=10)
    assert found.skill["persistence"][0, 0] > 0.2
    for q in (0, 1):
        assert rms(x[3000:] - found.prediction[3000:, 0, q]) < (1e-3, 1e-2)[q] * x.std()


NOISES = {
    "normal": lambda rng: rng.standard_normal(N),
    "Laplace": lambda rng: rng.laplace(size=N),
    "heteroscedastic": lambda rng: rng.standard_normal(N) * np.exp(np.sin(np.arange(N) / 300)),
}


@pytest.mark.parametrize("name", NOISES)
def test_intervals_cover_and_alarms_are_as_rare_as_stated(name):
    """Nine samples in ten inside; anomalies, one in a thousand in the long run: 5 expected, up to 15 let pass."""
    found = trophic.forecast(NOISES[name](np.random.default_rng(4)), horizon=20)
    assert found.skill["coverage"] == pytest.approx(0.9, abs=0.04)
    assert 1 <= np.count_nonzero(found.anomaly) <= 15
    if name != "heteroscedastic":
        assert not found.drift.any()
        assert found.season[-1, 0] == 0
        assert found.skill["nrmse"][0, 0] < 1.05


def test_far_ahead_intervals_cover_too():
    """Errors 50 steps ahead of a random walk come in runs of fifty, of one sign."""
    x = np.random.default_rng(3).standard_normal(6000).cumsum()
    found = trophic.forecast(x, horizon=50)
    assert found.skill["coverage"] == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("horizon", [1, 6, 48])
def test_a_planted_season_is_found_at_every_horizon(horizon):
    rng = np.random.default_rng(5)
    x = np.tile(rng.standard_normal(24).cumsum(), 150) + 0.3 * rng.standard_normal(3600)
    found = trophic.forecast(x, horizon=horizon)
    assert found.season[-1, 0] == 24
    assert (found.season[1000:, 0] == 24).all()
    row = found.skill[0, -1]
    if horizon < 24:
        assert row["seasonal"] < row["persistence"]
    else:  # 48 samples ago and a season of two are the same value
        assert row["seasonal"] == pytest.approx(row["persistence"], rel=0.3)
    assert row["nrmse"] < row["seasonal"]


def test_an_outlier_does_not_hide_the_season():
    x = 5 * np.sin(2 * np.pi * np.arange(2000) / 24) + np.random.default_rng(5).standard_normal(2000)
    x[1500] += 40
    assert trophic.forecast(x).season[-1, 0] in (23, 24, 25)


def test_two_channels_help_each_other():
    """The second channel is the first, three samples later."""
    x = np.random.default_rng(6).standard_normal(3000)
    both = np.stack([x, np.roll(x, 3) + 0.1 * np.random.default_rng(7).standard_normal(3000)], axis=1)
    found = trophic.forecast(both)
    assert found.skill["nrmse"][0, 0] == pytest.approx(1.0, abs=0.1)
    assert found.skill["nrmse"][1, 0] < 0.15


def test_missing_values_are_counted_and_bridged(wave):
    x, clean = wave
    bad = np.random.default_rng(8).random(N) < 0.1
    gappy = x.copy()
    gappy[bad] = np.nan
    found = trophic.forecast(gappy, horizon=4)
    assert found.n_bad[0] == np.count_nonzero(bad)
    assert np.isfinite(found.prediction[100:]).all()
    assert np.isfinite(found.next).all()
    assert (np.isnan(found.surprise[100:, 0]) == bad[100:]).all()
    late = slice(2000, None)
    assert rms(x[late] - found.prediction[late, 0, 0]) < 1.2 * rms(x[late] - clean.prediction[late, 0, 0])


def test_a_spike_is_an_anomaly_and_does_no_lasting_harm(wave):
    x, clean = wave
    spiked = x.copy()
    spiked[2500] = 1e4
    found = trophic.forecast(spiked, horizon=4)
    assert found.anomaly[2500, 0]
    assert np.count_nonzero(found.anomaly[2501:2700]) <= 1 + np.count_nonzero(clean.anomaly[2501:2700])
    late = slice(2700, None)
    assert rms(x[late] - found.prediction[late, 0, 0]) <= 1.05 * rms(x[late] - clean.prediction[late, 0, 0])


@pytest.mark.parametrize("seed", [1, 3])
def test_bursts_in_long_silence_are_the_signal(seed):
    """Heavy-tailed values, every other of them zero, after hundreds of zeros: nothing is refused for ever, no forecast
    leaves the signal's range, and intervals that had closed open again.
    """
    rng = np.random.default_rng(seed)
    x, t = np.zeros(4000), 100
    x[:32:3] = rng.random(11)
    while t < len(x) - 50:
        n = int(rng.integers(10, 40))
        x[t : t + n] = np.where(rng.random(n) < 0.5, rng.pareto(1.5, n), 0.0)
        t += n + int(rng.integers(100, 600))
    found = trophic.forecast(x, horizon=1)
    y, prediction = x[500:], found.prediction[500:, 0, 0]
    inside = (found.lower[500:, 0, 0] <= y) & (y <= found.upper[500:, 0, 0])
    assert np.abs(prediction).max() < x.max()
    assert np.abs(prediction - y).mean() < 1.2 * np.abs(x[499:-1] - y).mean()
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    assert np.isfinite(found.surprise[500:]).mean() > 0.99
    assert found.anomaly[500:].mean() < 0.02


def test_pulses_that_come_again_and_again_are_no_glitches():
    x = np.zeros(4000)
    for begin in range(0, 4000, 100):
        x[begin : begin + 3] = 20.0
    found = trophic.forecast(x, horizon=1)
    error = np.abs(found.prediction[500:, 0, 0] - x[500:])
    assert found.anomaly.mean() < 0.02
    assert error.mean() < 0.4 * np.abs(np.diff(x[499:])).mean()


def test_a_change_of_the_noise_is_a_drift_and_then_the_new_normal():
    rng = np.random.default_rng(9)
    x = rng.standard_normal(8000)
    x[3000:] *= 5
    found = trophic.forecast(x)
    assert not found.drift[:3000].any()
    assert found.drift[3000:3200].any()
    assert not found.drift[-1000:].any()


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e4), (3.0, 50.0)])
def test_units_do_not_matter(wave, scale, offset):
    x, clean = wave
    found = trophic.forecast(scale * x[:2000] + offset, horizon=4)
    back = (found.prediction - offset) / scale
    assert np.nanmax(np.abs(back - clean.prediction[:2000])) < 1e-6
    lower, upper = (found.lower - offset) / scale, (found.upper - offset) / scale
    assert np.nanmax(np.abs(lower - clean.lower[:2000])) < 1e-6
    assert np.nanmax(np.abs(upper - clean.upper[:2000])) < 1e-6


def test_a_constant_stays_what_it_is():
    found = trophic.forecast(np.full(500, 7.5), horizon=3)
    assert (found.prediction[3:] == 7.5).all()
    assert (found.next[0, :, 0] == 7.5).all()
    assert np.isnan(found.skill["nrmse"]).all()
    assert not found.anomaly.any()


def test_the_linear_expert_is_recursive_least_squares_in_full_precision():
    """The same regression by the textbook (Haykin 2002, table 13.1) in NumPy, with delayed gains."""
    x, h, lags, prior = ar2(600, seed=10), (1, 3), 12, RULE_TABLE["linear_prior"][0]
    forgetting = RULE_TABLE["long_memory"][0]
    model = trophic.Forecaster(horizons=h, delays=lags, n_blocks=1, block_size=4)
    info = model.advance(model.init(seed=0), trophic.Chunk(x[:, None], sample_period_s=1.0))
    origin, unit = x[:SETTLE].mean(), x[:SETTLE].std()
    y = (x - origin) / unit
    n, d = len(y), 2 + lags
    p, weights = prior * np.eye(d), np.zeros((2, d))
    past: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    expected = np.full((n, 2), np.nan)
    for t in range(n):
        value = np.concatenate([np.full(lags + 1, y[SETTLE - 1]), y[SETTLE : t + 1]])  # before it settled: constant
        for q, ahead in enumerate(h):
            if t - ahead in past and t >= SETTLE:
                z, gain = past[t - ahead]
                weights[q] += gain * (y[t] - y[max(t - ahead, SETTLE - 1)] - weights[q] @ z)
        z = np.concatenate([[1.0, value[-1] if t >= SETTLE - 1 else 0.0], np.diff(value)[::-1][:lags]])
        if t < SETTLE - 1:
            z[1:] = 0.0
        pz = p @ z
        gain = pz / (forgetting + z @ pz)
        relaxed = np.trace(p) < prior * d
        p = (p - np.outer(gain, pz)) / (forgetting if relaxed else 1.0)
        past[t] = z, gain
        expected[t] = [(value[-1] + w @ z) * unit + origin for w in weights]
    said = info.opinions[:, 0, :, EXPERTS.index("long")]
    assert np.abs(said[SETTLE:] - expected[SETTLE:]).max() < 1e-7 * np.abs(x).max()


def test_chunks_of_a_run_give_the_same_forecasts(wave):
    """`trophic.forecast` is `trophic.run` in one call."""
    x, clean = wave
    model = trophic.Forecaster(horizons=(1, 4))
    result = trophic.run(model, x[:1500], sample_rate_hz=1.0, chunk_size=37)
    said = np.concatenate([info.forecast for info in result.infos])
    np.testing.assert_array_equal(clean.prediction[4:1500, 0, 1], said[:-4, 0, 1])
    np.testing.assert_array_equal(clean.prediction[1:1500, 0, 0], said[:-1, 0, 0])


def test_trust_sums_to_one_and_goes_to_who_is_right(process):
    x, found = process
    state = found.model.init()
    found.model.advance(state, trophic.Chunk(x[:2000, None], sample_period_s=1.0))
    trust = found.model.trust(state)
    assert trust.shape == (1, 2, len(EXPERTS))
    assert trust.sum(axis=2) == pytest.approx(1.0)
    assert trust[0, 0, EXPERTS.index("persistence")] < 0.05


def test_dates_missing_rows_and_frames():
    pandas = pytest.importorskip("pandas")
    n = 400
    dates = pandas.date_range("2020-01-01", periods=n, freq="MS")  # months are not of one length
    values = np.sin(2 * np.pi * np.arange(n) / 12)
    values[200:210] = np.nan
    found = trophic.forecast(pandas.Series(values, index=dates), horizon=(2, 12))
    assert found.season[-1, 0] == 12
    assert found.n_bad[0] == 10
    assert found.time_s[-1] == dates[-1].timestamp()
    frame = found.to_frame()
    assert len(frame) == n
    assert [name for name in frame.columns if name.endswith("_12")] == ["prediction_12", "lower_12", "upper_12"]
    assert abs(frame["prediction_12"].to_numpy()[300:] - values[300:]).max() < 0.05
    assert "persistence" in str(found)


def test_late_rows_are_ignored_and_counted():
    x, times = np.sin(0.2 * np.arange(600)), np.arange(600.0)
    late = np.insert(times, 300, 250.0)
    found = trophic.forecast(np.insert(x, 300, 99.0), times_s=late)
    clean = trophic.forecast(x, times_s=times)
    assert found.n_bad[0] == 1
    assert np.isnan(found.prediction[300, 0, 0])
    np.testing.assert_array_equal(np.delete(found.prediction, 300, axis=0), clean.prediction)


def test_a_figure_of_every_channel(wave, tmp_path):
    pytest.importorskip("matplotlib")
    x, clean = wave
    clean.plot(tmp_path / "one.png", title="wave", unit="V")
    short = trophic.forecast(np.stack([x[:40], np.full(40, 2.0)], axis=1))
    for channel in (0, 1):
        short.plot(tmp_path / f"{channel}.png", channel=channel)
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(ValueError, match=r"channel must be in 0\.\.1, got 2"):
        short.plot(channel=2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"horizon": 0}, r"horizon must be in 1\.\.512 samples, got 0"),
        ({"horizon": (4, 513)}, r"horizon must be in 1\.\.512"),
        ({"horizon": ()}, r"horizon must be in 1\.\.512"),
        ({"horizon": 1.5}, r"horizon must be one or several whole numbers of samples, got 1\.5"),
        ({"horizon": "often"}, r"whole numbers"),
        ({"coverage": 1.0}, r"coverage must be in \(0, 1\), got 1\.0"),
        ({"sample_rate_hz": 1.0, "times_s": np.arange(100.0)}, r"not both"),
        ({"times_s": np.arange(99.0)}, r"one time stamp per sample"),
        ({"series": np.zeros(4)}, r"at least 16 samples"),
        ({"series": np.full(100, np.nan)}, r"no finite sample"),
        ({"series": np.array(["a"] * 100)}, r"real numbers"),
    ],
)
def test_bad_arguments_are_named(change, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        trophic.forecast(**({"series": np.zeros(100)} | change))


def test_horizons():
    assert horizons_of(range(2, 5)) == (1, 2, 3, 4)
    assert horizons_of(np.int64(3)) == (1, 3)
