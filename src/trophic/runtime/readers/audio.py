"""Audio files through libsndfile: WAV, FLAC, Ogg, MP3, AIFF, AU, CAF, W64."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trophic.runtime.readers.common import Block, Recording, decoding, missing_extra, pick

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")

#: Containers in which integer samples lie as they are: nothing in them can be missing or fail to decode.
_PLAIN = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF")

#: Values (samples times channels) decoded at once.
_BLOCK_VALUES = 1 << 19


def read(path: Path, column: str | None = None) -> Recording:
    """An audio file as a `Recording`. Samples are scaled so that full scale is 1.

    Parameters
    ----------
    path : Path
        The file; its suffix is one of `SUFFIXES`.
    column : str or None
        The channel to read, "0" being the first (stereo: also "left" and "right"); None for all.

    Raises
    ------
    SourceError
        libsndfile cannot decode the file, or there is no such channel.
    """
    try:
        import soundfile
    except ModuleNotFoundError as error:
        raise missing_extra(path, "soundfile") from error
    with decoding(path, "audio (a text file needs a suffix such as .csv)", lambda: ", from its first bytes on"):
        info = soundfile.info(str(path))
    names = ("left", "right") if info.channels == 2 else tuple(f"channel {i}" for i in range(info.channels))
    keep = slice(None)
    if column is not None:
        index = pick(path, names, column, "channel")
        names, keep = (names[index],), slice(index, index + 1)

    def blocks(chunk_size: int) -> Iterator[Block]:
        n_read = 0
        with decoding(path, "audio", lambda: f" behind sample {n_read}"), soundfile.SoundFile(str(path)) as file:
            size = max(1, min(chunk_size, _BLOCK_VALUES // info.channels))
            for values in file.blocks(blocksize=size, dtype="float64", always_2d=True):
                n_read += len(values)
                yield Block(np.asarray(values[:, keep], dtype=np.float64))

    return Recording(
        kind="audio",
        channel_names=names,
        blocks=blocks,
        sample_rate_hz=float(info.samplerate),
        n_samples=info.frames,
        trusted=info.format in _PLAIN and info.subtype.startswith("PCM_"),
    )
