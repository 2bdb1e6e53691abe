"""The ecology as a circuit: SPICE netlists of its frozen branches, in two forms.

*passive form*: one resistor R in series with a chain of parallel LC tanks, one per branch,

    C = m / (omega R),      L = R / (omega m),      y_k = voltage of tank k,     xi = voltage on R.

The current xi / R flows through every tank, C y' + i_L = xi / R with L i_L' = y, which is
y' = 2 gamma xi - omega v, v' = omega y with v = omega L i_L: Kirchhoff's voltage law *is* the deflation,
nothing in the circuit is active, and its losses are those of R alone.

*series form*: the poster's x_I psi'' + x_D psi' + x_E psi = zeta as a series RLC per branch, psi = charge,

    R = x_D,      L = R m / omega,      C = 1 / (R omega m),     y_k = voltage on R,

driven by zeta_k = xi + y_k. The deflation is made by ideal controlled sources.

Mass m is the quality factor, omega = 2 pi frequency. Both forms offer the same nodes: ``in`` (the signal),
``xi`` (the residual) and ``y1`` .. ``yK`` (the branches), in volts per signal unit, and use only elements
that every SPICE knows (R, L, C, V, E). The learning itself (tuning, mass, market) is not in the circuit.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Form = Literal["passive", "series"]


class Elements(NamedTuple):
    """Element values of the branches, each of shape (K,): ohm, henry and farad."""

    R_ohm: Array
    L_henry: Array
    C_farad: Array


class _Modes(NamedTuple):
    omega: Array  # rad/s
    mass: Array  # quality factor
    y: Array  # output at t = 0
    v: Array  # quadrature at t = 0


def elements(modes: Any, form: Form = "passive", R_ohm: ArrayLike = 1e3) -> Elements:
    """Element values of a circuit; the parameters are those of `to_spice`.

    Examples
    --------
    Concert A, remembered for 100 radians: a tank one could solder, and a coil one could not.

    >>> R, L, C = elements([(440.0, 100.0)])
    >>> f"{L[0] * 1e3:.3f} mH, {C[0] * 1e6:.2f} uF"
    '3.617 mH, 36.17 uF'
    >>> R, L, C = elements([(440.0, 100.0)], form="series")
    >>> f"{L[0]:.2f} H, {C[0] * 1e9:.3f} nF"
    '36.17 H, 3.617 nF'
    """
    omega, mass, _, _ = _modes(modes)
    if form not in ("passive", "series"):
        raise ValueError(f"form must be 'passive' (one resistor, LC tanks) or 'series' (RLC per branch), got {form!r}")
    R = np.asarray(R_ohm, dtype=np.float64)
    if R.shape not in ((), omega.shape) or not np.all((R > 0) & np.isfinite(R)):
        raise ValueError(f"R_ohm must be positive and finite, one number or one per branch ({len(omega)}), got {R_ohm}")
    if form == "passive" and R.ndim:
        raise ValueError(f"R_ohm must be one number in the passive form, which has a single resistor, got {R_ohm}")
    R = np.broadcast_to(R, omega.shape)
    if form == "passive":
        return Elements(R, R / (omega * mass), mass / (omega * R))
    return Elements(R, R * mass / omega, 1 / (R * omega * mass))


def to_spice(
    modes: Any,
    form: Form = "passive",
    *,
    R_ohm: ArrayLike = 1e3,
    source: str | tuple[ArrayLike, ArrayLike] = "AC 1",
) -> str:
    """Netlist of the frozen ecology: title, source and elements, without analysis and ``.end``.

    Parameters
    ----------
    modes : structured array, shape (K,), or sequence of (frequency_hz, mass)
        Living components as ``model.components(state)`` gives them: fields frequency_hz and mass (both > 0)
        and, if present, amplitude and phase_rad, which become initial conditions (``IC=``), so that a
        transient analysis with ``uic`` goes on ringing where the ecology stood. Pairs start at rest.
    form : "passive" or "series"
    R_ohm : float, or in the series form an array of shape (K,)
        The resistance (the branch's dissipation x_D), > 0. It scales impedances, no voltage depends on it.
    source : str or (times_s, volts)
        The signal: a SPICE source description such as ``"AC 1"`` or ``"SIN(0 1 440)"``, or a sampled one
        as a pair of arrays of shape (n,), which SPICE joins by straight lines.

    Raises
    ------
    ValueError
        If there is no mode, a number is out of range, or an unknown form or malformed source is given.

    Examples
    --------
    >>> print(to_spice([(440.0, 100.0), (660.0, 50.0)], source="SIN(0 1 440)"))
    * frozen ecology, passive form: 2 branches, nodes in, xi, y1..y2
    Vin in 0 SIN(0 1 440)
    R0 in n0 1000
    L1 n0 n1 0.00361715779754308
    C1 n0 n1 3.61715779754308e-05
    L2 n1 0 0.00482287706339077
    C2 n1 0 1.20571926584769e-05
    Exi xi 0 in n0 1
    Ey1 y1 0 n0 n1 1
    Ey2 y2 0 n1 0 1
    """
    branches, values = _modes(modes), elements(modes, form, R_ohm)
    lines = _passive(branches, values) if form == "passive" else _series(branches, values)
    n = len(branches.omega)
    title = f"* frozen ecology, {form} form: {n} branch{'es' * (n > 1)}, nodes in, xi, y1..y{n}"
    return "\n".join([title, f"Vin in 0 {_source(source)}", *lines])


def ac_deck(
    modes: Any,
    form: Form = "passive",
    *,
    R_ohm: ArrayLike = 1e3,
    start_hz: float,
    stop_hz: float,
    points_per_decade: int = 200,
    output: str = "ac.txt",
) -> str:
    """A complete ngspice deck: frequency response of the residual and of every branch.

    ``ngspice -b deck.cir`` writes ``output``: columns frequency (Hz), then real and imaginary part of
    xi, y1 .. yK per unit of input, 15 digits, one header line.

    Parameters
    ----------
    modes, form, R_ohm
        As in `to_spice`.
    start_hz, stop_hz : float
        Range of the sweep, 0 < start_hz < stop_hz.
    points_per_decade : int
        Points per decade of frequency, >= 1.
    output : str
        Name of the table, without white space.

    Examples
    --------
    >>> deck = ac_deck([(440.0, 100.0)], start_hz=100.0, stop_hz=1000.0)
    >>> print("\\n".join(deck.splitlines()[-9:]))
    .control
    set numdgt=15
    set wr_singlescale
    set wr_vecnames
    ac dec 200 100 1000
    wrdata ac.txt v(xi) v(y1)
    quit 0
    .endc
    .end
    """
    if not 0 < start_hz < stop_hz < np.inf:
        raise ValueError(f"start_hz and stop_hz must satisfy 0 < start_hz < stop_hz, got {start_hz} and {stop_hz}")
    if points_per_decade < 1:
        raise ValueError(f"points_per_decade must be >= 1, got {points_per_decade}")
    analysis = f"ac dec {points_per_decade} {_number(start_hz)} {_number(stop_hz)}"
    return _deck(to_spice(modes, form, R_ohm=R_ohm), analysis, "v(xi)", len(_modes(modes).omega), output)


def transient_deck(
    modes: Any,
    form: Form = "passive",
    *,
    R_ohm: ArrayLike = 1e3,
    source: str | tuple[ArrayLike, ArrayLike],
    duration_s: float,
    steps_per_period: int = 2000,
    output: str = "transient.txt",
) -> str:
    """A complete ngspice deck: the circuit's answer to a signal, from its initial conditions.

    ``ngspice -b deck.cir`` writes ``output``: columns time (s), in, xi, y1 .. yK (V), 15 digits, one
    header line, at the simulator's own time points.

    Parameters
    ----------
    modes, form, R_ohm, source
        As in `to_spice`.
    duration_s : float
        End of the analysis, > 0.
    steps_per_period : int
        Time steps in the shortest period among the branches, >= 20. The trapezoidal rule detunes a resonator
        by the fraction (2 pi / steps)^2 / 12, so a branch of mass m errs by about m times that: 8e-7 m at the
        default.
    output : str
        Name of the table, without white space.

    Examples
    --------
    >>> deck = transient_deck([(440.0, 100.0)], source="SIN(0 1 440)", duration_s=0.5)
    >>> [line for line in deck.splitlines() if line.startswith(("tran", "wrdata"))]
    ['tran 1.13636363636364e-06 0.5 0 1.13636363636364e-06 uic', 'wrdata transient.txt v(in) v(xi) v(y1)']
    """
    if not 0 < duration_s < np.inf:
        raise ValueError(f"duration_s must be in (0, inf) seconds, got {duration_s}")
    if steps_per_period < 20:
        raise ValueError(f"steps_per_period must be >= 20 to resolve an oscillation, got {steps_per_period}")
    omega = _modes(modes).omega
    step = _number(2 * np.pi / omega.max() / steps_per_period)
    analysis = f"tran {step} {_number(duration_s)} 0 {step} uic"
    netlist = to_spice(modes, form, R_ohm=R_ohm, source=source)
    return _deck(netlist, analysis, "v(in) v(xi)", len(omega), output)


def _deck(netlist: str, analysis: str, first: str, n_branches: int, output: str) -> str:
    if not output or any(c.isspace() for c in output):
        raise ValueError(f"output must be a file name without white space, got {output!r}")
    vectors = " ".join([first, *(f"v(y{k + 1})" for k in range(n_branches))])
    # reltol: the time steps are bounded by hand, the default 1e-3 would be the larger error
    control = [
        ".options reltol=1e-7 abstol=1e-15 vntol=1e-12",
        ".control",
        "set numdgt=15",
        "set wr_singlescale",
        "set wr_vecnames",
        analysis,
        f"wrdata {output} {vectors}",
        "quit 0",
        ".endc",
        ".end",
    ]
    return "\n".join([netlist, *control, ""])


def _passive(modes: _Modes, values: Elements) -> list[str]:
    n = len(modes.omega)
    nodes = [f"n{k}" for k in range(n)] + ["0"]
    lines = [f"R0 in n0 {_number(values.R_ohm[0])}"]
    for k in range(n):
        current = modes.v[k] * modes.mass[k] / values.R_ohm[k]  # i_L = v / (omega L)
        pins = f"{nodes[k]} {nodes[k + 1]}"
        lines += [
            f"L{k + 1} {pins} {_number(values.L_henry[k])}{_initial(current)}",
            f"C{k + 1} {pins} {_number(values.C_farad[k])}{_initial(modes.y[k])}",
        ]
    probes = [f"Ey{k + 1} y{k + 1} 0 {nodes[k]} {nodes[k + 1]} 1" for k in range(n)]
    return [*lines, "Exi xi 0 in n0 1", *probes]


def _series(modes: _Modes, values: Elements) -> list[str]:
    n = len(modes.omega)
    # the residual: a ladder of sources, each taking one branch's output off the signal
    rungs = ["in", *(f"d{k + 1}" for k in range(n - 1)), "xi"]
    lines = [f"Ed{k + 1} {rungs[k + 1]} {rungs[k]} y{k + 1} 0 -1" for k in range(n)]
    for k in range(n):
        i = k + 1
        current = modes.y[k] / values.R_ohm[k]
        voltage = modes.v[k] * modes.mass[k]  # charge psi = v / (omega R), over C
        lines += [
            f"Ez{i} z{i} xi y{i} 0 1",
            f"L{i} z{i} c{i} {_number(values.L_henry[k])}{_initial(current)}",
            f"C{i} c{i} y{i} {_number(values.C_farad[k])}{_initial(voltage)}",
            f"R{i} y{i} 0 {_number(values.R_ohm[k])}",
        ]
    return lines


def _modes(modes: Any) -> _Modes:
    table = np.asarray(modes)
    if table.dtype.names is None:
        table = np.asarray(modes, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 2:
            raise ValueError(f"modes must be components or (frequency_hz, mass) pairs, shape (K, 2), got {table.shape}")
        frequency, mass, amplitude, phase = *table.T, np.zeros(len(table)), np.zeros(len(table))
    else:
        if missing := {"frequency_hz", "mass"} - set(table.dtype.names):
            raise ValueError(f"modes lack the fields {sorted(missing)}; pass model.components(state)")
        frequency, mass = _field(table, "frequency_hz"), _field(table, "mass")
        known = {"amplitude", "phase_rad"} <= set(table.dtype.names)
        amplitude = _field(table, "amplitude") if known else np.zeros(len(frequency))
        phase = _field(table, "phase_rad") if known else np.zeros(len(frequency))
    if len(frequency) == 0:
        raise ValueError("modes must hold at least one branch, got none; nothing lives in this ecology yet")
    for name, values in (("frequency_hz", frequency), ("mass", mass)):
        if not np.all((values > 0) & np.isfinite(values)):
            raise ValueError(f"{name} must be positive and finite in every mode, got {values}; drop dead branches")
    if not np.all(np.isfinite(amplitude) & np.isfinite(phase)):
        raise ValueError(f"amplitude and phase_rad must be finite in every mode, got {amplitude} and {phase}")
    return _Modes(2 * np.pi * frequency, mass, amplitude * np.cos(phase), amplitude * np.sin(phase))


def _field(table: NDArray[Any], name: str) -> Array:
    return np.atleast_1d(table[name]).astype(np.float64)


def _source(source: str | tuple[ArrayLike, ArrayLike]) -> str:
    if isinstance(source, str):
        if not source.strip() or "\n" in source:
            raise ValueError(f"source must be one line of SPICE such as 'AC 1' or 'SIN(0 1 440)', got {source!r}")
        return source
    times, volts = (np.asarray(part, dtype=np.float64) for part in source)
    if times.ndim != 1 or times.shape != volts.shape or len(times) < 2:
        raise ValueError(f"source must be two arrays of one shape (n,), n >= 2, got {times.shape} and {volts.shape}")
    if not np.all(np.isfinite(volts)) or not np.all(np.diff(times) > 0) or times[0] < 0:
        raise ValueError("source must have finite volts at strictly increasing times_s >= 0; SPICE starts at time 0")
    corners = [f"+ {_number(t)} {_number(u)}" for t, u in zip(times, volts, strict=True)]
    return "\n".join(["PWL(", *corners, "+ )"])


def _initial(value: float) -> str:
    return f" IC={_number(value)}" if value else ""


def _number(value: float) -> str:
    return f"{value:.15g}"
