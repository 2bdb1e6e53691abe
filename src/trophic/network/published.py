"""The configuration of the paper, M. J. McCulloch, *Self-Evidencing Through Hierarchical Gradient Decomposition*,
arXiv 2510.17916 (2025), as printed and as its public code runs.

| item | as printed (``"paper"``) | as its code runs (``"code"``) |
|---|---|---|
| integration | tau x' = -x + tanh p; one exponential step of dt = tau: a = 1 - e^-1 | the same |
| eligibility | tau_elig e' = -e + (1 - a_fast) x, tau_elig = 10 tau_fast | e <- e^(-1/30) e + (1 - e^(-1/3)) x |
| map | abs of the product of block means, alpha 1e-6 | abs of the block's inner product over l, alpha 1e-12 |
| update | dW_ij from sender i to receiver j | sender and receiver exchanged; Hebb/l^2, Oja/l, decay/l^4 |
| births | where the map says | sender and receiver exchanged |
| readout | normalised least mean squares | the same with step 1: one step fits the present sample |
| feedback | eta_fb far below the readout's rate | step 1 |
| sign | +tanh(+dL/dx): ascends the loss | the same |
| homeostasis | bias drifts to an activity p* | p* = .05, rate 1/(3 * 50000) over the squared norm of the state |

The sign: with delta = y^ - y and eps = W_fb delta, equation (23) as printed moves weights along +dL/dx. Homeostasis is
what starts a network at zero input: from x = 0 its first steps, divided by ||x||^2, drive every bias into saturation,
and from then on x is one constant vector.

The form of scarcity and demand in the threshold, the integration step and the initial weights are not printed; both
forms take them from the code.
"""

from __future__ import annotations

import math
from typing import Any

FORMS = ("paper", "code")


def configuration(form: str, block_size: int) -> tuple[dict[str, Any], dict[str, float]]:
    """The choices and the constants of either form, for blocks of ``block_size`` neurons."""
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}; 'paper' is what is printed")
    code = form == "code"
    choices = {
        "readout": "nlms",
        "feedback": "published",
        "scouting": "feedback",
        "trace": "published_code" if code else "published",
        "map": "published_code" if code else "published",
        "plasticity": "published_code" if code else "published",
        "structure": "published",
        "homeostasis": "published",
    }
    size = float(block_size)
    rules = {
        "leak": 1.0 - math.exp(-1.0),
        "nlms_rate": 1.0,
        "readout_cap": 10.0,
        "self_radius": 0.88,
        "bias": 0.0,
        "map_rate": 1e-12 if code else 1e-6,
        "feedback_rate": 1.0 if code else 1e-4,
        "bias_rate": 1.0 / 150_000.0 if code else 1e-4,
        "activity": 0.05 if code else 0.1,
        "hebb": 1.0 / size**2 if code else 1e-3,
        "oja": 1.0 / size if code else 1e-3,
        "decay": 1.0 / size**4 if code else 1e-5,
        "weight_cap": 10.0 / math.sqrt(size),
        "period": 16.0,
    }
    return choices, rules
