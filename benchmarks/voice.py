"""Voices, frame by frame, beside the sinusoidal model: ``python -m benchmarks.voice --data FOLDER``.

Every method hears the same 16 kHz record in the same band and may hold as many components (16). In every voiced 10 ms
frame it is asked at time t, knowing nothing of what follows,

- **which lines sound**: reference lines are the harmonics of the fundamental (`benchmarks.pitch`) below 4 kHz whose
  amplitude, fitted around the frame, is within 20 dB of the strongest. A line is *followed* if a component is within a
  tenth of the fundamental. A component farther than that from every harmonic is *astray*.
- **what comes next**: the waveform of the pitch period that follows, continued from the present components alone
  (constant frequencies and amplitudes). The error is normalised by the rms of the voiced signal. Persistence repeats
  the period just heard; it is told the reference period, which nobody else is.

The sinusoidal model (short-time spectral peaks with peak continuation) is run with several windows, and asked causally:
its window ends at t. It is also scored with, in each frame, only as many of its strongest components as the ecology has
there; and its lines as if stamped with the window's centre, which needs half a window of the future.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

import trophic
from benchmarks import report
from benchmarks.peers.sinusoidal_model import join
from benchmarks.peers.stft_peaks import analyse
from benchmarks.pitch import Pitch, yin

Array = NDArray[np.float64]

RATE_HZ = 16_000
BAND_HZ = (60.0, 4000.0)
N_COMPONENTS = 16
STEP_S = 0.01
NEAR = 0.1  # of the fundamental
STRONG_DB = 20.0
FIT_S = 0.03  # over which the amplitudes of the reference lines are fitted
WINDOWS_S = (0.02, 0.03, 0.04, 0.06)
RECORDINGS = {
    "speech, female": "audio/sms-tools/speech-female.wav",
    "read speech, female": "audio/librosa/librispeech_198-209-0000.ogg",
    "singing, female": "audio/sms-tools/singing-female.wav",
    "singing, solo": "audio/vocadito/vocadito_10.wav",
}
LONGEST_S = 10.0
OURS, PEER, PERSISTENCE = "trophic", "sinusoidal model", "persistence by one (reference) period"
WHY = (
    "Nearly always the fundamental is held; what is missed are the higher harmonics, and most of all at the start of a "
    "voiced stretch: a component has to prove itself (9.5 nats above what its neighbourhood explains), and then much "
    "of the stretch is over. After a stretch the last components linger (picture, from .85 s). Repeating the last "
    "period beats every sum of sinusoids on speech: harmonics belong together, and neither method knows it."
)
ORDERS = {"harmonic 1": (1, 1), "2": (2, 2), "3": (3, 3), "4 to 6": (4, 6), "above": (7, 99)}
AGES_S = {"first 50 ms": (0.0, 0.05), "to 100 ms": (0.05, 0.1), "to 200 ms": (0.1, 0.2), "later": (0.2, 1e9)}


@dataclass(frozen=True)
class Present:
    """The components of each frame, known at ``time_s``: arrays (n_frames, n_slots), NaN where a slot is empty."""

    time_s: Array
    frequency_hz: Array
    amplitude: Array
    phase_rad: Array


@dataclass(frozen=True)
class Score:
    """Of one method on one record; shares in 0..1, errors in shares of the fundamental and of the signal's rms."""

    followed: float
    line_error: float
    astray: float
    prediction: float
    n_present: float


# --- the methods ----------------------------------------------------------------------------------------------------


def ecology(x: Array, time_s: Array) -> Present:
    """Tracks of `trophic.decompose` at each time."""
    found = trophic.decompose(
        x, RATE_HZ, f_min_hz=BAND_HZ[0], f_max_hz=BAND_HZ[1], n_branches=N_COMPONENTS, track_rate_hz=RATE_HZ / 8
    )
    assert isinstance(found, trophic.Decomposition)
    tracks = found.tracks
    at = np.searchsorted(tracks.time_s, time_s, side="right") - 1
    late = (time_s - tracks.time_s[at])[:, None]
    phase = tracks.phase_rad[at] + 2 * np.pi * tracks.frequency_hz[at] * late
    return Present(time_s, tracks.frequency_hz[at], tracks.amplitude[at], phase)


