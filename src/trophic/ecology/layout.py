"""What an ecology remembers, and the constants of its rules.

One place for the names of all columns, so that the compiled rules read like their equations.
"""

from __future__ import annotations

import numpy as np

DEAD, LARVA, ADULT = 0, 1, 2

BRANCH = np.dtype(
    [
        # who it is
        ("status", "i8"),  # DEAD, LARVA (silent, on trial) or ADULT (voiced: it explains the input)
        ("individual", "i8"),  # birth number
        ("host", "i8"),  # slot + 1 of the light adult in whose band this larva grows; 0 = free
        ("born_s", "f8"),  # time stamp of birth
        ("age_s", "f8"),
        ("voiced_s", "f8"),  # seconds since it was voiced
        ("gamma_birth", "f8"),  # damping rate at birth, 1/s
        # the resonator; its phasor z = y + j v lives in the hot arrays
        ("omega", "f8"),  # natural frequency, rad/s
        ("gamma", "f8"),  # damping rate, 1/s; mass = quality factor = omega/(2 gamma)
        ("n_tick", "i8"),  # samples per tick of the slow rules, a small part of 1/gamma
        ("virial", "f8"),  # smoothed Lagrangian imbalance, ~ (Omega - omega)/(2 gamma)
        # mass: q = d ln z/d ln gamma and the evidence against the present mass
        ("q_re", "f8"),
        ("q_im", "f8"),
        ("q_omega", "f8"),  # d omega/d ln gamma
        ("qq_re", "f8"),  # q once more low-passed
        ("qq_im", "f8"),
        ("misfit", "f8"),  # nats
        # evidence
        ("noise", "f8"),  # background variance per sample
        ("error_power", "f8"),  # mean square of its own error
        ("ring_re", "f8"),  # its innovations, low-passed at 4 gamma
        ("ring_im", "f8"),
        ("ring_power", "f8"),
        ("gain_ey", "f8"),  # running <e y> and <y^2>: how far its prediction can be trusted
        ("gain_yy", "f8"),
        ("income_fast", "f8"),  # nats/s
        ("income", "f8"),  # nats/s
        ("reserve", "f8"),  # nats
        ("overlap", "f8"),  # 0..1
        ("colony_fast", "f8"),  # nats/s by which the larvae in its band beat it
        ("colony", "f8"),
        # coherence
        ("clock_re", "f8"),  # free-running phasor at the centre frequency
        ("clock_im", "f8"),
        ("centre", "f8"),  # rad/s; 2 S1 - S2 of the two smoothings below: exact for a steady sweep
        ("centre_once", "f8"),
        ("centre_twice", "f8"),
        ("low_re", "f8"),  # z in that clock, low-passed at kappa
        ("low_im", "f8"),
        ("power", "f8"),  # <|z|^2>
        ("low_power", "f8"),
        ("kappa", "f8"),  # linewidth (half width, 1/s) as the servo has it now
        ("log_width", "f8"),  # its long mean, corrected for the branch's own bandwidth
        # market
        ("share", "f8"),  # of the energy flux, 0..1
    ]
)

SHARED = np.dtype(
    [
        ("n", "i8"),  # good samples so far
        ("elapsed_s", "f8"),
        ("time_s", "f8"),  # stamp of the last good sample
        ("h", "f8"),  # information step: the smoothed sampling interval, s
        ("rotor_dt", "f8"),  # what the rotors and gains were computed for
        ("rotor_h", "f8"),
        ("gain_h", "f8"),
        ("pace_h", "f8"),  # what the listeners' ticks were planned for
        ("gain", "f8"),  # a = (1 - e^(-Gamma h))/Gamma
        ("Gamma", "f8"),  # sum of 2 gamma over the voiced branches
        ("input_power", "f8"),
        ("level", "f8"),  # the branch at zero frequency,
        ("level_gamma", "f8"),  # its damping rate
        ("slope", "f8"),  # and its drift per second
        ("n_colony", "i8"),
        ("n_light", "i8"),
        ("hosts_heard", "i8"),
        ("births", "i8"),
        ("deaths", "i8"),
        ("supplied", "f8"),  # energy ledger, signal^2 s
        ("heat", "f8"),
        ("mass_work", "f8"),
        ("exchanged", "f8"),
    ]
)

