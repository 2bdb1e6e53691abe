"""Learners as scikit-learn knows them: estimators of time series. Needs ``trophic[sklearn]``.

Rows of X are consecutive samples, features are channels. `fit` begins anew, `partial_fit` goes on; `transform` and
`predict` go on from where fitting ended, on a copy: they change nothing, and give the same for the same X. Both pass
scikit-learn's own checks, but for those that ask that rows may be permuted or taken one by one (`NOT_FOR_STREAMS`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from trophic.ecology.decomposition import default_band
from trophic.ecology.model import Ecology
from trophic.forecasting.model import Forecaster
from trophic.forecasting.record import horizons_of
from trophic.runtime.drive import run
from trophic.runtime.frames import columns_of, frame

NOT_FOR_STREAMS = {
    "check_methods_sample_order_invariance": "a forecast depends on the order of the samples",
    "check_methods_subset_invariance": "a forecast depends on the samples before",
}
"""Checks of scikit-learn that `NetworkForecaster` is not meant to pass, and why."""


class _StreamEstimator(TransformerMixin, BaseEstimator, ABC):
    """What estimators of streams share: missing values are data, and learning goes on."""

    model_: Any
    state_: Any
    n_features_in_: int
    sample_rate_hz: float = 1.0

    def _learn(self, values: NDArray[np.float64]) -> Self:
        self.state_ = run(self.model_, values, self.state_, sample_rate_hz=self.sample_rate_hz, collect=False).state
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from further rows, which follow those seen before. ``y`` is ignored."""
        if not hasattr(self, "state_"):
            return self.fit(X)
        return self._learn(self._validated(X, reset=False))

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the rows of X from a fresh State."""

    def _listen(self, X: Any) -> list[Any]:
        """What the rows of X, which follow those learned from, show; nothing is learned."""
        check_is_fitted(self)
        values = self._validated(X, reset=False)
        return run(self.model_, values, self.state_, sample_rate_hz=self.sample_rate_hz).infos or []

    def _names(self, input_features: Any) -> list[str]:
        check_is_fitted(self)
        if input_features is None:
            input_features = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return list(input_features)

    def _validated(self, X: Any, reset: bool) -> NDArray[np.float64]:
        columns = columns_of(X) if hasattr(X, "dims") else None  # scikit-learn knows no names of xarray
        if columns is not None and columns.values.ndim == 2 and all(columns.names):
            X = frame({name: columns.values[:, i] for i, name in enumerate(columns.names)})
        values: Any = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=False)
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class EcologyTransformer(_StreamEstimator):
    """Amplitude and frequency of what oscillates in each feature, sample by sample.

    Parameters
    ----------
    sample_rate_hz : float
        Rows per second, in (0, inf).
    f_min_hz, f_max_hz : float, optional
        Band, in Hz. Default: what the rows of the first fit can say something about.
    n_branches : int
        Most components per feature, 1 .. 256.

    Attributes
    ----------
    model_ : Ecology
        The configuration in use.
    state_ : EcologyState
        What was learned; `trophic.save(path, model_, state_)` keeps it.
    n_features_in_ : int
        Features seen in `fit`.

    Notes
    -----
    NaN and infinities are missing samples. Of each feature the output has 2 n_branches columns: the amplitudes, then
    the frequencies in Hz, of its branches; 0 where a branch is not alive.

    Examples
    --------
    >>> t = np.arange(4000) / 1000
    >>> X = np.cos(2 * np.pi * 50 * t)[:, None]
    >>> transformer = EcologyTransformer(sample_rate_hz=1000, f_min_hz=5, f_max_hz=400, n_branches=2).fit(X[:3000])
    >>> transformer.transform(X[3000:])[-1].round(2)
    array([ 1.,  0., 50.,  0.])
    """

    def __init__(
        self,
        sample_rate_hz: float = 1.0,
        f_min_hz: float | None = None,
        f_max_hz: float | None = None,
        n_branches: int = 4,
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.f_min_hz = f_min_hz
        self.f_max_hz = f_max_hz
        self.n_branches = n_branches

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the rows of X, shape (n_samples, n_features), from a fresh State. ``y`` is ignored."""
        values = self._validated(X, reset=True)
        f_min, f_max = self.f_min_hz, self.f_max_hz
        if f_min is None or f_max is None:
            lowest, highest = default_band(self.sample_rate_hz, len(values) / self.sample_rate_hz)
            f_min, f_max = lowest if f_min is None else f_min, highest if f_max is None else f_max
        self.model_ = Ecology(
            f_min_hz=f_min,
            f_max_hz=f_max,
            n_branches=self.n_branches,
            n_channels=values.shape[1],
        )
        self.state_ = self.model_.init()
        return self._learn(values)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Amplitudes and frequencies after each row, shape (n_samples, n_features * 2 * n_branches)."""
        infos = self._listen(X)
        parts = [np.concatenate([getattr(info, name) for info in infos]) for name in ("amplitude", "frequency_hz")]
        found = np.nan_to_num(np.stack(parts, axis=2))
        return found.reshape(len(found), -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of `transform`."""
        names = [
            f"{feature}_{what}_{branch}"
            for feature in self._names(input_features)
            for what in ("amplitude", "frequency_hz")
            for branch in range(self.n_branches)
        ]
        return np.array(names, dtype=object)


