"""What a forecast file is reported as: a table for people, JSON for programs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from trophic.forecasting.layout import EXPERTS
from trophic.forecasting.model import Forecaster, ForecasterState
from trophic.forecasting.skill import BASELINES, Skill
from trophic.report import about, plain, size_of
from trophic.runtime.sources import Source
from trophic.view.units import duration


@dataclass(frozen=True)
class ForecastReport:
    """One file's result.

    Attributes
    ----------
    source : Source
        The file.
    model : Forecaster
        The configuration used.
    skill : structured array, shape (C, H)
        Errors and coverage, `trophic.forecasting.skill.SKILL`.
    next : float64 array, shape (C, H, 3)
        Forecast, lower and upper bound after the last sample.
    trust : float64 array, shape (C, H, K)
        Weights of the experts at the end.
    season, n_bad, n_anomalies, n_drifting : int64 arrays, shape (C,)
        Samples in the season (0 for none), samples ignored, anomalous, and in a drift.
    n_samples : int
        Samples per channel consumed; fewer than the file has if the run was interrupted.
    interrupted : bool
        Ctrl-C ended the run.
    end_s : float
        Time stamp of the last sample, seconds.
    """

    source: Source
    model: Forecaster
    skill: NDArray[np.void]
    next: NDArray[np.float64]
    trust: NDArray[np.float64]
    season: NDArray[np.int64]
    n_bad: NDArray[np.int64]
    n_anomalies: NDArray[np.int64]
    n_drifting: NDArray[np.int64]
    n_samples: int
    interrupted: bool
    end_s: float

    @classmethod
    def of(
        cls, source: Source, model: Forecaster, state: ForecasterState, skill: Skill, end_s: float, interrupted: bool
    ) -> ForecastReport:
        """Gather what a run left behind."""
        return cls(
            source=source,
            model=model,
            skill=skill.table(),
            next=model.predict(state),
            trust=model.trust(state),
            season=state.channels["season"].copy(),
            n_bad=state.clock.n_bad + state.clock.n_late,
            n_anomalies=skill.n_anomalies,
            n_drifting=skill.n_drifting,
            n_samples=state.clock.index,
            interrupted=interrupted,
            end_s=end_s,
        )

    def headline(self) -> str:
        """One line: the file and its size."""
        return size_of(self.source)

    def tables(self) -> list[Table | Text]:
        """What a person reads: per channel the skill by horizon and one line of summary."""
        parts: list[Table | Text] = []
        for c, name in enumerate(self.source.channel_names):
            if self.source.n_channels > 1:
                parts.append(Text(name, style="bold"))
            parts += [self._table(c), Text(self._summary(c))]
        parts.append(Text("errors: root mean square over the standard deviation, without the first tenth"))
        return parts

    def _table(self, c: int) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        interval = f"{100 * self._coverage:g} % interval"
        names = ("ahead", "error", "persistence", "seasonal", "linear AR", "covered", "next at", "forecast", interval)
        for name in names:
            table.add_column(name, justify="left" if name == "next at" else "right", no_wrap=True)
        for row, (value, low, high) in zip(self.skill[c], self.next[c]):
            table.add_row(
                f"{row['horizon']}",
                *(_error(row[name]) for name in ("nrmse", "persistence")),
                _error(row["seasonal"]) if self.season[c] else "-",
                _error(row["linear"]),
                "-" if math.isnan(row["coverage"]) else f"{100 * row['coverage']:.1f} %",
                self.source.when(self._time_s(int(row["horizon"]))),
                _value(value, high - low),
                "-" if math.isnan(low) else f"{_value(low, high - low)} to {_value(high, high - low)}",
            )
        return table

    def _summary(self, c: int) -> str:
        season = "no season"
        if self.season[c]:
            season = f"season {self.season[c]} samples ({duration(self.season[c] / self.source.typical_rate_hz)})"
        followed = EXPERTS[int(self.trust[c, 0].argmax())]
        n = self.n_anomalies[c]
        return (
            f"{season}, one step ahead follows: {followed}, {n} anomal{'y' if n == 1 else 'ies'}, "
            f"{100 * self.n_drifting[c] / max(self.n_samples, 1):.1f} % drifting, "
            f"bad samples {self.n_bad[c]} of {self.n_samples}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON; NaN becomes None."""
        return plain(
            {
                **about(self.source, self.model, self.n_samples, self.interrupted),
                "n_bad": int(self.n_bad.sum()),
                "coverage": self._coverage,
                "channels": [
                    {
                        "name": name,
                        "n_bad": self.n_bad[c],
                        "season": self.season[c],
                        "n_anomalies": self.n_anomalies[c],
                        "n_drifting": self.n_drifting[c],
                        "horizons": [self._horizon(c, q) for q in range(len(self.model.horizons))],
                    }
                    for c, name in enumerate(self.source.channel_names)
                ],
            }
        )

    def _horizon(self, c: int, q: int) -> dict[str, Any]:
        row = self.skill[c, q]
        value, low, high = self.next[c, q].tolist()
        time_s = self._time_s(int(row["horizon"]))
        when = {"time_s": time_s, "time": self.source.when(time_s)}
        return {
            "horizon": row["horizon"],
            "n": row["n"],
            **{name: row[name] for name in ("nrmse", *BASELINES, "coverage")},
            "next": when | {"forecast": value, "lower": low, "upper": high},
            "trust": dict(zip(EXPERTS, self.trust[c, q].tolist())),
        }

    def _time_s(self, ahead: int) -> float:
        return self.end_s + ahead / self.source.typical_rate_hz

    @property
    def _coverage(self) -> float:
        return dict(self.model.rules)["coverage"]


def _error(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _value(value: float, width: float) -> str:
    """A number with as many digits as an interval of this width gives meaning to."""
    if not math.isfinite(value):
        return "-"
    if not (math.isfinite(width) and width > 0):
        return f"{value:.6g}"
    digits = math.ceil(math.log10(max(abs(value), width) / width)) + 2
    return f"{value:.{min(max(digits, 2), 12)}g}"