def sinusoidal_model(x: Array, time_s: Array, window_s: float, centred: bool = False) -> Present:
    """Peaks of the window that ends at each time (``centred``: around it), continued from frame to frame."""
    half = round(window_s * RATE_HZ / 2)
    first = round(time_s[0] * RATE_HZ) - (half if centred else 2 * half)
    step = round(STEP_S * RATE_HZ)
    start = first % step  # the frames of `analyse` lie on our grid
    centre_s, frames = analyse(
        x[start:], RATE_HZ, *BAND_HZ, n_peaks=N_COMPONENTS, window_s=2 * half / RATE_HZ, step=step, threshold_db=6.0
    )
    partials = join(centre_s + start / RATE_HZ, frames, N_COMPONENTS, 1 / window_s)
    known_s = partials.centre_s + (0 if centred else half / RATE_HZ)
    at = np.clip(np.round((time_s - known_s[0]) / STEP_S).astype(int), 0, len(known_s) - 1)
    there = (np.abs(known_s[at] - time_s) < 1.5 / RATE_HZ)[:, None]
    frequency = np.where(there, partials.frequency_hz[at], np.nan)
    phase = partials.phase_rad[at] + 2 * np.pi * frequency * (time_s - partials.centre_s[at])[:, None]
    return Present(time_s, frequency, partials.amplitude[at], phase)


def strongest(present: Present, n: NDArray[np.int64]) -> Present:
    """Only the ``n`` (n_frames,) components of largest amplitude in each frame."""
    rank = np.argsort(np.argsort(-np.nan_to_num(present.amplitude, nan=-1.0), axis=1), axis=1)
    kept = rank < n[:, None]
    return Present(present.time_s, *(np.where(kept, v, np.nan) for v in (present.frequency_hz, present.amplitude)),
                   present.phase_rad)  # fmt: skip


# --- the questions --------------------------------------------------------------------------------------------------


def reference_lines(x: Array, pitch: Pitch) -> list[Array]:
    """Per frame the harmonics (Hz) below the band's end within `STRONG_DB` of the strongest; none where not voiced."""
    lines = []
    half = round(FIT_S * RATE_HZ / 2)
    t = np.arange(-half, half + 1) / RATE_HZ
    window = np.hanning(len(t) + 2)[1:-1, None]
    for centre_s, f0 in zip(pitch.time_s, pitch.f0_hz, strict=True):
        piece = x[round(centre_s * RATE_HZ) - half :][: len(t)]
        if np.isnan(f0) or len(piece) < len(t):
            lines.append(np.zeros(0))
            continue
        harmonics = f0 * np.arange(1, int(BAND_HZ[1] / f0) + 1)
        turns = 2 * np.pi * np.outer(t, harmonics)
        basis = np.concatenate([np.cos(turns), np.sin(turns)], axis=1)
        weight = np.linalg.lstsq(window * basis, window[:, 0] * piece, rcond=None)[0]
        amplitude = np.hypot(*np.split(weight, 2))
        lines.append(harmonics[amplitude > amplitude.max() * 10 ** (-STRONG_DB / 20)])
    return lines


def follow(present: Present, pitch: Pitch, lines: list[Array]) -> tuple[float, float, float]:
    """Share of the reference lines followed, median error of those (in fundamentals), share of components astray."""
    errors, n_lines, n_present, n_astray = [], 0, 0, 0
    for f0, reference, row in zip(pitch.f0_hz, lines, present.frequency_hz, strict=True):
        if not len(reference):
            continue
        here = row[np.isfinite(row)]
        n_lines += len(reference)
        n_present += len(here)
        if len(here):
            distance = np.abs(reference[:, None] - here[None, :]).min(axis=1) / f0
            errors.extend(distance[distance <= NEAR])
            n_astray += np.count_nonzero(np.abs(here / f0 - np.round(here / f0)) > NEAR)
    return len(errors) / max(1, n_lines), float(np.median(errors or [np.nan])), n_astray / max(1, n_present)


