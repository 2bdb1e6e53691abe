"""A fast part of `benchmarks.real`: what the ecology finds in recordings that do not ship with the package."""

from __future__ import annotations

import numpy as np
import pytest

import trophic

soundfile = pytest.importorskip("soundfile", reason="reading WAV files needs trophic[io]")


def present(found, line_hz: float, tolerance: float = 0.005) -> float:
    """Share of the second and third quarter of the record in which a component is on the line."""
    tracks = found.tracks
    n = len(tracks.time_s)
    middle = slice(n // 4, 3 * n // 4)
    near = tracks.alive[middle] & (np.abs(tracks.frequency_hz[middle] / line_hz - 1) < tolerance)
    return float(near.any(axis=1).mean())


@pytest.mark.parametrize(("name", "base_hz"), [("flute-A4", 443.5), ("violin-B3", 246.96), ("trumpet-A4", 436.5)])
def test_a_sustained_note_is_its_fundamental_and_four_partials(data_root, name, base_hz):
    x, rate = soundfile.read(data_root / "audio/sms-tools" / f"{name}.wav")
    found = trophic.decompose(x, sample_rate_hz=rate, f_min_hz=60, f_max_hz=5000)
    assert [present(found, k * base_hz) > 0.8 for k in range(1, 6)] == [True] * 5


def test_both_notes_of_a_double_stop_sound(data_root):
    x, rate = soundfile.read(data_root / "audio/sms-tools/cello-double.wav")
    found = trophic.decompose(x[: int(2.5 * rate)], sample_rate_hz=rate, f_min_hz=60, f_max_hz=5000)
    assert present(found, 146.96, 0.01) > 0.5
    assert present(found, 220.25, 0.01) > 0.5


def test_the_mains_and_its_third_harmonic(data_root):
    x, rate = soundfile.read(data_root / "power/enf_whu/092_ref.wav")
    found = trophic.decompose(x[: int(120 * rate)], sample_rate_hz=rate, f_min_hz=20, f_max_hz=180)
    table = found.components
    assert np.allclose(table["frequency_hz"][:2], [50, 150], rtol=2e-3)
    assert present(found, 50.0, 0.001) == 1.0