# Constants: name -> (value, meaning). One set for every signal; none has a unit of time or amplitude.
RULE_TABLE: dict[str, tuple[float, str]] = {
    "chi": (0.75, "gain of the Lagrangian tuning: with gamma = 4/t a least-squares line through the phase"),
    "growth": (0.125, "mass grows by omega/8 per second: gamma = 4/t"),
    "lighten_nats": (4.0, "evidence that makes a branch shed mass"),
    "lighten_step": (0.35, "by this much in ln(mass)"),
    "outer": (0.75, "weight of the twice low-passed sensitivity: innovations from outside the band vote for mass"),
    "m_min": (2.0, "lightest branch"),
    "adult_nats": (9.5, "U_on: evidence that voices a larva; false alarms per birth <= e^-U_on (Ville)"),
    "reserve_cap": (2.0, "reserve of an adult at most, in U_on"),
    "starve": (0.25, "an adult starves below this part of U_on"),
    "upkeep": (0.25, "cost of living, nats per time constant"),
    "leak": (0.25, "part of the reserve that an adult consumes per time constant"),
    "smooth": (2.0, "digestion: income is averaged at this multiple of gamma"),
    "bite": (3.0, "nats a free larva can gain in one tick: no single event makes a component"),
    "larva_upkeep": (0.5, "cost of living of a larva, nats per time constant"),
    "light_doubt": (1.0, "a larva born with mass m must earn, and pays, 1 + this/m times as much"),
    "larva_debt": (2.0, "a larva dies below minus this many nats"),
    "ghost": (4.0, "power over posterior noise below which a larva is a ghost, and a heavy adult in units of U_on/4"),
    "ring": (0.5, "part of the power in a branch's own neighbourhood that counts as background"),
    "floor": (1e-6, "thermal floor of the background, part of the input power"),
    "light_mass": (25.0, "below this mass an adult is a generalist: finer listeners still hear its band"),
    "patience": (64.0, "memory of centre and linewidth, in coherence times"),
    "level_pace": (0.25, "damping of the level (zero-frequency branch), in omega_min"),
    "fast_threshold": (8.0, "a cell this far above its flanks gives birth"),
    "slow_threshold": (8.0, "likewise for the slow average, in standard deviations"),
    "settle": (2.5, "cells listen this many time constants before they may give birth"),
    "birth_light": (2.5, "damping at birth in the coarsest layer, in omega/(2 Q)"),
    "young": (4.0, "a newborn is not heavier than the record is long: gamma >= 4/t"),
    "zone": (1.25, "no birth within this many gamma of a branch"),
    "exclusion": (1.0, "branches closer than this many gamma (of the heavier) merge"),
    "usurp": (2.0, "a light newcomer retunes a heavy adult within this many gamma"),
    "reserve_share": (1.0, "r_0: what the environment keeps of the flux"),
    "market_periods": (8.0, "time scale of the market, in periods"),
    "predation": (8.0, "extra cost of living under a stronger branch"),
}

RULES = np.dtype([(name, "f8") for name in ("omega_min", "omega_max", "budget", *RULE_TABLE)])

# rows of the hot arrays, one column per branch
HOT_ROWS = 8
Y, V, COS, SIN, GAIN, VOICED, ERROR, OMEGA = range(HOT_ROWS)
# rows of the sums over the samples of a branch's present tick
EY, EV, YY, VV, EE, JOINT, TIME, STEP, COUNT = range(9)
# the soil: what the listeners remember, in blocks of LANES cells side by side, the width at which one
# loop over a row vectorises. Rows are given by their offset in a block, see `spores.at`: two poles,
# rotor and filling factor, LIFT and SPAN for the finer layers, mean powers, phase advance (with the
# MARK that the coarsest layer needs for it), time since the last tick, and when births are allowed
LANES = 16
ROWS = 18
BLOCK = ROWS * LANES
(
    P1_RE, P1_IM, P2_RE, P2_IM, ROT_RE, ROT_IM, FILL, LIFT_RE, LIFT_IM, SPAN, FAST, SLOW, ADVANCE_RE, ADVANCE_IM,
    MARK_RE, MARK_IM, WAIT_S, REST_UNTIL,
) = range(0, BLOCK, LANES)  # fmt: skip
# rows of the steps that the rotors of each block are for: true time and information time
STEP_S, STEP_H = range(2)
OCTAVES = 40  # a coarse cell ticks every 1, 2, 4 ... 2^39 samples
# rows of a track frame
F_STATUS, F_INDIVIDUAL, F_FREQUENCY, F_AMPLITUDE, F_PHASE, F_MASS, F_SHARE, F_BANDWIDTH = range(8)
