"""The exported circuits in ngspice against closed forms and an independent integration of the ODE."""

import shutil
import subprocess

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from trophic.ecology import circuit
from trophic.ecology.response import deflated_response

NGSPICE = shutil.which("ngspice")
needs_ngspice = pytest.mark.skipif(NGSPICE is None, reason="ngspice is not installed (Debian: apt install ngspice)")

MODES = [(50.0, 5.0), (73.0, 20.0), (120.0, 60.0)]
OMEGA = 2 * np.pi * np.array([frequency for frequency, _ in MODES])
GAMMA = OMEGA / 2 / np.array([mass for _, mass in MODES])
FORMS = [("passive", 1e3), ("series", 1e3), ("series", [10.0, 1e3, 2e4])]


def simulate(deck, output, folder):
    (folder / "deck.cir").write_text(deck)
    done = subprocess.run([NGSPICE, "-b", "deck.cir"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return np.loadtxt(folder / output, skiprows=1)


def integrate(times, corners, volts, z):
    """y and v of all branches at ``times``: the frozen ODE driven by straight lines between the corners."""
    n = len(z)
    state, path = np.concatenate([z.real, z.imag]), np.empty((len(times), 2 * n))
    for start, end, low, high in zip(corners[:-1], corners[1:], volts[:-1], volts[1:]):

        def motion(t, s, start=start, end=end, low=low, high=high):
            xi = low + (high - low) * (t - start) / (end - start) - s[:n].sum()
            return np.concatenate([2 * GAMMA * xi - OMEGA * s[n:], OMEGA * s[:n]])

        piece = solve_ivp(motion, (start, end), state, method="DOP853", rtol=1e-10, atol=1e-12, dense_output=True)
        inside = (times >= start) & (times <= end)
        path[inside] = piece.sol(times[inside]).T
        state = piece.y[:, -1]
    return path[:, :n]


@needs_ngspice
@pytest.mark.parametrize(("form", "R_ohm"), FORMS)
def test_frequency_response_is_the_closed_form(form, R_ohm, tmp_path):
    deck = circuit.ac_deck(MODES, form, R_ohm=R_ohm, start_hz=5.0, stop_hz=500.0)
    table = simulate(deck, "ac.txt", tmp_path)
    residual, outputs = deflated_response(2 * np.pi * table[:, 0], OMEGA, GAMMA)
    np.testing.assert_allclose(table[:, 1::2] + 1j * table[:, 2::2], np.column_stack([residual, outputs]), atol=1e-11)


@needs_ngspice
@pytest.mark.parametrize(("form", "R_ohm"), FORMS)
def test_transient_is_the_differential_equation(form, R_ohm, tmp_path):
    """A sampled noisy signal, piecewise linear; starting from rest."""
    corners = np.arange(150) / 500
    volts = np.cos(2 * np.pi * 50 * corners) + np.sin(2 * np.pi * 75 * corners)
    volts += 0.3 * np.random.default_rng(1).standard_normal(len(corners))
    deck = circuit.transient_deck(
        MODES, form, R_ohm=R_ohm, source=(corners, volts), duration_s=corners[-1], steps_per_period=3000
    )
    table = simulate(deck, "transient.txt", tmp_path)
    expected = integrate(table[:, 0], corners, volts, np.zeros(3, dtype=complex))
    error = np.abs(table[:, 3:] - expected).max(axis=0) / np.abs(expected).max(axis=0)
    assert error.max() < 3e-5
    np.testing.assert_allclose(table[:, 2], table[:, 1] - table[:, 3:].sum(axis=1), atol=1e-9)


@needs_ngspice
@pytest.mark.parametrize(("form", "R_ohm"), FORMS)
def test_living_components_ring_on_from_where_they_stood(form, R_ohm, tmp_path):
    fields = [("frequency_hz", "f8"), ("mass", "f8"), ("amplitude", "f8"), ("phase_rad", "f8"), ("share", "f8")]
    components = np.array([(f, m, 1 / m, m, 0.1) for f, m in MODES], dtype=fields)
    deck = circuit.transient_deck(components, form, R_ohm=R_ohm, source="DC 0", duration_s=0.1, steps_per_period=3000)
    table = simulate(deck, "transient.txt", tmp_path)
    z = components["amplitude"] * np.exp(1j * components["phase_rad"])
    expected = integrate(table[:, 0], np.array([0.0, 0.1]), np.zeros(2), z)
    assert np.abs(table[:, 3:] - expected).max() < 3e-5 * np.abs(z).max()


def test_elements_store_the_energy_of_the_ledger():
    """C y^2 / 2 + L i^2 / 2 = |z|^2 / (4 gamma R), in both forms."""
    y, v = 0.3, -0.8
    for form in ("passive", "series"):
        R, L, C = circuit.elements(MODES, form, R_ohm=50.0)
        if form == "passive":
            current, voltage = v / (OMEGA * L), y
        else:
            current, voltage = y / R, v / (OMEGA * R * C)
        stored = C * voltage**2 / 2 + L * current**2 / 2
        np.testing.assert_allclose(stored, (y**2 + v**2) / (4 * GAMMA * 50.0), rtol=1e-13)
        np.testing.assert_allclose(1 / np.sqrt(L * C), OMEGA, rtol=1e-13)


def test_netlist_holds_every_element_once_with_its_initial_condition():
    fields = [("frequency_hz", "f8"), ("mass", "f8"), ("amplitude", "f8"), ("phase_rad", "f8")]
    component = np.array([(1 / (2 * np.pi), 8.0, 2.0, np.pi / 2)], dtype=fields)
    lines = circuit.to_spice(component, R_ohm=4.0, source="DC 0").splitlines()
    assert "L1 n0 0 0.5 IC=4" in lines  # v = 2 on omega L = 1/2
    assert "R0 in n0 4" in lines
    names = [line.split()[0] for line in lines[1:]]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: circuit.to_spice([]), "modes"),
        (lambda: circuit.to_spice(np.zeros((0, 2))), "at least one"),
        (lambda: circuit.to_spice([(50.0, 0.0)]), "mass"),
        (lambda: circuit.to_spice([(np.nan, 1.0)]), "frequency_hz"),
        (lambda: circuit.to_spice(np.zeros(1, dtype=[("mass", "f8")])), "frequency_hz"),
        (lambda: circuit.to_spice(MODES, "parallel"), "form"),
        (lambda: circuit.to_spice(MODES, R_ohm=-1.0), "R_ohm"),
        (lambda: circuit.to_spice(MODES, R_ohm=[1.0, 2.0, 3.0]), "R_ohm"),
        (lambda: circuit.to_spice(MODES, source="AC 1\n.end"), "source"),
        (lambda: circuit.to_spice(MODES, source=([0.0, 0.0], [1.0, 1.0])), "source"),
        (lambda: circuit.ac_deck(MODES, start_hz=5.0, stop_hz=1.0), "start_hz"),
        (lambda: circuit.ac_deck(MODES, start_hz=1.0, stop_hz=5.0, output="a b"), "output"),
        (lambda: circuit.transient_deck(MODES, source="DC 0", duration_s=0.0), "duration_s"),
        (lambda: circuit.transient_deck(MODES, source="DC 0", duration_s=1.0, steps_per_period=3), "steps_per_period"),
    ],
)
def test_errors_name_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