def where(present: Present, pitch: Pitch, lines: list[Array]) -> tuple[str, ...]:
    """Lines per frame, median voiced stretch, and the share followed by harmonic and by time since the voice set in."""
    held: list[tuple[int, float, bool]] = []  # order, seconds since the onset, whether it is followed
    stretches, age = [], 0
    for f0, reference, row in zip(pitch.f0_hz, lines, present.frequency_hz, strict=True):
        if np.isnan(f0) and age:
            stretches.append(age * STEP_S)
        age = 0 if np.isnan(f0) else age + 1
        for line_hz in reference:
            near = np.nanmin(np.abs(np.append(row, np.inf) - line_hz)) <= NEAR * f0
            held.append((round(line_hz / f0), (age - 1) * STEP_S, bool(near)))
    stretches += [age * STEP_S] if age else []

    def share(chosen: list[bool]) -> str:
        return f"{np.mean(chosen):.0%}" if chosen else ""

    by_order = [share([hit for k, _, hit in held if low <= k <= high]) for low, high in ORDERS.values()]
    by_age = [share([hit for _, t, hit in held if low <= t < high]) for low, high in AGES_S.values()]
    per_frame = len(held) / max(1, int(pitch.voiced.sum()))
    return f"{per_frame:.1f}", f"{1e3 * np.median(stretches):.0f} ms", *by_order, *by_age


def continuation(present: Present, i: int, u: Array) -> Array:
    """The waveform ``u`` seconds (n,) after frame ``i``: its components go on as they are."""
    alive = np.isfinite(present.frequency_hz[i])
    f, a, p = (v[i, alive] for v in (present.frequency_hz, present.amplitude, present.phase_rad))
    return np.sum(a * np.cos(p + 2 * np.pi * f * u[:, None]), axis=1)


def prediction_error(x: Array, pitch: Pitch, predict) -> float:
    """NRMSE of ``predict(i, u)`` over the pitch period after each voiced frame."""
    wrong, total = 0.0, 0.0
    for i in np.flatnonzero(pitch.voiced):
        now, period = round(pitch.time_s[i] * RATE_HZ), round(RATE_HZ / pitch.f0_hz[i])
        truth = x[now + 1 : now + 1 + period]
        wrong += np.sum((truth - predict(i, np.arange(1, len(truth) + 1) / RATE_HZ)) ** 2)
        total += np.sum(truth**2)
    return float(np.sqrt(wrong / total))


def persistence(x: Array, pitch: Pitch):
    """Repeat the period that has just been heard."""

    def predict(i: int, u: Array) -> Array:
        now, period = round(pitch.time_s[i] * RATE_HZ), round(RATE_HZ / pitch.f0_hz[i])
        return x[now + np.round(u * RATE_HZ).astype(int) - period]

    return predict


def score(x: Array, pitch: Pitch, lines: list[Array], present: Present) -> Score:
    followed, error, astray = follow(present, pitch, lines)
    ahead = prediction_error(x, pitch, lambda i, u: continuation(present, i, u))
    n_present = float(np.isfinite(present.frequency_hz[pitch.voiced]).sum(axis=1).mean())
    return Score(followed, error, astray, ahead, n_present)


# --- the page -------------------------------------------------------------------------------------------------------


