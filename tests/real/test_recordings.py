"""A fast part of `benchmarks.real`: what the ecology finds in recordings that do not ship with the package."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import judges, voice
from benchmarks.pitch import yin
from benchmarks.recordings import RECORDINGS, Recording

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


def judged(name: str, data_root) -> tuple[trophic.Decomposition, Recording]:
    """A recording of the benchmark, decomposed as there."""
    (recording,) = (r for r in RECORDINGS if r.name == name)
    x, rate = recording.read(data_root)
    low, high = recording.band_hz
    return trophic.decompose(x, sample_rate_hz=rate, f_min_hz=low, f_max_hz=high), recording


def test_birdsong_and_whale_song_are_followed_note_by_note(data_root):
    """A component lies on the strongest spectral peak of most loud frames, though notes glide and last a second."""
    for name in ("robin", "humpback whale"):
        found, recording = judged(name, data_root)
        _, good = recording.judges[0](found, data_root)
        assert good, name


def test_the_strides_of_a_foot_are_its_rhythm(data_root):
    """Half of the reference strides within 5 %, and the step rate beside the stride rate."""
    found, recording = judged("gait, foot", data_root)
    answer, good = recording.judges[0](found, data_root)
    assert good, answer
    assert judges.presence(found, 1.85, 0.06)[0] > 0.5


def test_every_new_speed_of_a_fan_is_a_new_line(data_root):
    found, recording = judged("fan, 17 speeds", data_root)
    answer, good = recording.judges[0](found, data_root)
    assert good, answer
    assert len({int(k) for k in found.tracks.individual[found.tracks.alive]}) >= 5  # speeds are not one life


def test_lines_of_a_gravitational_wave_detector(data_root):
    """Band-passed: calibration line, mains, violin modes."""
    pytest.importorskip("h5py", reason="reading HDF5 needs h5py")
    found, _ = judged("LIGO H1, band-passed", data_root)
    for line_hz in (36.7, 60.0, 120.0, 180.0, 331.9):
        assert np.min(np.abs(found.components["frequency_hz"] / line_hz - 1)) < 1e-3


def test_the_solar_cycle_within_twenty_cycles(data_root):
    for name in ("sunspots, yearly", "sunspots, monthly"):
        found, recording = judged(name, data_root)
        answer, good = recording.judges[0](found, data_root)
        assert good, answer
        years = 1 / found.components["frequency_hz"][0] / (365.25 * 86400)
        assert 10 < years < 12


def test_the_year_of_the_pacific_and_the_days_of_a_steel_plant(data_root):
    pacific, _ = judged("Nino 1+2, monthly", data_root)
    assert pacific.components["frequency_hz"][0] * 365.25 * 86400 == pytest.approx(1.0, abs=0.01)
    plant, _ = judged("steel plant", data_root)
    per_day = plant.components["frequency_hz"] * 86400
    for harmonic in (1, 3, 4, 5):
        assert np.min(np.abs(per_day / harmonic - 1)) < 1e-3


def test_a_sung_note_is_its_harmonics_and_goes_on(data_root):
    """Every strong harmonic is followed in voiced frames, and the next period predicted better than by the peers."""
    x = voice.read(data_root / voice.RECORDINGS["singing, female"])
    pitch = yin(x, voice.RATE_HZ)
    lines = voice.reference_lines(x, pitch)
    ours = voice.score(x, pitch, lines, voice.ecology(x, pitch.time_s))
    peers = [voice.score(x, pitch, lines, voice.sinusoidal_model(x, pitch.time_s, w)) for w in voice.WINDOWS_S]
    assert ours.followed > 0.95
    assert ours.line_error < 0.01
    assert ours.prediction < min(peer.prediction for peer in peers)


def test_speech_is_heard_in_its_strongest_harmonics(data_root):
    """What a handful of components can: two lines of five, and better than silence one period ahead."""
    for name in ("speech, female", "read speech, female"):
        x = voice.read(data_root / voice.RECORDINGS[name])
        pitch = yin(x, voice.RATE_HZ)
        ours = voice.score(x, pitch, voice.reference_lines(x, pitch), voice.ecology(x, pitch.time_s))
        assert ours.followed > 0.3
        assert ours.astray < 0.35
        assert ours.prediction < 0.85
