"""A sound card's input, read through PortAudio with python-sounddevice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from trophic.runtime.contract import Chunk
from trophic.runtime.readers.common import SourceError


class Microphone:
    """The samples of an input as Chunks of about 50 ms, full scale 1; iterate over it once.

    Parameters
    ----------
    sample_rate_hz : float
        Samples per second, in (0, inf), of those the device can do.
    n_channels : int
        Channels to record, >= 1.
    device : str or None
        Name or part of one; None for the system's default input.
    first_sample : int
        Absolute index of the first sample.

    Attributes
    ----------
    n_overflows : int
        Times that the device had to throw samples away (how many, it does not say) because nobody read them.

    Raises
    ------
    SourceError
        There is no PortAudio, no such input, it cannot do what is asked, or it was unplugged.
    """

    def __init__(
        self, sample_rate_hz: float, n_channels: int = 1, device: str | None = None, first_sample: int = 0
    ) -> None:
        self._rate_hz, self._index = sample_rate_hz, first_sample
        self.n_overflows = 0
        self._stop = threading.Event()
        self._sounddevice = _portaudio()
        options: dict[str, Any] = {"samplerate": sample_rate_hz, "channels": n_channels, "device": device}
        try:
            self._stream = self._sounddevice.InputStream(dtype="float32", **options)
        except (ValueError, self._sounddevice.PortAudioError) as error:
            raise SourceError(
                f"microphone {device or 'default'}: {n_channels} channels at {sample_rate_hz:g} Hz cannot be recorded "
                f"({error}); python -m sounddevice lists the inputs there are"
            ) from error

    def __iter__(self) -> Iterator[Chunk]:
        block = max(1, round(self._rate_hz / 20))
        with self._stream:
            while not self._stop.is_set():
                try:
                    values, overflowed = self._stream.read(block)
                except self._sounddevice.PortAudioError as error:
                    raise SourceError(f"microphone: {error}; is it still plugged in?") from error
                self.n_overflows += bool(overflowed)
                yield Chunk(values.copy(), self._index, sample_period_s=1.0 / self._rate_hz)
                self._index += len(values)

    def stop(self) -> None:
        """End soon; may be called from another thread."""
        self._stop.set()


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError as error:  # the module is there, the library is not
        raise SourceError(f"microphone: {error}; install PortAudio (Debian: apt install libportaudio2)") from error
    return sounddevice