def read(path: Path) -> Array:
    """At most `LONGEST_S` of a recording's first channel, at `RATE_HZ`."""
    import soundfile

    x, rate = soundfile.read(path, dtype="float64", always_2d=True)
    divisor = int(np.gcd(rate, RATE_HZ))
    return resample_poly(x[: int(LONGEST_S * rate), 0], RATE_HZ // divisor, rate // divisor)


def scores(x: Array, pitch: Pitch) -> dict[str, Score]:
    """Of every method on a record; NaN where a question cannot be put to it."""
    lines = reference_lines(x, pitch)
    ours = ecology(x, pitch.time_s)
    n_ours = np.isfinite(ours.frequency_hz).sum(axis=1)
    found = {OURS: score(x, pitch, lines, ours)}
    peers = {1e3 * w: sinusoidal_model(x, pitch.time_s, w) for w in WINDOWS_S}
    for ms, present in peers.items():
        found[f"{PEER}, {ms:.0f} ms"] = score(x, pitch, lines, present)
    for ms, present in peers.items():
        found[f"{PEER}, {ms:.0f} ms, as many as trophic"] = score(x, pitch, lines, strongest(present, n_ours))
    for window_s in WINDOWS_S:
        ahead = follow(sinusoidal_model(x, pitch.time_s, window_s, centred=True), pitch, lines)
        found[f"{PEER}, {1e3 * window_s:.0f} ms, seeing half of it ahead"] = Score(*ahead, np.nan, np.nan)
    error = prediction_error(x, pitch, persistence(x, pitch))
    found[PERSISTENCE] = Score(np.nan, np.nan, np.nan, error, np.nan)
    return found


def rows_of(name: str, found: dict[str, Score]) -> list[tuple[str, ...]]:
    def cell(value: float, text: str) -> str:
        return text.format(value) if np.isfinite(value) else ""

    return [
        (
            name,
            method,
            cell(s.followed, "{:.0%}"),
            cell(s.line_error, "{:.1%}"),
            cell(s.astray, "{:.0%}"),
            cell(s.prediction, "{:.2f}"),
            cell(s.n_present, "{:.1f}"),
        )
        for method, s in found.items()
    ]


def sentence(name: str, found: dict[str, Score]) -> str:
    """What the numbers say of one record."""
    ours = found[OURS]
    peers = {m: s for m, s in found.items() if m.startswith(PEER) and m.endswith("ms")}
    equal = {m: s for m, s in found.items() if m.endswith("as many as trophic")}
    best_lines = max(peers.values(), key=lambda s: s.followed)
    best_ahead = min(peers.values(), key=lambda s: s.prediction)
    lines_equal, ahead_equal = max(s.followed for s in equal.values()), min(s.prediction for s in equal.values())
    return (
        f"- {name}: with {ours.n_present:.1f} components trophic follows {ours.followed:.0%} of the strong lines; the "
        f"sinusoidal model, at its best window, {best_lines.followed:.0%} with {best_lines.n_present:.1f}, and "
        f"{lines_equal:.0%} with as many as trophic. NRMSE of the next period: {ours.prediction:.2f} against "
        f"{best_ahead.prediction:.2f} (as many: {ahead_equal:.2f}); persistence {found[PERSISTENCE].prediction:.2f}."
    )


def picture(x: Array, pitch: Pitch, path: Path, span_s: tuple[float, float] = (0.4, 1.9)) -> None:
    """Lines of both methods over the harmonics of the reference."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    methods = {"trophic": ecology(x, pitch.time_s), "sinusoidal model, 40 ms": sinusoidal_model(x, pitch.time_s, 0.04)}
    for axis, (name, present) in zip(axes, methods.items(), strict=True):
        axis.specgram(x, NFFT=512, Fs=RATE_HZ, noverlap=448, cmap="Greys", vmin=-85, vmax=-30)
        for k in range(1, int(BAND_HZ[1] / np.nanmin(pitch.f0_hz)) + 1):
            axis.plot(pitch.time_s, k * pitch.f0_hz, color="#e69f00", lw=2.5, alpha=0.4)
        axis.plot(present.time_s, present.frequency_hz, ".", color="#0072b2", ms=4)
        axis.set(xlim=span_s, ylim=(0, 3000), ylabel="frequency (Hz)", title=name)
    axes[1].set_xlabel("time (s)")
    figure.savefig(path, dpi=65)


HEADER = (
    "recording",
    "method",
    "lines followed",
    "median error / f0",
    "components astray",
    "NRMSE, next period",
    "components present",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TROPHIC_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"no recordings at {options.data}: give --data or set TROPHIC_DATA")
    body, said, places = [], [], []
    for name, path in RECORDINGS.items():
        x = read(options.data / path)
        pitch = yin(x, RATE_HZ, step_s=STEP_S)
        found = scores(x, pitch)
        body += rows_of(f"{name} ({int(pitch.voiced.sum())} frames)", found)
        said.append(sentence(name, found))
        places.append((name, *where(ecology(x, pitch.time_s), pitch, reference_lines(x, pitch))))
        print(said[-1], flush=True)
    (options.out / "real").mkdir(parents=True, exist_ok=True)
    x = read(options.data / next(iter(RECORDINGS.values())))
    picture(x, yin(x, RATE_HZ, step_s=STEP_S), options.out / "real" / "voice.png")
    lines = ["# Voice", "", "Generated; do not edit.", "", *report.provenance("benchmarks.voice"), ""]
    lines += [(__doc__ or "").split("\n\n", 1)[1], *report.table(HEADER, body), ""]
    lines += [
        "## What it says",
        "",
        *said,
        "",
        "Lines followed by trophic, by harmonic and by time since the voice set in:",
        "",
    ]
    lines += [
        *report.table(("recording", "lines per frame", "median stretch", *ORDERS, *AGES_S), places),
        "",
        WHY,
        "",
        "![Lines of both methods](real/voice.png)",
        "",
    ]
    lines += ["Blue: components; orange: harmonics of the reference, where voiced; grey: spectrogram (speech, female)."]
    report.write(options.out / "voice.md", lines)


if __name__ == "__main__":
    main()