class NetworkForecaster(_StreamEstimator):
    """Forecasts of every feature, `horizon` rows ahead, with bounds; from a network that listens and its readouts.

    `predict` gives for each row of X what was forecast at it for ``horizon`` rows later; `transform` gives the same
    with bounds, and how surprising the row itself was.

    Parameters
    ----------
    horizon : int
        Rows ahead, 1..512.
    coverage : float
        Part of the values that the bounds should hold, in (0, 1).
    random_state : int
        Of the network, >= 0.

    Attributes
    ----------
    model_ : Forecaster
        The configuration in use.
    state_ : ForecasterState
        What was learned; `trophic.save(path, model_, state_)` keeps it.
    n_features_in_ : int
        Features seen in `fit`.

    Notes
    -----
    NaN and infinities are missing values. Nothing but X is learned from: the next rows are the labels.

    Examples
    --------
    >>> X = np.sin(0.3 * np.arange(2000))[:, None]
    >>> forecaster = NetworkForecaster(horizon=5).fit(X[:1500])
    >>> bool(abs(forecaster.predict(X[1500:-5]) - X[1505:]).max() < 0.01)
    True
    """

    def __init__(self, horizon: int = 1, coverage: float = 0.9, random_state: int = 0) -> None:
        self.horizon = horizon
        self.coverage = coverage
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the rows of X, shape (n_samples, n_features), from a fresh State. ``y`` is ignored."""
        values = self._validated(X, reset=True)
        rules = (("coverage", float(self.coverage)),)
        self.model_ = Forecaster(n_inputs=values.shape[1], horizons=horizons_of(self.horizon), rules=rules)
        self.state_ = self.model_.init(int(self.random_state))
        return self._learn(values)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Forecasts made at each row, shape (n_samples, n_features)."""
        return np.concatenate([info.forecast[:, :, -1] for info in self._listen(X)])

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Per feature forecast, lower and upper bound, and surprise (nats), shape (n_samples, n_features * 4)."""
        infos = self._listen(X)
        parts = [np.concatenate([getattr(i, name)[:, :, -1] for i in infos]) for name in ("forecast", "lower", "upper")]
        parts.append(np.concatenate([info.surprise for info in infos]))
        found = np.stack(parts, axis=2)
        return found.reshape(len(found), -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of `transform`."""
        kinds = ("forecast", "lower", "upper", "surprise")
        names = [f"{feature}_{kind}" for feature in self._names(input_features) for kind in kinds]
        return np.array(names, dtype=object)
