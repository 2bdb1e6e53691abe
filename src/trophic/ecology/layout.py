"""What an ecology remembers: the arrays of its State, and the constants of its rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import State

DEAD, LARVA, ADULT = 0, 1, 2

BRANCH = np.dtype(
    [
        # who it is
        ("status", "i8"),  # DEAD, LARVA (silent, on trial) or ADULT (voiced, explains the input)
        ("individual", "i8"),  # birth number
        ("host", "i8"),  # slot + 1 of the light adult in whose band this larva grows; 0 = free
        ("born_s", "f8"),
        ("age_s", "f8"),
        ("voiced_s", "f8"),  # seconds since it was voiced
        ("gamma_birth", "f8"),
        # the resonator (its phasor z = y + j v lives in the hot arrays)
        ("omega", "f8"),  # natural frequency, rad/s
        ("gamma", "f8"),  # damping rate, 1/s; mass = omega / (2 gamma)
        ("chirp", "f8"),  # d omega / dt, rad/s^2
        # samples per tick: slow rules run once per tick, a small fraction of 1/gamma
        ("n_tick", "i8"),
        # mass: relative sensitivity q = d ln z / d ln gamma, and the evidence against the present mass
        ("q_re", "f8"),
        ("q_im", "f8"),
        ("q_omega", "f8"),
        ("q_chirp", "f8"),
        ("qq_re", "f8"),
        ("qq_im", "f8"),
        ("misfit", "f8"),
        ("virial", "f8"),
        # evidence
        ("error_power", "f8"),
        ("ring_re", "f8"),
        ("ring_im", "f8"),
        ("ring_power", "f8"),
        ("noise", "f8"),  # background variance per sample seen by this branch
        ("gain_ey", "f8"),
        ("gain_yy", "f8"),
        ("income_fast", "f8"),  # nats/s
        ("income", "f8"),
        ("reserve", "f8"),  # nats
        ("overlap", "f8"),
        ("colony_fast", "f8"),
        ("colony", "f8"),  # nats by which the larvae in its band beat it
        # coherence: linewidth kappa, centre frequency, power
        ("clock_re", "f8"),
        ("clock_im", "f8"),
        ("centre", "f8"),  # centre frequency, rad/s: 2 S1 - S2, exact for a steady sweep
        ("centre_once", "f8"),
        ("centre_twice", "f8"),
        ("low_re", "f8"),
        ("low_im", "f8"),
        ("power", "f8"),
        ("low_power", "f8"),
        ("kappa", "f8"),  # the servo, 1/s
        ("log_width", "f8"),  # mean of ln kappa: the linewidth reported
        # market
        ("share", "f8"),
    ]
)

RULES = np.dtype(
    [
        ("omega_min", "f8"),
        ("omega_max", "f8"),
        ("budget", "f8"),
        ("n_layers", "i8"),
        # tuning
        ("chi", "f8"),
        ("chi_chirp", "f8"),
        # mass
        ("growth", "f8"),
        ("lighten_nats", "f8"),
        ("lighten_step", "f8"),
        ("outer", "f8"),
        ("m_min", "f8"),
        # evidence
        ("adult_nats", "f8"),
        ("reserve_cap", "f8"),
        ("upkeep", "f8"),
        ("leak", "f8"),
        ("smooth", "f8"),
        ("bite", "f8"),
        ("larva_upkeep", "f8"),
        ("larva_ghost", "f8"),
        ("larva_debt", "f8"),
        ("starve", "f8"),
        ("light_mass", "f8"),
        ("floor", "f8"),
        # births
        ("fast_threshold", "f8"),
        ("slow_threshold", "f8"),
        ("error_pace", "f8"),
        ("ring", "f8"),
        ("level_pace", "f8"),
        ("patience", "f8"),
        ("servo", "f8"),
        ("settle", "f8"),
        ("birth_light", "f8"),
        ("birth_fine", "f8"),
        ("young", "f8"),
        ("zone", "f8"),
        ("colony_zone", "f8"),
        ("exclusion", "f8"),
        ("usurp", "f8"),
        # market
        ("reserve_share", "f8"),
        ("market_periods", "f8"),
        ("predation", "f8"),
    ]
)

DEFAULT_RULES = {
    "chi": 0.75,
    "chi_chirp": 0.0,
    "growth": 0.125,
    "lighten_nats": 4.0,
    "lighten_step": 0.35,
    "outer": 0.75,
    "m_min": 2.0,
    "adult_nats": 12.0,
    "reserve_cap": 2.0,
    "upkeep": 0.25,
    "leak": 0.25,
    "smooth": 2.0,
    "bite": 2.0,
    "larva_upkeep": 0.3,
    "larva_ghost": 4.0,
    "larva_debt": 2.0,
    "starve": 0.25,
    "light_mass": 25.0,
    "floor": 1e-6,
    "fast_threshold": 8.0,
    "slow_threshold": 8.0,
    "error_pace": 1.0,
    "ring": 0.5,
    "level_pace": 0.25,
    "patience": 64.0,
    "servo": 1.0,
    "settle": 2.5,
    "birth_light": 2.5,
    "birth_fine": 1.0,
    "young": 4.0,
    "zone": 2.0,
    "colony_zone": 1.0,
    "exclusion": 1.0,
    "usurp": 2.0,
    "reserve_share": 1.0,
    "market_periods": 8.0,
    "predation": 8.0,
}

# rows of the hot arrays, one column per branch
Y, V, COS, SIN, GAIN, VOICED, ERROR = range(7)
# rows of the sums over the samples of a branch's present tick
EY, EV, YY, VV, EE, JOINT, TIME, STEP, COUNT = range(9)
# rows of the listeners' poles, rotors and statistics, one column per cell
P1_RE, P1_IM, P2_RE, P2_IM, MARK_RE, MARK_IM, H1_RE, H1_IM, H2_RE, H2_IM = range(10)
ROT_RE, ROT_IM, FILL = range(3)
FAST, SLOW, ADVANCE_RE, ADVANCE_IM, REST_UNTIL, TICK_S = range(6)

SHARED = np.dtype(
    [
        ("n", "i8"),  # good samples so far
        ("elapsed_s", "f8"),
        ("time_s", "f8"),
        ("h", "f8"),  # information step: the smoothed sampling interval
        ("rotor_dt", "f8"),
        ("rotor_h", "f8"),
        ("gain", "f8"),
        ("Gamma", "f8"),
        ("gain_h", "f8"),
        ("input_power", "f8"),
        ("level", "f8"),  # the branch at zero frequency
        ("level_gamma", "f8"),
        ("slope", "f8"),  # its drift, signal units per second
        ("n_colony", "i8"),
        ("n_light", "i8"),
        ("hosts_heard", "i8"),
        ("births", "i8"),
        ("deaths", "i8"),
        ("supplied", "f8"),
        ("heat", "f8"),
        ("mass_work", "f8"),
        ("exchanged", "f8"),
        ("sum_input", "f8"),
        ("sum_input2", "f8"),
        ("sum_residual", "f8"),
        ("sum_residual2", "f8"),
    ]
)

# rows of the cells' pacing: time and information time since the last tick, the interval of the
# children's rotors, and whose turn it is to be checked for a birth
PACE_TIME, PACE_H, PACE_ROTOR, CHECK = range(4)
# rows of a track frame
F_STATUS, F_INDIVIDUAL, F_FREQUENCY, F_AMPLITUDE, F_PHASE, F_MASS, F_SHARE, F_BANDWIDTH = range(8)
