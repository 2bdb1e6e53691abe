"""The estimators under scikit-learn's own checks, and against `trophic.run`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="pip install 'trophic[sklearn]'")

from sklearn.base import clone  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

import trophic  # noqa: E402
from trophic.adapters.sklearn import NOT_FOR_STREAMS, EcologyTransformer, NetworkForecaster  # noqa: E402

TRANSFORMER = EcologyTransformer(f_min_hz=0.05, f_max_hz=0.45, n_branches=2)


@parametrize_with_checks(
    [TRANSFORMER, NetworkForecaster()],
    expected_failed_checks=lambda e: NOT_FOR_STREAMS if isinstance(e, NetworkForecaster) else {},
)
@pytest.mark.filterwarnings("ignore")
def test_its_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_goes_on_where_it_stopped() -> None:
    x = np.cos(2 * np.pi * 0.1 * np.arange(3000))[:, None]
    at_once, in_parts = clone(TRANSFORMER).fit(x), clone(TRANSFORMER).fit(x[:1000])
    in_parts.partial_fit(x[1000:1700]).partial_fit(x[1700:])
    assert in_parts.state_.equals(at_once.state_)
    assert at_once.state_.equals(trophic.run(at_once.model_, x, sample_rate_hz=1.0).state)
    assert at_once.transform(x[:50]).tolist() == at_once.transform(x[:50]).tolist()


def test_in_a_pipeline_with_names() -> None:
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"volts": 230 * np.cos(2 * np.pi * 0.1 * np.arange(2000))})
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), clone(TRANSFORMER))
    found = pipeline.fit_transform(x)
    names = pipeline[-1].get_feature_names_out()
    assert names.tolist() == [f"volts_{what}_{branch}" for what in ("amplitude", "frequency_hz") for branch in (0, 1)]
    assert found.shape == (2000, 4)
    assert sorted(found[-1, 2:])[-1] == pytest.approx(0.1, rel=1e-3)


def test_the_band_is_that_of_the_rows() -> None:
    found = EcologyTransformer(sample_rate_hz=10.0).fit(np.zeros((400, 1)))
    assert (found.model_.f_min_hz, found.model_.f_max_hz) == (0.1, 4.5)
    with pytest.raises(ValueError, match="the record is too short"):
        EcologyTransformer().fit(np.zeros((10, 1)))


def test_forecasts_are_those_of_the_model() -> None:
    rng = np.random.default_rng(0)
    x = np.stack([np.sin(0.3 * np.arange(700)), rng.normal(size=700)], axis=1)
    x[100:110, 1] = np.nan
    at_once, in_parts = NetworkForecaster(horizon=4).fit(x[:600]), NetworkForecaster(horizon=4).fit(x[:100])
    in_parts.partial_fit(x[100:350]).partial_fit(x[350:600])
    assert in_parts.state_.equals(at_once.state_)
    model = trophic.Forecaster(n_inputs=2, horizons=(1, 4))
    info = model.advance(model.init(0), trophic.Chunk(x, sample_period_s=1.0))
    np.testing.assert_array_equal(at_once.predict(x[600:]), info.forecast[600:, :, 1])
    found = at_once.transform(x[600:])
    assert at_once.get_feature_names_out().tolist()[:4] == ["x0_forecast", "x0_lower", "x0_upper", "x0_surprise"]
    np.testing.assert_array_equal(found[:, 4], info.forecast[600:, 1, 1])


def test_a_bad_horizon_is_named() -> None:
    with pytest.raises(ValueError, match=r"horizon must be in 1\.\.512"):
        NetworkForecaster(horizon=0).fit(np.zeros((20, 1)))
