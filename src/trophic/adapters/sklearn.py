"""`EcologyTransformer`: an ecology as a scikit-learn transformer of time series. Needs ``trophic[sklearn]``.

It passes scikit-learn's own checks with a band given; none is skipped. Two of them ask that rows may be permuted or
left out: they pass because their data are too short for anything to oscillate. Rows of a stream come in order.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from trophic.ecology.decomposition import default_band
from trophic.ecology.model import Ecology
from trophic.runtime.drive import run


class EcologyTransformer(TransformerMixin, BaseEstimator):
    """Amplitude and frequency of what oscillates in each feature, sample by sample.

    Rows of X are consecutive samples, features are channels. `fit` begins anew, `partial_fit` goes on; `transform`
    goes on from where fitting ended, on a copy: it changes nothing, and gives the same for the same X.

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

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from further rows, which follow those seen before. ``y`` is ignored."""
        if not hasattr(self, "state_"):
            return self.fit(X)
        return self._learn(self._validated(X, reset=False))

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Amplitudes and frequencies after each row, shape (n_samples, n_features * 2 * n_branches)."""
        check_is_fitted(self)
        values = self._validated(X, reset=False)
        infos = run(self.model_, values, self.state_, sample_rate_hz=self.sample_rate_hz).infos or []
        parts = [np.concatenate([getattr(info, name) for info in infos]) for name in ("amplitude", "frequency_hz")]
        return np.nan_to_num(np.stack(parts, axis=2)).reshape(len(values), -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of `transform`."""
        check_is_fitted(self)
        if input_features is None:
            input_features = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        names = [
            f"{feature}_{what}_{branch}"
            for feature in input_features
            for what in ("amplitude", "frequency_hz")
            for branch in range(self.n_branches)
        ]
        return np.array(names, dtype=object)

    def _learn(self, values: NDArray[np.float64]) -> Self:
        self.state_ = run(self.model_, values, self.state_, sample_rate_hz=self.sample_rate_hz, collect=False).state
        return self

    def _validated(self, X: Any, reset: bool) -> NDArray[np.float64]:
        values: Any = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=False)
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
