"""Self-organising learners for streams: what oscillates in a signal that never ends.

    import trophic

    found = trophic.decompose(x, sample_rate_hz=44100)     # a record at hand
    ahead = trophic.forecast(x, horizon=12)                  # what could be known of it before
    result = trophic.run(trophic.Ecology(20, 8000), source)  # a stream of any length

The names below are imported when first used, so that ``import trophic`` costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trophic.agents.active_inference import ActiveInference
    from trophic.agents.actor_critic import ActorCritic
    from trophic.agents.agent import Agent
    from trophic.agents.control import Control
    from trophic.ecology.decomposition import Decomposition, decompose
    from trophic.ecology.model import Ecology
    from trophic.forecasting.model import Forecaster
    from trophic.forecasting.record import Forecast, forecast
    from trophic.network.model import Network
    from trophic.novelty.model import Novelty
    from trophic.runtime.checkpoint import load, save
    from trophic.runtime.contract import Chunk, Model, State
    from trophic.runtime.drive import run
    from trophic.runtime.fleet import Fleet, run_fleet

    version: str

_HOME = {
    "ActiveInference": "trophic.agents.active_inference",
    "ActorCritic": "trophic.agents.actor_critic",
    "Agent": "trophic.agents.agent",
    "Chunk": "trophic.runtime.contract",
    "Control": "trophic.agents.control",
    "Decomposition": "trophic.ecology.decomposition",
    "Ecology": "trophic.ecology.model",
    "Fleet": "trophic.runtime.fleet",
    "Forecast": "trophic.forecasting.record",
    "Forecaster": "trophic.forecasting.model",
    "Model": "trophic.runtime.contract",
    "Network": "trophic.network.model",
    "Novelty": "trophic.novelty.model",
    "State": "trophic.runtime.contract",
    "decompose": "trophic.ecology.decomposition",
    "forecast": "trophic.forecasting.record",
    "load": "trophic.runtime.checkpoint",
    "run": "trophic.runtime.drive",
    "run_fleet": "trophic.runtime.fleet",
    "save": "trophic.runtime.checkpoint",
}

__all__ = [
    "ActiveInference",
    "ActorCritic",
    "Agent",
    "Chunk",
    "Control",
    "Decomposition",
    "Ecology",
    "Fleet",
    "Forecast",
    "Forecaster",
    "Model",
    "Network",
    "Novelty",
    "State",
    "decompose",
    "forecast",
    "load",
    "run",
    "run_fleet",
    "save",
    "version",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in ("version", "__version__"):
        value = _installed_version()
    else:
        raise AttributeError(f"module 'trophic' has no attribute {name!r}; public names are {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _installed_version() -> str:
    """The version in the installed package's metadata: pyproject.toml is the one place it is written."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("trophic")
    except PackageNotFoundError:  # a checkout on the path
        return "0+uninstalled"
